"""What is asked for at larger catalogues, and what was measured there."""

import pytest

from engine.errors import FewbitsError
from engine.spec import RunSpec
from engine.store import folders, scaling

RUN = "demo-uniform4-0123456789ab"
MILLION, TEN = 1_000_000, 10_000_000


def test_sizes_are_whole_numbers_in_order_each_once():
    assert scaling.checked_sizes([TEN, MILLION, TEN]) == (MILLION, TEN)


@pytest.mark.parametrize("items", [[], [0], [-5], [1.5], ["1000"], [True], [2**31], "1000000", None, 7])
def test_anything_else_is_a_sentence(items):
    with pytest.raises(FewbitsError, match="expected whole numbers"):
        scaling.checked_sizes(items)


def test_what_is_asked_twice_is_one_request_with_all_sizes(root):
    scaling.ask(root, RUN, [TEN], 5)
    scaling.ask(root, RUN, [MILLION], 9)
    (request,) = scaling.requests(root)
    assert (request.items, request.asked_ns) == ((MILLION, TEN), 5)


def test_the_oldest_request_comes_first_and_foreign_files_are_passed_over(root):
    scaling.ask(root, RUN, [TEN], 5)
    scaling.ask(root, "demo-sign1-0123456789ab", [TEN], 3)
    for name, text in (("notes.txt", "x"), ("other.json", "{}"), ("demo-sign1-ffffffffffff.json", "{")):
        (root / "scaling" / name).write_text(text)
    assert [r.run_id for r in scaling.requests(root)] == ["demo-sign1-0123456789ab", RUN]


def test_a_measured_size_is_taken_off_and_with_the_last_one_the_request_goes(root):
    scaling.ask(root, RUN, [MILLION, TEN], 5)
    scaling.finish(root, RUN, MILLION)
    assert scaling.request(root, RUN).items == (TEN,)
    scaling.finish(root, RUN, TEN)
    assert scaling.request(root, RUN) is None


def test_asking_again_after_a_failure_forgets_it(root):
    scaling.ask(root, RUN, [TEN], 5)
    scaling.update(root, RUN, error="too large", attempts=2)
    scaling.ask(root, RUN, [MILLION], 6)
    request = scaling.request(root, RUN)
    assert (request.items, request.error, request.attempts) == ((MILLION,), None, 0)


def test_a_request_that_was_withdrawn_is_not_written_again(root):
    scaling.ask(root, RUN, [TEN], 5)
    scaling.drop(root, RUN)
    assert scaling.update(root, RUN, message="measuring") is None
    assert scaling.requests(root) == []


def test_a_name_that_is_no_run_id_never_becomes_a_path(root):
    with pytest.raises(FewbitsError, match="no run id"):
        scaling.ask(root, "../../etc", [TEN], 5)


def test_results_replace_those_of_the_same_size_and_go_when_the_run_is_queued_again(root):
    folder = folders.create(root, RunSpec(dataset="demo"))
    folder.commit({"run_id": folder.run_id, "measurements": []})
    for value in (1, 2):
        scaling.add_result(folder, TEN, {"rows": [value]})
    scaling.add_result(folder, MILLION, {"rows": []})
    folder.file(f"scale-{TEN}.parquet").write_bytes(b"x")
    assert list(scaling.results(folder)) == [MILLION, TEN]
    assert scaling.results(folder)[TEN] == {"rows": [2]}
    assert folder.verify() is None
    folder.queue()
    assert not list(folder.path.glob("scale*")), "they are of codes that will be made anew"
