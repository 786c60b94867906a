"""doctor: what is amiss is named with what to do, and what is not stays as it is."""

import json

from engine.store import folders
from tests.commands.conftest import QUICK


def test_doctor_finds_nothing_amiss_and_then_a_folder_that_was_cut_off(engine, root):
    run_id = json.loads(engine(root, "run", *QUICK, "--json").stdout)["run_id"]
    assert engine(root, "doctor").returncode == 0
    path = folders.run_folder(root, run_id).file("lists.parquet")
    path.write_bytes(path.read_bytes()[:100])
    done = engine(root, "doctor")
    assert done.returncode == 1
    assert f"{run_id}: lists.parquet has 100 bytes" in done.stdout


def test_doctor_tells_where_runs_cannot_be_kept(engine, tmp_path):
    (tmp_path / "file").write_text("")
    done = engine(tmp_path / "file" / "runs", "doctor")
    assert done.returncode == 1 and "MEND" in done.stdout and "Traceback" not in done.stderr


def test_doctor_names_a_folder_whose_specification_cannot_be_used(engine, tmp_path):
    folder = tmp_path / "runs" / "demo-float32-0123456789ab"
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text("{")
    done = engine(tmp_path / "runs", "doctor")
    assert done.returncode == 1
    assert "demo-float32-0123456789ab: its spec.json cannot be used" in done.stdout
