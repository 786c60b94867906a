"""Signs after a rotation: the axes that signs are taken along matter, so turn them first, at random or to fit.

Both tables are turned by the same orthogonal R, so inner products stay: <u R, x R> = <u, x>. B = sign(x R), sign(0) =
+1, is what is stored, with a 2-byte scale a row (float16 relative to the table's largest) unless told otherwise; the
floats that users are served with are u R. R itself is not part of an index, since queries are kept turned; it lies
beside the index for users who come later (`Quantizer.turn`).

`lsh`: R at random. Moses Charikar, "Similarity Estimation Techniques from Rounding Algorithms", STOC 2002,
https://doi.org/10.1145/509907.509965: P(sign<r, x> = sign<r, y>) = 1 - angle(x, y) / pi (paper). Differs from the
paper: as many bits as dimensions, along orthogonal directions, and a scale mean|x R| a row (ours).

`itq`: R learned. Yunchao Gong, Svetlana Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary
Codes", CVPR 2011, https://doi.org/10.1109/CVPR.2011.5995432. Minimises |B - V R|^2 from a random R by 50 turns (paper)
of B = sign(V R) and R = S T', where V' B = S Omega T' is a singular value decomposition. V are the item vectors, of
65,536 items at most (ours).
Differs from the paper: no principal components, no centring (the mean is 3 % of a usual norm on Gowalla), and a scale
mean|x R| a row (ours). Rows are taken as they are, not at unit length: on Gowalla (LightGCN, 64 dimensions, 10,000
users, 3 seeds) overlap@20 is 0.645 against 0.640 for float queries, 0.520 against 0.515 for signs; recall@20 is equal.

`rabitq`: R at random, and the scale |x|^2 / |x R|_1. Jianyang Gao, Cheng Long, "RaBitQ: Quantizing High-Dimensional
Vectors with a Theoretical Error Bound for Approximate Nearest Neighbor Search", SIGMOD 2024,
https://arxiv.org/abs/2405.12497. With o = x / |x| and its code o^ = B / sqrt(d), <o, q> is estimated by <o^, q> /
<o^, o>, which is unbiased over R (paper); times |x| that is <B, q> |x|^2 / |x R|_1. Differs from the paper: no
centroid is subtracted first, since these vectors lie about zero, and queries are float32, or the users' own codes,
where the paper rounds them to 4 bits (ours). Between two codes the estimate is no longer unbiased.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from engine.codes import ScalarCodes
from engine.errors import FewbitsError
from engine.quantizers.base import Quantizer, as_matrix
from engine.quantizers.kmeans import sample
from engine.quantizers.uniform import relative_scale
from engine.spec import Strict

ROUNDS = 50
CHUNK_ROWS = 8192
LARGEST = float(np.finfo(np.float32).max)


class SignOptions(Strict):
    """The options of signs after a rotation."""

    scale: Literal["row", "none"] = Field("row", description="one float16 scale a row, mean|x|, or no scale at all")


class Turned(Quantizer):
    """A method that turns both tables by one rotation before it codes them; `fit` finds it."""

    takes = "turned"
    rotation: np.ndarray | None = None

    def plain(self, layers: Sequence[Any], table: str) -> np.ndarray:
        """Return the mean of the layers as it comes, float32 [n, d]."""
        return as_matrix(super().vectors(layers, table), table)

    def vectors(self, layers: Sequence[Any], table: str) -> np.ndarray:
        """Return the rotated mean of the layers, float32 [n, d]."""
        return rotated(self.plain(layers, table), self.rotation)

    def turn(self) -> np.ndarray | None:
        """Return the rotation."""
        return self.rotation


class Lsh(Turned):
    """Signs along random directions."""

    name = "lsh"
    title = "Random rotation, signs"
    explanation = (
        "Turns all vectors by one random rotation and keeps a sign bit of every number. "
        "The floor for one-bit codes: whatever learns a rotation should beat it."
    )
    link = "https://doi.org/10.1145/509907.509965"
    bits = (1,)

    class Options(SignOptions):
        """The options of `Lsh`."""

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Draw the rotation."""
        self.rotation = random_rotation(tables["item"][0].shape[1], np.random.default_rng(self.seed))

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes:
        """Return the signs of the rotated vectors."""
        return signs(self.vectors(layers, table), "mean" if self.options.scale == "row" else "none")


