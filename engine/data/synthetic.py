"""Computed interactions: the built-in demo, and a tiny world with a known answer for tests of trainers.

In the demo each item belongs to one genre and has a popularity within it that falls like a power of its rank; each user
mixes a favourite genre, a second one and a little of all others. A user's items are drawn without replacement, with
probability taste x popularity. So genre tells more than popularity alone, which is what a personalised model can learn.
"""

from dataclasses import dataclass

import numpy as np

from engine.data.interactions import Interactions

N_USERS = 2_000
N_ITEMS = 3_000
GENRES = (
    "adventure", "biography", "comedy", "crime", "fantasy", "history",
    "horror", "mystery", "poetry", "romance", "science", "travel",
)  # fmt: skip
FAVOURITE, SECOND = 0.70, 0.22
"""Shares of a user's taste in two genres; the rest is spread evenly over all."""
POPULARITY_EXPONENT = 0.8
FEWEST, MOST, MEDIAN_MORE = 10, 200, 18
"""Items of a user: the fewest and the most there can be, and how many above the fewest the median user has."""

_ADJECTIVES = (
    "Amber", "Ancient", "Bitter", "Blue", "Borrowed", "Broken", "Burning", "Careless", "Clever", "Cold",
    "Crooked", "Distant", "Dusty", "Eager", "Early", "Empty", "Endless", "Faithful", "Fallen", "Fearless",
    "Foreign", "Forgotten", "Gentle", "Gilded", "Golden", "Hidden", "Hollow", "Honest", "Humble", "Iron",
    "Last", "Little", "Lonely", "Lost", "Lucky", "Midnight", "Modest", "Narrow", "Northern", "Odd",
    "Paper", "Patient", "Quiet", "Restless", "Rusty", "Second", "Secret", "Silent", "Silver", "Sleeping",
    "Stolen", "Stubborn", "Sudden", "Tender", "Thirteenth", "Unwritten", "Velvet", "Wandering", "Wild", "Winter",
)  # fmt: skip
_NOUNS = (
    "Anchor", "Archive", "Bell", "Bridge", "Candle", "Castle", "Clock", "Compass", "Crow", "Desert",
    "Door", "Empire", "Feather", "Ferry", "Field", "Forest", "Fox", "Garden", "Ghost", "Harbour",
    "Heart", "Hour", "House", "Island", "Journey", "Key", "Kingdom", "Lantern", "Letter", "Lighthouse",
    "Map", "Market", "Mirror", "Moon", "Mountain", "Needle", "Ocean", "Orchard", "Painter", "Piano",
    "Promise", "Queen", "River", "Road", "Shadow", "Ship", "Stranger", "Tower", "Train", "Whisper",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class World:
    """The truth behind the demo; an oracle ranks items by ``taste[u, genre[i]] * weight[i]``."""

    taste: np.ndarray  # float64 [U, G], rows sum to 1
    genre: np.ndarray  # int32 [I]
    weight: np.ndarray  # float64 [I], the weights of a genre sum to 1
    activity: np.ndarray  # int64 [U], how many items each user has


def demo() -> Interactions:
    """Return the demo's interactions: 2,000 users with at least ten of 3,000 items each, the same every time.

    Every item's label ends with its genre in brackets; the user labels say that the users are synthetic.
    """
    truth = world()
    rng = _generator(1)
    chosen = []
    for user in range(N_USERS):
        # Exponential waiting times with these rates: the first n to arrive are n items drawn without replacement.
        rate = truth.taste[user, truth.genre] * truth.weight  # [I]
        arrival = -np.log1p(-rng.random(N_ITEMS)) / rate
        chosen.append(np.sort(np.argpartition(arrival, truth.activity[user])[: truth.activity[user]]))
    return Interactions(
        user=np.repeat(np.arange(N_USERS, dtype=np.int32), truth.activity),
        item=np.concatenate(chosen).astype(np.int32),
        n_users=N_USERS,
        n_items=N_ITEMS,
        user_labels=tuple(_user_label(user, taste) for user, taste in enumerate(truth.taste)),
        item_labels=_titles(truth.genre),
    )


def world() -> World:
    """Return the tastes, genres and popularities that the demo is drawn from."""
    rng = _generator(0)
    genres = len(GENRES)
    genre = _shuffled(rng, N_ITEMS) % genres  # genres of equal size, scattered over the item ids
    rank = _ranks_within(genre, rng)
    weight = (1.0 + rank) ** -POPULARITY_EXPONENT
    weight /= np.bincount(genre, weight)[genre]
    taste = np.full((N_USERS, genres), (1 - FAVOURITE - SECOND) / genres)
    favourite = (rng.random(N_USERS) * genres).astype(np.int64)
    second = (favourite + 1 + (rng.random(N_USERS) * (genres - 1)).astype(np.int64)) % genres  # another one
    taste[np.arange(N_USERS), favourite] += FAVOURITE
    taste[np.arange(N_USERS), second] += SECOND
    spread = (1 - rng.random(N_USERS)) ** -0.6 - 1  # a power law: few users have very many items
    more = spread / np.median(spread) * MEDIAN_MORE
    activity = np.minimum(FEWEST + more, MOST).astype(np.int64)
    return World(taste, genre.astype(np.int32), weight, activity)


def two_blocks(users: int = 60, items: int = 40, per_user: int = 10, seed: int = 0) -> Interactions:
    """Return two communities without a common item: an item of the other block is a wrong recommendation.

    ``users`` and ``items`` are those of one block. Users below ``users`` like items below ``items`` only, the others
    the others only; each has ``per_user`` items, drawn evenly, so that popularity says nothing.
    """
    if not 0 < per_user <= items:
        raise ValueError(f"got per_user {per_user}; expected 1 to {items}, the items of a block")
    rng = np.random.Generator(np.random.PCG64(seed))
    item = np.argsort(rng.random((2 * users, items)), axis=1, kind="stable")[:, :per_user]
    item[users:] += items
    user = np.repeat(np.arange(2 * users, dtype=np.int32), per_user)
    return Interactions(user, item.ravel().astype(np.int32), 2 * users, 2 * items)


def _generator(stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64([20_000, stream]))


def _shuffled(rng: np.random.Generator, n: int) -> np.ndarray:
    """Return 0…n−1 in a random order (int64 [n]), from uniform draws alone, which no numpy version changes."""
    return np.argsort(rng.random(n), kind="stable")


def _ranks_within(group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random rank of each element among those of its group (int64 [n], from 0)."""
    order = np.lexsort((rng.random(len(group)), group))
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    rank = np.empty(len(group), np.int64)
    rank[order] = np.arange(len(group)) - starts[group[order]]
    return rank


def _titles(genre: np.ndarray) -> tuple[str, ...]:
    """Return a different name for each item: a pair of words and the genre."""
    pairs = _shuffled(_generator(2), len(_ADJECTIVES) * len(_NOUNS))[: len(genre)]
    words = (f"The {_ADJECTIVES[pair % len(_ADJECTIVES)]} {_NOUNS[pair // len(_ADJECTIVES)]}" for pair in pairs)
    return tuple(f"{name} ({GENRES[g]})" for name, g in zip(words, genre, strict=True))


def _user_label(user: int, taste: np.ndarray) -> str:
    first, second = np.argsort(-taste, kind="stable")[:2]
    return f"Synthetic user {user} ({GENRES[first]}, some {GENRES[second]})"
