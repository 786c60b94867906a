"""methods: whoever knows nothing of the names finds them all, and of one all that can be chosen."""

import json

from click.testing import CliRunner

from engine import encoders, quantizers
from engine.__main__ import commands
from engine.commands.running import run


def said(*arguments):
    done = CliRunner().invoke(commands, ["methods", *arguments])
    return done.output if done.exception is None else str(done.exception)


def test_every_method_is_listed_with_its_bit_widths():
    lines = said().splitlines()
    for name, method in quantizers.REGISTRY.items():
        widths = ", ".join(map(str, method.bits))
        assert any(line.startswith(f"{name} ({widths} bit") for line in lines), name
    assert all(any(line.startswith(f"{name}: ") for line in lines) for name in encoders.REGISTRY)
    assert not any("--option" in line for line in lines)


def test_one_method_tells_its_options_as_they_are_typed():
    told = said("uniform")
    assert "--option scale=row (row, table)" in told and "QUANTIZERS" not in told
    assert "--option batch_norm=false" in said("dpq")
    (described,) = json.loads(said("uniform", "--json"))["quantizer"]
    assert {option["name"] for option in described["options"]} == set(
        quantizers.REGISTRY["uniform"].Options.model_fields
    )


def test_an_unknown_name_lists_the_known_ones():
    assert said("hqgn").startswith("unknown method 'hqgn'; known: bpr, dpq,")


def test_every_setting_of_a_model_says_what_it_does():
    """A field without a description would be told as None."""
    helped = {option.name: option.help for option in run.params}
    assert "None" not in " ".join(filter(None, helped.values()))
    assert helped["patience"].startswith("With a constant learning rate only") and "Default: 5." in helped["patience"]
    assert CliRunner().invoke(run, ["--dataset", "demo", "--schedule", "linear"]).exit_code == 2
