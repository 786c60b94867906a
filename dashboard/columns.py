"""What the columns of exported tables mean, and their units: so that a file can be read without this dashboard."""

from dashboard import labels

MEANINGS = {
    "label": "The point in plain words.",
    "run_id": "The run: data set, quantizer and a digest of everything that was set.",
    "index": "Layout of the index that was searched.",
    "dataset": "Data set.",
    "encoder": "Model that made the vectors.",
    "dim": "Dimensions of a vector.",
    "layers": "Layers of the model.",
    "loss": "Loss that the model was trained with.",
    "seed": "Seed of the model.",
    "quantizer": "How the vectors were made small.",
    "bits": "Bits of one stored number of the items; for pq, opq, dpq and mgqe of one code, which stands for several "
    "numbers; peer: 32, whatever it stores.",
    "options": "The quantizer's own options, as JSON.",
    "settings": "What was trained otherwise than usual, as JSON, and a split seed other than 0.",
    "query_bits": "Bits of the users' vectors in this search; 32: float32.",
    "items": "Number of items that were searched.",
    "hardware": "Machine that it was measured on.",
    "finished": "When the run finished, UTC.",
    "measured": "When it was measured, UTC.",
    "kept_epoch": "Epoch of tuning that validation kept; 0: what tuning began with.",
    "checkpoint": "The trained model: equal names are the same model.",
    "chosen": "Options of the quantizer that were not at their default, as JSON.",
    "form": "Quantizer, bits and the options that were not at their default, in words.",
    "source": "own: measured here; reference: came with Fewbits.",
    "recall_head": "Share of all held-out items of the most popular tenth of the items that are found.",
    "recall_tail": "Share of all held-out items of the other nine tenths of the items that are found.",
    "threads": "Threads that searched.",
    "batch": "Users that were searched at once.",
    "metric": "What was measured.",
    "k": "Length of the lists.",
    "value": "The measured value, in `unit`.",
    "unit": "Unit of the value.",
    "low": "Lower end of the 95 % interval.",
    "high": "Upper end of the 95 % interval; empty where no sample bounds it.",
}
UNITS = {
    "_us": "µs", "_bytes": "bytes", "_s": "s", "_qps": "queries/s", "_drift": "%", "bytes_per_item": "bytes",
    "compression": "×", "users": "users",
}  # fmt: skip
"""End of a column's name → its unit."""
SHARE = "_share"
ENDS = {"_low": "Lower", "_high": "Upper"}


def meaning(column: str) -> str:
    """Return what a column says, in a sentence; its title where there is no more to say."""
    base = metric(column)
    if column.endswith(SHARE):
        title = labels.axis_title(column.removesuffix(SHARE))
        return f"{title}, as a share of what float32 reaches with the same model."
    for end, word in ENDS.items():
        if column.endswith(end):
            over = " over users (bootstrap)" if "@" in base else ""
            return f"{word} end of the 95 % interval of {base}{over}."
    kind, _, k = base.partition("@")
    if kind in labels.QUALITY:
        return f"{labels.QUALITY[kind].help} Lists of {k}."
    if kind == "tied":
        return f"Share of the first {k} places whose score equals a neighbour's."
    if k and kind in MEANINGS:
        return f"{MEANINGS[kind].removesuffix('.')}, in lists of {k}."
    known = labels.COSTS.get(base)
    return known.help if known else MEANINGS.get(base) or f"{labels.COLUMNS.get(base, base)}."


def unit(column: str) -> str | None:
    """Return a column's unit; "share" for qualities, None for words and counts."""
    base = metric(column)
    if "@" in base:
        return "share"
    return next((text for end, text in UNITS.items() if base.endswith(end)), None)


def metric(column: str) -> str:
    """Return a column's name without ``_low`` or ``_high``."""
    return column.removesuffix("_low").removesuffix("_high")
