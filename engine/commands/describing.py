"""What the engine says of its own methods: to a person, and to the catalog, which carries it to the dashboard."""

import json
from collections.abc import Iterator
from typing import Any

import click

from engine import encoders, quantizers
from engine.commands.tables import wrapped
from engine.errors import unknown
from engine.training import losses


def described() -> dict[str, list[dict[str, Any]]]:
    """Return what each kind of method says of itself: quantizers, encoders and losses, as plain JSON values."""
    return {"quantizer": quantizers.describe(), "encoder": encoders.describe(), "loss": losses.describe()}


def methods() -> list[dict[str, Any]]:
    """Return the catalog's description of every quantizer, encoder and loss: the dashboard must not import torch."""
    return [
        {"kind": kind, "name": m["name"], "description": json.dumps(m)}
        for kind, several in described().items()
        for m in several
    ]


@click.command("methods", epilog="Example:  python -m engine methods hqgnn")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: all that is known of each method.")
def list_methods(name: str | None, as_json: bool) -> None:
    """List quantizers with their bit-widths, encoders and losses; of one NAME all options and their defaults."""
    found = described()
    if name is not None:
        found = {kind: [m for m in several if m["name"] == name] for kind, several in found.items()}
        if not any(found.values()):
            raise unknown("method", name, [m["name"] for several in described().values() for m in several])
    if as_json:
        click.echo(json.dumps(found))
        return
    for kind, several in found.items():
        if several and name is None:
            click.echo(f"{kind.upper()}{'ES' if kind == 'loss' else 'S'}")
        for method in several:
            for line in _told(method, options=name is not None):
                click.echo(line)


def _told(method: dict[str, Any], options: bool) -> Iterator[str]:
    """Yield the lines on a method, with or without its options."""
    widths = method.get("bits", [])
    bits = f" ({', '.join(map(str, widths))} bit{'s' * (widths != [1])})" if widths else ""
    yield from wrapped(f"{method['name']}{bits}: {method['title']}. {method['explanation']}")
    if missing := method.get("unavailable"):
        yield from wrapped(f"  Cannot be used yet: {missing}")
    if not options:
        return
    if method.get("link"):
        yield f"  {method['link']}"
    for option in method.get("options", ()):
        choices = f" ({', '.join(map(str, option['choices']))})" if option["choices"] else ""
        default = str(option["default"]).lower() if option["kind"] == "bool" else option["default"]
        yield from wrapped(f"  --option {option['name']}={default}{choices}: {option['help']}")