class Itq(Turned):
    """Signs after the rotation that brings the item vectors nearest to their signs."""

    name = "itq"
    title = "ITQ: learned rotation, signs"
    explanation = (
        "Learns the rotation after which the item vectors lie nearest to their own signs, then keeps one bit a number. "
        "Mostly the best of the untrained one-bit codes here."
    )
    link = "https://doi.org/10.1109/CVPR.2011.5995432"
    bits = (1,)

    class Options(SignOptions):
        """The options of `Itq`."""

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Learn the rotation from the item vectors."""
        items = self.plain(tables["item"], "item")
        self.rotation = learned_rotation(items, ROUNDS, np.random.default_rng(self.seed))

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes:
        """Return the signs of the rotated vectors."""
        return signs(self.vectors(layers, table), "mean" if self.options.scale == "row" else "none")


class Rabitq(Turned):
    """Signs along random directions, with the scale that makes estimated inner products right on average."""

    name = "rabitq"
    title = "RaBitQ: random rotation, unbiased signs"
    explanation = (
        "Turns all vectors at random, keeps a sign bit of every number and a 2-byte scale a row. "
        "The scale makes estimated scores right on average, however badly a row fits its signs."
    )
    link = "https://arxiv.org/abs/2405.12497"
    bits = (1,)

    def fit(self, tables: Mapping[str, Sequence[Any]], counts: Mapping[str, np.ndarray]) -> None:
        """Draw the rotation."""
        self.rotation = random_rotation(tables["item"][0].shape[1], np.random.default_rng(self.seed))

    def codes(self, layers: Sequence[Any], table: str) -> ScalarCodes:
        """Return the signs of the rotated vectors."""
        return signs(self.vectors(layers, table), "unbiased")


def random_rotation(dim: int, rng: np.random.Generator) -> np.ndarray:
    """Return an orthogonal matrix, float64 [d, d], all being equally likely."""
    q, r = np.linalg.qr(rng.normal(size=(dim, dim)))
    return q * np.where(np.diag(r) < 0, -1, 1)  # without the signs, the routine's own habits would show


def learned_rotation(vectors: np.ndarray, rounds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the orthogonal float64 [d, d] after so many turns of signs and rotation on vectors float32 [n, d]."""
    rotation = random_rotation(vectors.shape[1], rng)
    v, _ = sample(vectors, None, rng)
    v = np.ldexp(v, -int(np.frexp(np.abs(v).max(initial=0))[1]))
    for _ in range(rounds):
        b = np.where(v @ rotation.astype(np.float32) >= 0, np.float32(1), np.float32(-1))  # [n, d]
        rotation = procrustes(v.T @ b)
    return rotation


def procrustes(products: np.ndarray) -> np.ndarray:
    """Return the orthogonal R, float64 [d, d], that brings V R nearest to B, given V' B [d, d]."""
    s, _, t = np.linalg.svd(products.astype(np.float64))
    return s @ t


def rotated(vectors: np.ndarray, rotation: np.ndarray | None) -> np.ndarray:
    """Return vectors float32 [n, d] times the rotation; what float32 cannot hold becomes its largest number.

    Raises
    ------
    FewbitsError
        Where there is no rotation yet.
    """
    if rotation is None:
        raise FewbitsError("got no rotation, expected one; call fit with both tables before vectors or codes")
    turned = np.empty_like(vectors)
    for start in range(0, len(vectors), CHUNK_ROWS):
        rows = slice(start, start + CHUNK_ROWS)
        turned[rows] = np.clip(vectors[rows] @ rotation, -LARGEST, LARGEST)  # float64: 3e38 does not overflow
    return turned


def signs(z: np.ndarray, scale: Literal["mean", "unbiased", "none"]) -> ScalarCodes:
    """Return the signs of float32 [n, d] and, unless "none", a scale a row: mean|z|, or the unbiased |z|^2 / |z|_1."""
    q = (z >= 0).astype(np.uint8)
    if scale == "none":
        return ScalarCodes(q, 1, None, 1.0)
    sizes = np.abs(z).sum(axis=1, dtype=np.float64)
    if scale == "mean":
        steps = sizes / z.shape[1]
    else:
        squares = np.einsum("nd,nd->n", z, z, dtype=np.float64)
        steps = np.divide(squares, sizes, out=np.zeros(len(z)), where=sizes > 0)
    return ScalarCodes(q, 1, *relative_scale(steps.astype(np.float32)))
