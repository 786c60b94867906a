"""Rows of codes in blocks of 64 items, so that one instruction meets the same byte of many items.

A block holds, for each whole group of bytes of a row, that group of all its items one after another, then for each
byte left over that byte of all its items. With groups of one byte these are planes. The last block is as long as its
items need: nothing is padded in memory, only a copy of it while a search runs.
"""

import numpy as np
from numba import njit

from engine.indexes.simd import ITEMS


def to_blocks(rows: np.ndarray, group: int) -> np.ndarray:
    """Return rows uint8 [n, W] in blocks, uint8 [n · W]."""
    whole = len(rows) // ITEMS * ITEMS
    parts = [
        _turned(rows[:whole].reshape(whole // ITEMS, ITEMS, rows.shape[1]), group),
        _turned(rows[whole:][None], group),
    ]
    return np.concatenate([part.ravel() for part in parts])


def from_blocks(blocks: np.ndarray, width: int, group: int) -> np.ndarray:
    """Return rows uint8 [n, W] of blocks: the inverse of `to_blocks`."""
    n = len(blocks) // width if width else 0
    whole = n // ITEMS * ITEMS
    parts = [_back(blocks[: whole * width].reshape(whole // ITEMS, ITEMS * width), width, group)]
    parts.append(_back(blocks[whole * width :].reshape(1, -1), width, group))
    return np.concatenate(parts)


def _turned(rows: np.ndarray, group: int) -> np.ndarray:
    """Return blocks [b, m · W] of rows [b, m, W]."""
    count, items, width = rows.shape
    grouped = width // group * group
    whole = rows[:, :, :grouped].reshape(count, items, grouped // group, group).swapaxes(1, 2)
    left = rows[:, :, grouped:].swapaxes(1, 2)
    return np.concatenate(
        [whole.reshape(count, items * grouped), left.reshape(count, items * (width - grouped))], axis=1
    )


def _back(blocks: np.ndarray, width: int, group: int) -> np.ndarray:
    """Return rows [b · m, W] of blocks [b, m · W]."""
    count, items, grouped = len(blocks), blocks.shape[1] // width if width else 0, width // group * group
    whole = blocks[:, : items * grouped].reshape(count, grouped // group, items, group).swapaxes(1, 2)
    left = blocks[:, items * grouped :].reshape(count, width - grouped, items).swapaxes(1, 2)
    return np.concatenate([whole.reshape(count * items, grouped), left.reshape(count * items, width - grouped)], axis=1)


@njit(cache=True, nogil=True)
def last_block(blocks: np.ndarray, width: int, group: int) -> np.ndarray:
    """Return a copy of the last block, uint8 [64 · W], zeros where it has no items; empty if all are whole."""
    n = len(blocks) // width
    whole = n // ITEMS * ITEMS
    items, grouped = n - whole, width // group * group
    if items == 0:
        return np.empty(0, np.uint8)
    padded = np.zeros(ITEMS * width, np.uint8)
    short = blocks[whole * width :]
    for first in range(0, grouped, group):
        padded[first * ITEMS : first * ITEMS + group * items] = short[first * items : (first + group) * items]
    for byte in range(grouped, width):
        padded[byte * ITEMS : byte * ITEMS + items] = short[byte * items : (byte + 1) * items]
    return padded


@njit(cache=True, nogil=True)
def last_scales(scales: np.ndarray) -> np.ndarray:
    """Return a copy of the last block's scales, uint16 [64], zeros behind them; empty where there are no scales."""
    padded = np.zeros(ITEMS if len(scales) else 0, np.uint16)
    short = scales[len(scales) // ITEMS * ITEMS :]
    padded[: len(short)] = short
    return padded
