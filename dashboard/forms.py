"""Fields of the New run form: several numbers at once, a quantizer's own options, the training settings."""

import math
from typing import Any, get_args

import streamlit as st

from dashboard import labels
from dashboard.widgets import plain
from engine.spec import GIVEN, ModelSpec

KEEP: dict[str, Any] = {"persist_state": "session"}
"""What was typed survives a visit to another page."""
TRAINING = {
    "epochs": "Epochs, at most", "patience": "Patience (epochs)", "batch": "Batch (interactions)",
    "lr": "Learning rate", "schedule": "Learning rate over time", "temperature": "Temperature",
    "negatives": "Negatives", "pooling": "Layers that are averaged", "damping": "Shorten item vectors",
    "l2": "L2 weight",
}  # fmt: skip
"""Field of ModelSpec → its name; what it does is its description there."""
STEP = {"temperature": 0.02}
"""What a click adds to a number that starts at 0, where a little more than 0 is refused."""
SMALLEST = 1e-6
"""Offered in place of 0 where a number must be above it."""
EXPLAINED = 6
"""Most methods whose explanations fit beside a field's name; more are told where they are chosen."""
COMBINED = ("encoder", "dim", "layers", "loss", "seed")
"""Fields of ModelSpec that take several values; every other one is a training setting."""


def several(
    label: str, default: list[Any], key: str, help: str | None, kind: type = int, offered: tuple[Any, ...] = ()
) -> list[Any]:
    """Draw a field for several numbers, those offered or any that is typed, and return them.

    What was typed and is no number is said beneath the field and returned as text, which the plan refuses.
    """
    texts = st.multiselect(
        label, [str(v) for v in dict.fromkeys((*offered, *default))], default=[str(v) for v in default], key=key,
        accept_new_options=True, placeholder="type a number and press Enter", help=help, **KEEP,
    )  # fmt: skip
    numbers = [number(text, kind) for text in texts]
    if wrong := [text for text in numbers if isinstance(text, str)]:
        expected = "a whole number" if kind is int else "a number"
        st.error(f"Got {wrong[0]!r}, expected {expected}: remove it and type another.")
    return numbers


def number(text: str, kind: type) -> Any:
    """Return a text as a number of a kind, or as it is where it is none."""
    try:
        value = kind(text)
    except (ValueError, OverflowError):
        return text
    return value if math.isfinite(value) else text


def names(label: str, methods: list[dict[str, Any]], default: list[str], key: str, help: str) -> list[str]:
    """Draw a field for several methods, shown by their titles, and return their names."""
    titles = {m["name"]: m["title"] for m in methods}
    if len(methods) <= EXPLAINED:
        help = "\n\n".join([help, *(f"**{m['title']}**: {m['explanation']}" for m in methods)])
    return st.multiselect(
        label, list(titles), default=[n for n in default if n in titles], format_func=lambda n: titles[n], key=key,
        placeholder="choose at least one", help=help, **KEEP,
    )  # fmt: skip


def encoders(methods: list[dict[str, Any]], dims: list[int]) -> list[str]:
    """Draw the field for encoders and return their names.

    ``dims``: for each chosen data set, of how many numbers the vectors are that came with it, 0 where none did. Given
    vectors are offered where a set has some, and chosen where all have.
    """
    offered = [m for m in methods if m["name"] != GIVEN or any(dims)]
    default, key = ["lightgcn"], "n_encoders"
    if any(dims):
        key += "_given" if all(dims) else "_some_given"  # another key, so that its own default is taken
        default = [GIVEN] if all(dims) else [GIVEN, "lightgcn"]
    chosen = names("Encoder", offered, default, key, "How vectors are made.")
    if GIVEN in chosen:
        sizes = " and ".join(f"{d:,}" for d in sorted(set(dims) - {0}))
        st.caption(
            f"Vectors of your own have {sizes} numbers and are not trained; the rest here is for other encoders."
        )
    return chosen


