"""What is known about the data sets, and where their files are looked for."""

import dataclasses
import subprocess
import sys
from urllib.parse import urlparse

import pytest

from engine.data import registry, synthetic
from engine.data.readers import READERS
from engine.errors import FewbitsError

KNOWN = registry.names()


def put(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("0 1\n")
    return folder


def test_importing_the_registry_loads_nothing_heavy():
    """The dashboard imports it at its start."""
    heavy = {"numpy", "torch", "numba", "pooch", "requests", "pandas"}
    code = f"import sys, engine.data.registry; print({heavy!r} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_demo_comes_first():
    assert KNOWN[0] == "demo"
    assert {"ml-100k", "ml-1m", "gowalla", "amazon-book-kgat", "yelp2018", "amazon-book"} < set(KNOWN)


@pytest.mark.parametrize("name", KNOWN)
def test_every_data_set_is_either_synthetic_or_has_a_reader_and_checked_files(name):
    known = registry.info(name)
    assert known.name == name and known.title and known.terms.endswith(".") and known.description.endswith(".")
    assert known.synthetic == (not known.files)
    assert known.synthetic or known.format in READERS
    for file in known.files:
        assert urlparse(file.url).scheme == "https"
        assert len(file.md5) == 32 and set(file.md5) <= set("0123456789abcdef")
        assert bool(file.member) == bool(file.archive_md5)


def test_the_demo_says_that_it_is_synthetic_and_has_the_size_that_it_says():
    known, demo = registry.info("demo"), synthetic.demo()
    assert "synthetic" in known.title
    assert (known.users, known.items, known.interactions) == (demo.n_users, demo.n_items, len(demo))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(FewbitsError, match=r"unknown data set 'netflix'; known: .*gowalla"):
        registry.info("netflix")


def test_nothing_is_found_where_nothing_is(tmp_path, monkeypatch):
    monkeypatch.delenv("FEWBITS_DATA", raising=False)
    assert registry.find("gowalla", tmp_path) is None
    assert not registry.available("gowalla", tmp_path)
    assert registry.available("demo", tmp_path)


def test_a_folder_counts_only_with_all_its_files(tmp_path, monkeypatch):
    monkeypatch.delenv("FEWBITS_DATA", raising=False)
    folder = put(tmp_path / "datasets" / "gowalla", "train.txt")
    assert registry.find("gowalla", tmp_path) is None
    put(folder, "test.txt")
    assert registry.find("gowalla", tmp_path) == folder


def test_the_persons_own_copy_goes_before_the_downloaded_one(tmp_path, monkeypatch):
    put(tmp_path / "datasets" / "gowalla", "train.txt", "test.txt")
    own = put(tmp_path / "own" / "gowalla", "train.txt", "test.txt")
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "own"))
    assert registry.locate("gowalla", tmp_path) == own


def test_an_incomplete_own_copy_is_named_instead_of_downloaded_past(tmp_path, monkeypatch):
    own = put(tmp_path / "own" / "gowalla", "train.txt")
    monkeypatch.setenv("FEWBITS_DATA", str(tmp_path / "own"))
    with pytest.raises(FewbitsError, match=rf"{own} lacks test.txt; expected train.txt, test.txt"):
        registry.locate("gowalla", tmp_path)


def test_a_synthetic_set_has_no_folder(tmp_path):
    assert registry.find("demo", tmp_path) is None
    with pytest.raises(FewbitsError, match="has no files"):
        registry.locate("demo", tmp_path)


def test_what_is_nowhere_is_downloaded_into_the_folder_of_the_runs(tmp_path, monkeypatch):
    """Against a closed port: the error shows that the downloader was asked."""
    monkeypatch.delenv("FEWBITS_DATA", raising=False)
    known = registry.info("gowalla")
    files = tuple(dataclasses.replace(file, url="http://127.0.0.1:9/" + file.name) for file in known.files)
    monkeypatch.setitem(registry._KNOWN, "gowalla", dataclasses.replace(known, files=files))
    with pytest.raises(FewbitsError, match="cannot download Gowalla"):
        registry.locate("gowalla", tmp_path)
    assert (tmp_path / "datasets" / "gowalla").is_dir()
