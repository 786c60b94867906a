"""Slow, obvious references: what the fast code must agree with, written so that it can be checked by eye."""

import numpy as np

WORD = 2**64


def mix(x: int) -> int:
    """The finaliser of splitmix64, in whole numbers of any size."""
    x = (x + 0x9E3779B97F4A7C15) % WORD
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def id_at(position: int, n: int, seed: int) -> int:
    """A four-round Feistel network on 2h bits, applied until the result is below n."""
    h = 1
    while 4**h < n:
        h += 1
    x = position
    while True:
        left, right = x >> h, x % 2**h
        for i in range(4):
            left, right = right, left ^ mix((right + mix((4 * seed + i) % WORD)) % WORD) % 2**h
        x = left << h | right
        if x < n:
            return x


def order(n: int, seed: int) -> list[int]:
    """The item at each position."""
    return [id_at(position, n, seed) for position in range(n)]


def search(
    queries: np.ndarray, items: np.ndarray, k: int, exclude: list[list[int]] | None = None, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Top k by inner product, rounded to float32 once; ties by position; id -1 and score -inf where none is left."""
    positions = {item: position for position, item in enumerate(order(len(items), seed))}
    ids, scores = np.full((len(queries), k), -1, np.int32), np.full((len(queries), k), -np.inf, np.float32)
    for b, query in enumerate(queries):
        all_scores = (items.astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
        hidden = set(exclude[b]) if exclude else set()
        left = [item for item in range(len(items)) if item not in hidden]
        best = sorted(left, key=lambda item: (-all_scores[item], positions[item]))[:k]
        ids[b, : len(best)] = best
        scores[b, : len(best)] = all_scores[best]
    return ids, scores


def rerank(
    queries: np.ndarray, items: np.ndarray, found: np.ndarray, k: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Top k among each query's found ids alone (-1 is none): everything else is excluded from a search."""
    others = [sorted(set(range(len(items))) - set(ids.tolist())) for ids in found]
    return search(queries, items, k, others, seed)


def levels(bits: int) -> np.ndarray:
    """The odd numbers that b-bit codes stand for, in steps."""
    return np.arange(-(2**bits - 1), 2**bits, 2)
