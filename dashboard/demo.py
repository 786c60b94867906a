"""The demo sweep: eight runs on built-in data that share one small model, for a curve in a minute and a half."""

from engine.spec import ModelSpec, Option, RunSpec

DATASET = "demo"
MODEL = ModelSpec(encoder="lightgcn", dim=64, layers=2, epochs=4, batch=4096, temperature=0.2, negatives=256)
METHODS: tuple[tuple[str, int, dict[str, Option]], ...] = (
    ("float32", 32, {}),
    ("float16", 16, {}),
    ("uniform", 8, {"scale": "row"}),
    ("uniform", 4, {"scale": "row"}),
    ("uniform", 2, {"scale": "row"}),
    ("sign", 1, {"scale": "none"}),
    ("sign", 1, {"scale": "row"}),
    ("itq", 1, {"scale": "row"}),
)


def specs() -> list[RunSpec]:
    """Return the runs of the demo; float32 comes first, since all others are compared with it."""
    return [
        RunSpec(dataset=DATASET, model=MODEL, quantizer=name, bits=bits, query_bits=(32, bits), options=options)
        for name, bits, options in METHODS
    ]
