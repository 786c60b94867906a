"""What early stopping and every choice looks at: ndcg@20 on the validation items, full ranking, exact search."""

from collections.abc import Callable
from typing import Any

import numpy as np

from engine import indexes
from engine.codes import Codes, FloatCodes
from engine.measure.machine import cores
from engine.measure.ranking import hit_matrix, ndcg

VALID_K = 20


def mean(found: np.ndarray) -> float:
    """Return the mean over users; 0 where there is none."""
    return float(found.mean()) if len(found) else 0.0


def valid_ndcgs(split: Any, items: Codes, queries: Callable[[Any, np.ndarray], Any]) -> np.ndarray:
    """Return the ndcg@20 of each user with a validation item, float32, training items left out.

    ``queries(index, users)`` gives the queries of some users for the index of these item codes.
    """
    users = np.flatnonzero(np.diff(split.valid.indptr) > 0)
    if not len(users):
        return np.zeros(0, np.float32)
    index = indexes.build(items)
    seen = split.train.rows(users)
    hits = index.search(queries(index, users), VALID_K, (seen.indptr, seen.items), threads=cores())
    found = hit_matrix(hits.ids, split.valid, users, split.n_items)
    return ndcg(found, np.diff(split.valid.indptr)[users], VALID_K)


def pooled_ndcgs(split: Any, users: np.ndarray, items: np.ndarray) -> np.ndarray:
    """Return `valid_ndcgs` of float32 vectors, [U, d] and [I, d]."""
    return valid_ndcgs(split, FloatCodes(items), lambda _index, asked: users[asked])


def served_ndcgs(split: Any, quantizer: Any, layers: list[np.ndarray]) -> np.ndarray:
    """Return `valid_ndcgs` of a trained quantizer's packed codes, queried as they are tuned for: own or float32 users.

    ``layers`` are the model's, float32 [U+I, d] each.
    """
    tables = split.tables(layers)
    if quantizer.options.users == "float32":
        vectors = np.ascontiguousarray(quantizer.vectors(tables["user"], "user"), np.float32)
        return valid_ndcgs(split, quantizer.codes(tables["item"], "item"), lambda _index, users: vectors[users])
    codes = quantizer.codes(tables["user"], "user")
    return valid_ndcgs(
        split, quantizer.codes(tables["item"], "item"), lambda index, users: index.pack_queries(codes.rows(users))
    )
