"""How much of the exact lists a method keeps on the small tables."""

import numpy as np

from engine import indexes, quantizers
from engine.spec import ModelSpec, RunSpec
from tests.quantizers import tables


def method(quantizer, bits, seed=0, **options):
    """Return a method that has seen nothing yet."""
    model = ModelSpec(seed=seed)
    return quantizers.create(RunSpec(dataset="d", quantizer=quantizer, bits=bits, options=options, model=model))


def fitted(quantizer, bits, items, users=None, seed=0, **options):
    """Return a method that has seen these vectors."""
    coder = method(quantizer, bits, seed, **options)
    both = {"user": tables.users(20, items.shape[1]) if users is None else users, "item": items}
    counts = {table: np.ones(len(vectors), np.int64) for table, vectors in both.items()}
    coder.fit({table: [vectors] for table, vectors in both.items()}, counts)
    return coder


def overlap(quantizer, bits, own=False, **options):
    """Return overlap@20 on small tables, with float queries or the users' own codes."""
    items, users = tables.items(), tables.users()
    exact = indexes.build(method("float32", 32).codes([items], "item")).search(users, 20).ids
    coder = fitted(quantizer, bits, items, users, **options)
    index = indexes.build(coder.codes([items], "item"))
    asked = index.pack_queries(coder.codes([users], "user")) if own else coder.vectors([users], "user")
    found = index.search(asked, 20).ids
    return np.mean([len(set(a) & set(b)) / 20 for a, b in zip(exact.tolist(), found.tolist(), strict=True)])
