"""What is said of a study is what its rows say: figures, claims, tables and pictures with known answers."""

import math
from xml.etree import ElementTree

import pandas as pd
import pytest

from engine.store import reference
from engine.study import claims, picture, table
from engine.study.figures import AS_PUBLISHED, LIGHTGCN, Figure, Model, Study, figure
from engine.study.findings import findings
from engine.study.forms import HQGNN_PUBLISHED, form_text
from tests.study.shipped_rows import KEPT, ship


def test_a_mean_over_three_seeds_has_student_s_interval():
    found = figure([0.9, 0.905, 0.895])
    assert found == Figure(pytest.approx(0.9), pytest.approx(4.303 * 0.005 / math.sqrt(3)), 3)
    assert found.percent() == "90.0 ± 1.2 %"


def test_an_interval_is_student_s_for_any_number_of_seeds():
    halves = [figure([0.0, 1.0] * (n // 2) + [0.5] * (n % 2)).half * math.sqrt(n) for n in (10, 11, 30, 31, 60)]
    spreads = [math.sqrt((n // 2) * 0.5 / (n - 1)) for n in (10, 11, 30, 31, 60)]
    quantiles = [half / spread for half, spread in zip(halves, spreads, strict=True)]
    assert quantiles == pytest.approx([2.262, 2.228, 2.045, 2.042, 2.042])


def test_one_seed_has_no_interval():
    assert figure([0.9]).percent() == "90.0 %"
    assert figure([-0.0002]).points() == "+0.0", "what rounds to nothing has no sign of a loss"
    assert figure([]) is None


def test_a_share_is_kept_of_the_float32_of_the_same_seed(study):
    """Seeds differ by 10 % in float32's recall, and by half a point in what is kept: only the latter is there."""
    found = study.kept("gowalla", "itq 1 bit", "float32")
    assert (found.mean, found.seeds) == (pytest.approx(0.9), 3)
    assert found.half == pytest.approx(4.303 * 0.005 / math.sqrt(3))


def test_headline_forms_are_means_of_five_seeds(study):
    assert study.kept("gowalla", "uniform 2 bit", "float32").seeds == 5


def test_differences_are_paired_by_seed(study):
    gain = study.gain("gowalla", ("sign 1 bit", "float32"), ("sign 1 bit", "own"))
    assert gain.mean == pytest.approx(0.05) and gain.half == pytest.approx(0, abs=1e-12)


def test_what_was_not_measured_is_no_figure(study):
    assert study.kept("gowalla", "no such form", "own") is None
    assert study.kept("ml-1m", "sign 1 bit", "own") is None
    assert study.speedup("ml-1m", "sign 1 bit", "own") is None
    assert Study(pd.DataFrame()).datasets() == [] and findings(Study(pd.DataFrame())) == []


def test_times_of_a_machine_that_kept_its_pace_count_and_others_are_marked(folder):
    points = reference.points(folder)
    four = (points["form"] == "uniform 4 bit") & (points["dataset"] == "gowalla")
    slow = four & (points["seed"] < 3)
    points.loc[slow, "latency_p50_us"] *= 10
    points.loc[slow, "calibration_drift"] = 30.0
    study = Study(points)
    sound, ratio = study.p50("gowalla", "uniform 4 bit", "own"), study.speedup("gowalla", "uniform 4 bit", "own")
    assert (sound, sound.seeds, sound.text()) == (16.0, 2, "16.0"), "seeds 3 and 4"
    assert (ratio, ratio.seeds, ratio.doubtful) == (16.0, 2, False)
    points.loc[four, "calibration_drift"] = 30.0
    study = Study(points)
    ratio = study.speedup("gowalla", "uniform 4 bit", "own")
    assert (ratio, ratio.seeds, ratio.text()) == (pytest.approx(1.6), 5, "≈1.6"), "there is no other"
    assert "| ≈320 µs | ≈160 µs | ≈0.8 / ≈1.6 |" in "\n".join(table.markdown(study, "gowalla"))


def test_times_of_two_machines_are_never_compared(tmp_path, folder):
    ship(tmp_path, ["gowalla"], ["float32"], seeds=[0], hardware="A fast CPU")
    fast = reference.points(tmp_path)
    fast["latency_p50_us"] = 0.001
    own = reference.points(folder)
    both = Study(pd.concat([own[own["quantizer"] != "float32"], fast], ignore_index=True))
    assert both.hardware("gowalla") == "Some CPU, 2 cores"
    assert both.speedup("gowalla", "uniform 4 bit", "own") is None, "the only float32 is of another machine"


def test_a_model_that_another_machine_measured_has_its_times_compared_there(tmp_path, folder):
    ship(tmp_path, ["gowalla"], ["layers"], seeds=[0], hardware="A fast CPU")
    own = reference.points(folder)
    others = own[(own["dim"] != 256) | (own["layers"] != 2)]
    both = Study(pd.concat([others, reference.points(tmp_path)], ignore_index=True))
    layered = Model("lightgcn", 256, 2)
    assert (both.hardware("gowalla"), both.hardware("gowalla", layered)) == ("Some CPU, 2 cores", "A fast CPU")
    assert both.speedup("gowalla", "l2qgcn 1 bit", "own", model=layered) > 1


def test_a_model_that_was_trained_as_published_has_figures_of_its_own(tmp_path):
    ship(tmp_path, ["ml-100k"])
    points, form = reference.points(tmp_path), form_text("hqgnn", 1, HQGNN_PUBLISHED)
    points.loc[(points["loss"] == "bpr") & (points["form"] == form), "recall@20"] /= 2
    study = Study(points)
    ours, theirs = (study.kept("ml-100k", form, "own", model) for model in (LIGHTGCN, AS_PUBLISHED))
    assert ours.mean == pytest.approx(2 * theirs.mean) and ours.seeds == theirs.seeds == 3
    found = {a.claim.name: a.kept.mean for a in claims.answers(study) if a.claim.form == form}
    name = "HQ-GNN at 1 bit as published"
    assert found == {name: theirs.mean, f"{name} on our model": ours.mean}
    said = "; trained as published, with BPR, 0.2000 ± 0.0248 (3 seeds)."
    assert table.exact(study, "ml-100k") == f"float32 reaches a recall@20 of 0.2000 ± 0.0088 (5 seeds){said}"
    said = claims.sentence(study).sentence
    assert "HQ-GNN at 1 bit as published 0 of 1" in said and "on our model" not in said, "half as published"


def test_the_table_says_what_each_form_keeps_and_how_fast_it_is(study):
    rows = {row.label: row for row in table.rows(study, "gowalla")}
    four = rows["`uniform` 4 bits"]
    assert four.kept[1].mean == pytest.approx(KEPT["uniform 4 bit"])
    assert four.over_float == (pytest.approx(256 / 32), pytest.approx(512 / 32))
    assert rows["`float32`"].kept[1] is None, "it has no codes of users"
    assert "`hqgnn` 1 bit (tuned for float32 / coded users)" in rows
    lines = list(table.markdown(study, "gowalla"))
    assert len(lines) == 2 + len(rows) and len({line.count("|") for line in lines}) == 1
    assert "| 32 | `uniform` 4 bits | 99.5 ± 0.4 % | 99.5 ± 0.4 % | 32 µs | 16 µs | 8.0 / 16.0 | 8.0 / 16.0 |" in lines


def test_a_table_says_where_its_times_were_taken_and_of_how_many_seeds_they_are(folder, study):
    assert table.timed(study, "gowalla") == (
        "Times were taken on Some CPU, 2 cores; those of float32 are of 5 seeds, those of faiss 3."
    )
    points = reference.points(folder)
    own = points[(points["quantizer"] != "peer") & (points["seed"] == 0)]
    assert table.timed(Study(own), "gowalla").endswith("those of float32 are of 1 seed.")
    assert table.timed(Study(own.drop(columns=["latency_p50_us"])), "gowalla") == "No times were taken."


def test_a_form_tuned_for_float32_users_is_named_only_where_it_was_measured(tmp_path):
    ship(tmp_path, ["gowalla"], ["core"])
    labels = [row.label for row in table.rows(Study(reference.points(tmp_path)), "gowalla")]
    assert "`hqgnn` 1 bit" in labels and not any("tuned" in label for label in labels)


def test_a_claim_is_answered_by_its_row_on_each_data_set(study):
    found = {(a.claim.paper, a.claim.form, a.dataset): a for a in claims.answers(study)}
    assert found["HQ-GNN", "hqgnn 2 bit", "gowalla"].holds is True
    hashed = found["HashGNN", "hashgnn 1 bit", "gowalla"]
    assert (hashed.kept.mean, hashed.holds) == (pytest.approx(0.75), False)


def test_a_claim_tells_on_how_many_seeds_tuning_was_undone(folder):
    points = reference.points(folder)
    tuned = (points["form"] == "hqgnn 2 bit") & (points["dataset"] == "demo")
    points.loc[tuned, "kept_epoch"] = points.loc[tuned, "seed"].map({0: 0.0, 1: 6.0, 2: 0.0})
    found = {(a.claim.form, a.dataset): a for a in claims.answers(Study(points))}
    assert found["hqgnn 2 bit", "demo"].keeps.endswith(" %, untuned on 2 of 3")
    assert found["hqgnn 2 bit", "gowalla"].keeps.endswith(" %"), "nothing is known of those"
    assert found["hqgnn 2 bit", "demo"].keeps in "\n".join(claims.markdown(Study(points)))


def test_a_claim_whose_time_was_not_measured_is_neither_borne_out_nor_refuted(folder):
    points = reference.points(folder).drop(columns=["latency_p50_us"])
    answers = [a for a in claims.answers(Study(points)) if a.claim.faster]
    assert {a.holds for a in answers if a.kept.mean > 0.95} == {None}


def test_a_claim_that_fails_is_told_with_the_figures_that_miss_its_test_alone():
    claim = claims.Claim("P", "", "P", "fast and good", "sign 1 bit", claims.MF, 0.95, smaller=4.5, faster=2.0)
    good, bad = Figure(0.96, 0.005, 3), Figure(0.9, 0.005, 3)
    assert claims.Answer(claim, "gowalla", good, 5.0, 2.1).missed == []
    assert claims.Answer(claim, "gowalla", good, 4.0, 1.0).missed == ["4.0× smaller", "1.0× faster"]
    assert claims.Answer(claim, "gowalla", bad, 5.0, 1.0).missed == ["90.0 ± 0.5 % kept", "1.0× faster"]
    near = claims.Answer(claim, "gowalla", Figure(0.9496, 0.0001, 3), 4.49, 1.9996).missed
    assert near == ["94.96 ± 0.0 % kept", "4.49× smaller", "1.9996× faster"], "none is shown as if it passed"


@pytest.mark.parametrize(("kept", "faster", "verdict"), [
    (Figure(0.96, 0.005, 3), 2.1, "yes"), (Figure(0.96, 0.02, 3), 2.1, "yes, by the mean"),
    (Figure(0.94, 0.02, 3), 2.1, "no, by the mean"), (Figure(0.94, 0.02, 3), 1.0, "no"),
    (Figure(0.9, 0.01, 3), 2.1, "no"),
    (Figure(0.96, None, 1), 2.1, "yes, one seed"), (Figure(0.96, 0.02, 3), None, "not measured"),
    (Figure(0.9, 0.02, 3), None, "no"),
])  # fmt: skip
def test_a_verdict_says_where_the_interval_would_allow_the_other(kept, faster, verdict):
    claim = claims.Claim("P", "", "P", "fast and good", "sign 1 bit", claims.MF, 0.95, faster=2.0)
    assert claims.Answer(claim, "gowalla", kept, None, faster).verdict == verdict


def test_every_form_that_is_looked_for_is_in_the_study():
    from engine.study.plan import plan

    forms = {planned.name.partition(", ")[2] for planned in plan(["demo"])}
    wanted = {form for line in table.LINES for form in (line.form, line.tuned, *line.peers) if form}
    assert wanted | {claim.form for claim in claims.CLAIMS} <= forms


def test_the_picture_is_an_svg_with_a_mark_for_each_figure(study):
    rows = table.rows(study, "gowalla")
    tree = ElementTree.fromstring(picture.svg("gowalla", rows))
    marks = [e for e in tree.iter() if e.tag.endswith("circle")]
    assert len(marks) == sum(f is not None for row in rows for f in row.kept)
    places = [float(mark.get("cx")) for mark in marks]
    assert min(places) >= picture.LEFT and max(places) <= picture.WIDTH
