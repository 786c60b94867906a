"""Embeddings with what matters of real ones: few strong directions, item norms that fall like a power of the rank."""

import numpy as np


def items(n: int = 3000, dim: int = 64, seed: int = 0) -> np.ndarray:
    """Item vectors float32 [n, dim], first ones most popular."""
    rng = np.random.default_rng(seed)
    popularity = (1 + np.arange(n)) ** -0.3
    vectors = rng.normal(size=(n, dim)) / np.sqrt(1 + np.arange(dim)) @ _rotation(dim)
    return ((vectors + 0.8 * _rotation(dim)[0]) * popularity[:, None]).astype(np.float32)


def users(n: int = 60, dim: int = 64, seed: int = 1) -> np.ndarray:
    """User vectors float32 [n, dim], of norms that differ tenfold."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, dim)) / np.sqrt(1 + np.arange(dim)) @ _rotation(dim) + 0.5 * _rotation(dim)[0]
    return (vectors * rng.uniform(0.1, 1, (n, 1))).astype(np.float32)


def _rotation(dim: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(99).normal(size=(dim, dim)))[0]
