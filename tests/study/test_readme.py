"""README's section on the study and its pictures are what the shipped rows say; without rows there is none."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.errors import FewbitsError
from engine.store import reference
from engine.study import readme
from tests.study.shipped_rows import ship

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_what_readme_says_of_the_study_is_what_the_shipped_rows_say():
    shipped = reference.FOLDER
    pictures = {path.name: path.read_text(encoding="utf-8") for path in shipped.glob("*.svg")}
    if not reference.there(shipped):
        assert readme.found(PAGE) is None and readme.BEGIN not in PAGE, "a section on rows that are not shipped"
        assert not pictures, "pictures of rows that are not shipped"
        return
    assert readme.found(PAGE) == readme.section(shipped), "run `python -m engine study readme`"
    assert pictures == readme.pictures(shipped), "run `python -m engine study readme`"


def test_what_is_shipped_is_rows_alone_and_small():
    shipped = reference.FOLDER
    kinds = {path.suffix for path in shipped.glob("*")}
    assert kinds == ({".parquet", ".svg"} if reference.there(shipped) else set())
    assert sum(path.stat().st_size for path in shipped.glob("*")) <= reference.MOST_BYTES
    runs, rows = reference.runs(shipped), reference.rows(shipped)
    assert set(rows["run_id"]) == set(runs.loc[runs["state"] == "done", "run_id"])
    assert runs.loc[runs["state"] != "done", "error"].notna().all(), "a failed run is listed with its reason"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    to = tmp_path_factory.mktemp("reference")
    ship(to, ["gowalla"], ["core", "layers"], failed=[("mgqe 8 bit", "out of memory: choose a smaller dim")])
    return to


def test_a_section_is_put_before_principles_once_and_then_replaced(folder):
    page = "# Fewbits\n\n## Results\n\nOf hand.\n\n## Principles\n\nMany.\n"
    section = readme.section(folder)
    first = readme.placed(page, section)
    assert first.index("Of hand.") < first.index("## The reference study") < first.index("## Principles")
    assert readme.found(first) == section
    assert readme.placed(first, section) == first, "written twice, it is there once"
    assert readme.placed(first, section.replace("gowalla", "other")).count("## The reference study") == 1


def test_a_section_tells_machine_figures_and_what_is_missing(folder):
    section = readme.section(folder)
    assert "measured on Some CPU, 2 cores, 2026-11-20 (commit 0123456789ab)" in section
    assert "float32 reaches a recall@20 of 0.2000 ± 0.0248 (3 seeds)." in section
    assert "| `uniform` 4 bits | 99.5 ± 1.2 % |" in section
    assert "![" in section and "runs/reference/gowalla.svg" in section
    assert "- gowalla, `mgqe 8 bit`, 3 runs: out of memory: choose a smaller dim" in section
    assert section.count("](https://arxiv.org/abs/2112.01944)") == 2, "with our tuning and as published"
    assert "](https://arxiv.org/abs/2002.08530)" not in section, "claims without rows are left out"
    assert "| stage | gowalla |" in section and "| 45 of 48 |" in section, "what failed has no rows"


def test_a_study_of_two_machines_tells_how_many_runs_each_made(folder):
    runs, rows = reference.stored(folder)
    other = {"hardware": "Other CPU, 4 cores", "commit": "ba9876543210"}
    theirs = {run["run_id"] for run in runs if json.loads(run["spec"])["model"]["seed"] == 2}
    runs = [{**run, "hardware": other["hardware"]} if run["run_id"] in theirs else run for run in runs]
    reference.write(folder, runs, [{**row, **other} if row["run_id"] in theirs else row for row in rows])
    done = {run["run_id"] for run in runs if run["state"] == "done"}
    ours, others = len(done - theirs), len(done & theirs)
    section = readme.section(folder)
    assert f"measured on Some CPU, 2 cores ({ours} runs); Other CPU, 4 cores ({others} runs), 2026" in section
    assert "Each names its commit, one of 2, and its versions" in section and other["commit"] not in section


def test_rows_that_were_collected_before_settings_were_told_can_be_read_and_written_again(tmp_path, folder):
    for name in reference.FILES.values():
        table = pq.read_table(folder / name)
        pq.write_table(table.drop_columns([c for c in ("settings",) if c in table.column_names]), tmp_path / name)
    runs, rows = reference.stored(tmp_path)
    assert {run["settings"] for run in runs} == {None} and len(reference.points(tmp_path)) > 0
    assert reference.write(tmp_path, runs, rows) > 0
    pq.write_table(pq.read_table(tmp_path / "runs.parquet").drop_columns(["form"]), tmp_path / "runs.parquet")
    with pytest.raises(FewbitsError, match="cannot be read as reference rows"):
        reference.stored(tmp_path)


def test_without_rows_or_a_place_the_command_says_what_to_do(tmp_path, folder):
    with pytest.raises(FewbitsError, match="study collect"):
        readme.section(tmp_path)
    with pytest.raises(FewbitsError, match="Principles"):
        readme.placed("# Another page\n", readme.section(folder))


@pytest.mark.parametrize(("only", "failed"), [
    (["mf"], []), (["sign"], []), (["float32"], []), (["layers", "sign"], []),
    (["itq"], [("itq 1 bit", "out of memory")]),
])  # fmt: skip
def test_a_study_of_which_little_was_run_has_a_section_as_well(tmp_path, only, failed):
    ship(tmp_path, ["my-shop"], only, failed=failed)
    section = readme.section(tmp_path)
    assert "| stage | my-shop |" in section and "](runs/reference/" not in section
    assert readme.pictures(tmp_path) == {}