def quantizer(method: dict[str, Any]) -> dict[str, list[Any]]:
    """Explain a quantizer and return the chosen values of its own options, built from its description alone.

    All of it is folded into one line, which tells what is not at its default: a form of 14 methods stays short.
    """
    link = f" [Paper]({method['link']})" if method.get("link") else ""
    options = method["options"]
    values: dict[str, list[Any]] = {}
    with st.expander(_summary(method), key=f"n_own_{method['name']}"):
        st.markdown(method["explanation"] + link)
        for first in range(0, len(options), 3):  # row by row, so that a narrow screen keeps the order
            for column, option in zip(st.columns(3), options[first : first + 3], strict=False):
                with column:
                    values[option["name"]] = _option(method["name"], option)
    return values


def _summary(method: dict[str, Any]) -> str:
    """Return a method's line: title, bit-widths, how many options it has, and those that were changed."""
    options = method["options"]
    changed = [labels.option_title(o["name"]) for o in options if _changed(method["name"], o)]
    words = [f"**{method['title']}**", labels.widths(method["bits"])]
    words += ["trained"] if method.get("trained") else []
    words += [f"{len(options)} option{'s' if len(options) != 1 else ''}"] if options else []
    words += [f":orange[changed: {', '.join(changed)}]"] if changed else []
    return " · ".join(words)


def _changed(quantizer_name: str, option: dict[str, Any]) -> bool:
    """Return whether a field was given other values than the default; an emptied field means the default."""
    default, values = option["default"], st.session_state.get(f"n_{quantizer_name}_{option['name']}")
    return bool(values) and values not in ([default], [str(default)])


def _option(quantizer_name: str, option: dict[str, Any]) -> list[Any]:
    """Return the chosen values of one option; none chosen means its default."""
    key, label, default = f"n_{quantizer_name}_{option['name']}", labels.option_title(option["name"]), option["default"]
    told = (option.get("help") or "").rstrip(".")
    parts = [told[:1].upper() + told[1:]] if told else []
    help = plain(". ".join([*parts, f"Default: {_yes_or_no(default)}", "Several values make several runs."]))
    if option["kind"] in ("int", "float"):
        return several(label, [default], key, help, int if option["kind"] == "int" else float)
    return st.multiselect(
        label, option.get("choices") or [False, True], default=[default], key=key, help=help,
        placeholder=f"default: {_yes_or_no(default)}", format_func=_yes_or_no, **KEEP,
    )  # fmt: skip


def _yes_or_no(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def training() -> dict[str, Any]:
    """Return the training settings, one value each; ranges and choices are those of ModelSpec."""
    settings: dict[str, Any] = {}
    with st.expander("Training settings", icon=":material/tune:"):
        st.caption("Epochs, batch, temperature and negatives of 0 are chosen by the data's size and density.")
        columns = st.columns(3)
        for place, name in enumerate(f for f in ModelSpec.model_fields if f not in COMBINED):
            with columns[place % 3]:
                settings[name] = _setting(name)
    return settings


def _setting(name: str) -> Any:
    field = ModelSpec.model_fields[name]
    title, help = TRAINING.get(name, name.replace("_", " ").capitalize()), field.description
    if choices := get_args(field.annotation):
        return st.selectbox(title, choices, choices.index(field.default), key=f"n_{name}", help=help, **KEEP)
    limits = {kind: getattr(m, kind) for m in field.metadata for kind in ("ge", "gt", "le") if hasattr(m, kind)}
    if field.annotation is int:
        least, most = int(limits["ge"]), int(limits["le"])
        return st.number_input(title, least, most, field.default, key=f"n_{name}", help=help, **KEEP)
    smallest = float(limits.get("ge", SMALLEST))
    step = STEP.get(name, max(field.default / 10, 1e-5))
    return st.number_input(
        title,
        smallest,
        float(limits["le"]),
        field.default,
        step=step,
        format="%.6g",
        key=f"n_{name}",
        help=help,
        **KEEP,
    )
