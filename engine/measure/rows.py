"""Measurement rows, as they stand in manifests and in the catalog."""

from typing import Any


def row(index: Any, metric: str, value: float, unit: str, query_bits: int | None = None, **more: Any) -> dict[str, Any]:
    """Return a measurement row of an index; what does not apply is None.

    A metric that was not measured has no row at all.
    """
    empty = {"threads": None, "batch": None, "k": None, "low": None, "high": None}
    return {
        "index": index.layout,
        "query_bits": query_bits,
        "metric": metric,
        "value": float(value),
        "unit": unit,
        **empty,
        **more,
    }


def memory_rows(index: Any, dim: int, n_items: int) -> list[dict[str, Any]]:
    """Return the rows of the bytes that a search needs: of the index, of an item, and against float32 of ``dim``."""
    size = index.nbytes
    rows = [row(index, "index_bytes", size, "bytes")]
    if n_items:
        rows.append(row(index, "bytes_per_item", size / n_items, "bytes"))
        rows.append(row(index, "compression", 4 * dim * n_items / size, "x"))
    return rows
