"""What the tests of training share."""

import pytest

from engine.data.readers import Reading
from engine.data.split import split
from engine.data.synthetic import two_blocks


@pytest.fixture(scope="module")
def blocks():
    """Two communities that share nothing: whoever learned them recommends within the user's own."""
    return split("two-blocks", Reading(two_blocks(per_user=20), None))
