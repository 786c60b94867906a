"""What every choice looks at: the held-out item of each user, and nothing that was trained on."""

from types import SimpleNamespace

import numpy as np

from engine.data.interactions import ItemLists
from engine.training.validation import pooled_ndcgs


def test_validation_asks_for_the_item_held_out_and_leaves_out_what_was_trained_on():
    lists = [ItemLists.from_pairs(np.arange(2), np.array(items), 2) for items in ([1, 0], [0, 2], [2, 1])]
    split = SimpleNamespace(n_users=2, n_items=3, **dict(zip(("train", "valid", "test"), lists, strict=True)))
    users, items = np.eye(2, dtype=np.float32), np.array([[2, 3], [3, 1], [1, 2]], np.float32)
    # User 0 ranks 1, 0, 2 and trained on 1: 0 is first. User 1 ranks 0, 2, 1 and trained on 0: 2 is first.
    assert pooled_ndcgs(split, users, items).tolist() == [1, 1]
