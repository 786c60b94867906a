"""A small study with known answers, for all tests that only read it."""

import pytest

from engine.store import reference
from engine.study.figures import Study
from tests.study.shipped_rows import ship


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return the folder of its rows."""
    to = tmp_path_factory.mktemp("reference")
    ship(to)
    return to


@pytest.fixture(scope="session")
def study(folder):
    return Study(reference.points(folder))
