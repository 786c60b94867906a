"""What a machine is called: times of two never share a frontier, and they are told apart by this."""

from types import SimpleNamespace

import pytest

from engine.measure import machine as about


@pytest.mark.parametrize(("told", "brand", "name"), [
    ("model name\t: Xeon\ncpu family\t: 6\nmodel\t\t: 207\n", "", "Xeon (family 6, model 207)"),
    ("CPU implementer\t: 0x41\nCPU part\t: 0xd40\n", "", "arm (implementer 0x41, part 0xd40)"),
    (None, "Apple  M2\n", "Apple M2"), (None, "", "arm"),
])  # fmt: skip
def test_two_generations_of_a_processor_have_two_names(monkeypatch, told, brand, name):
    """Times of two machines never share a frontier: they are told apart by this."""

    def text(*_args, **_kwargs):
        if told is None:
            raise FileNotFoundError
        return told

    monkeypatch.setattr(about, "Path", lambda _: SimpleNamespace(read_text=text))
    monkeypatch.setattr(about.platform, "processor", lambda: "arm")
    monkeypatch.setattr(about.subprocess, "run", lambda *_a, **_k: SimpleNamespace(stdout=brand))
    assert about._cpu_name() == name
