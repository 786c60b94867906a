"""``bench dashboard``: what is told of the times, and what is said where no browser can be driven."""

import shutil

import pytest
from click.testing import CliRunner

from dashboard import bench
from engine.__main__ import commands
from engine.commands import pages
from engine.errors import FewbitsError
from engine.store import catalog

RESULT = {
    "hardware": "Fake CPU", "runs": 2000, "cold_ms": 2400,
    "rows": [bench.row("the first paint", [900.0, 800.0, 1200.0], 1000), bench.row("change k", [310.0, 300.0], 300)],
}  # fmt: skip


def test_the_median_decides_whether_an_aim_is_met():
    met, missed = RESULT["rows"]
    assert (met["ms"], met["low_ms"], met["high_ms"], met["met"]) == (900, 800, 1200, True)
    assert missed["met"] is False  # 305: 300 and more is too long


def test_each_time_stands_beside_its_aim():
    lines = list(pages.report(RESULT))
    assert max(map(len, lines)) <= 120
    assert [line.split()[-1] for line in lines if "< " in line] == ["met", "MISSED"]
    assert "1 met, 1 missed" in "\n".join(lines)


def test_without_a_browser_it_says_what_to_install(monkeypatch):
    pytest.importorskip("playwright", reason="the extra 'test' is not installed")
    monkeypatch.delenv("FEWBITS_CHROMIUM", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(FewbitsError, match="no Chromium found: install one"):
        bench.chromium()


def test_the_command_measures_a_catalog_of_as_many_runs_as_asked_for(monkeypatch):
    seen = []

    def measured(root):
        seen.append((len(catalog.runs(root)), len(catalog.points(root)), bool(catalog.methods(root, "quantizer"))))
        return {"cold_ms": 1, "rows": []}

    monkeypatch.setattr(pages, "_measured", measured)
    done = CliRunner().invoke(commands, ["bench", "dashboard", "--runs", "30", "--json"])
    assert done.exit_code == 0, done.output
    assert seen == [(30, 58, True)]  # the two float32 runs have one point each
