"""Product codes: the numbers of centroids, packed into bits; a score is a sum of table entries.

A float32 query u is multiplied with all centroids once, and then each item only looks its entries up:

    T[j, c] = <u(j), V_j(c)>        s = sum_j T[j, code_j]

Code j of a row is the bits j * b … j * b + b - 1 of its bytes, lowest first: 8-bit codes are bytes, 4-bit ones nibbles.
A byte of 64 items lies together (`blocks`). Where rows form two groups, the head's and the tail's lie in arrays of
their own, each in stored order, and one bit for each stored position says which group comes next; row scales lie as the
rows do, the head's first. Users' own codes are first turned into vectors, by the users' books.
"""

from typing import Any, Self

import numpy as np

from engine.codes import Book, Codes, ProductCodes, check_optional_scales
from engine.errors import FewbitsError
from engine.indexes import binary
from engine.indexes.base import Index, checked_seed, item_order, own_codes, stored_order
from engine.indexes.blocks import from_blocks, to_blocks
from engine.indexes.packed import Form, Packed, plain, resident
from engine.indexes.product_kernels import decode, search
from engine.indexes.scalar import row_bytes

HEAD, TAIL = {"rows", "book", "row_scale"}, {"tail_rows", "tail_book", "flags"}
"""Names of the arrays there may be, and of those there may be with a tail alone."""
NOTHING = np.empty(0, np.float32)


class ProductIndex(Index):
    """Every item's centroid numbers; float32 queries, or users' own product codes of whatever books."""

    layout = "product"

    def __init__(self, arrays: dict[str, np.ndarray], tail_bits: int, unit: float, seed: int) -> None:
        """Take what `arrays` returns, and the bits of the tail's codes (0 where there is no tail)."""
        self._arrays = arrays = {name: resident(array) for name, array in arrays.items()}
        self._tail_bits, self._unit = tail_bits, float(unit)
        rows, book = arrays["rows"], arrays["book"]
        self.dim, self.bits = len(book) * book.shape[1], book_bits(book)
        tail_rows = arrays.get("tail_rows", rows[:0])
        tail_book = arrays.get("tail_book", book[:0])  # empty: the head's
        self._head_n = len(rows) // row_bytes(len(book), self.bits)
        tail_n = len(tail_rows) // row_bytes(len(tail_book) or len(book), tail_bits) if tail_bits else 0
        self.n = self._head_n + tail_n
        self.seed = checked_seed(self.n, seed)
        flags = arrays.get("flags", np.empty(0, np.uint8))
        scales = arrays["row_scale"].view(np.uint16) if "row_scale" in arrays else np.empty(0, np.uint16)
        groups = (rows, book, self.bits, self._head_n, tail_rows, tail_book, tail_bits, tail_n, flags)
        self._items = (*groups, scales, np.float32(unit), self.seed)

    @staticmethod
    def accepts(codes: Codes) -> bool:
        """Return whether these are ProductCodes."""
        return isinstance(codes, ProductCodes)

    @classmethod
    def build(cls, codes: Codes, seed: int = 0) -> Self:
        """Return the index of these ProductCodes."""
        if not isinstance(codes, ProductCodes):
            raise FewbitsError(f"product index: got {type(codes).__name__}, expected ProductCodes")
        codes = codes.rows(stored_order(codes.n, seed))
        arrays = {}
        for prefix, (book, ids) in zip(("", "tail_"), codes.groups(), strict=False):
            arrays[prefix + "rows"] = to_blocks(pack(codes.q[ids, : book.subspaces], book.bits), 1)
            if not (prefix and codes.shared):
                arrays[prefix + "book"] = book.centroids.transpose(0, 2, 1)
        if codes.tail is not None:
            arrays["flags"] = binary.pack(codes.tail[None].view(np.uint8))[0]
        if codes.row_scale is not None:
            arrays["row_scale"] = codes.row_scale[_groups(codes.tail, codes.n)]
        return cls(arrays, 0 if codes.tail is None else codes.books[1].bits, codes.unit, seed)

    def codes(self) -> ProductCodes:
        """Return the items' codes; row i is item i."""
        books = [Book(plain(self._arrays["book"].transpose(0, 2, 1)))]
        shared, tail = bool(self._tail_bits) and "tail_book" not in self._arrays, None
        if self._tail_bits:
            own = (
                books[0].centroids[:, : 1 << self._tail_bits]
                if shared
                else self._arrays["tail_book"].transpose(0, 2, 1)
            )
            books.append(Book(plain(own)))
            tail = binary.unpack(self._arrays["flags"][None], self.n)[0].astype(np.bool_)
        q, order = np.zeros((self.n, max(book.subspaces for book in books)), np.uint8), _groups(tail, self.n)
        for prefix, book, ids in zip(
            ("", "tail_"), books, (order[: self._head_n], order[self._head_n :]), strict=False
        ):
            rows = from_blocks(self._arrays[prefix + "rows"], row_bytes(book.subspaces, book.bits), 1)
            q[ids, : book.subspaces] = unpack(rows, book.subspaces, book.bits)
        scale = None
        if "row_scale" in self._arrays:
            scale = np.empty(self.n, np.float16)
            scale[order] = self._arrays["row_scale"]
        return ProductCodes(q, tuple(books), tail, shared, scale, self._unit).rows(item_order(self.n, self.seed))

    def pack_queries(self, codes: Codes) -> Packed:
        """Return users' codes as bytes uint8 [B, W], and their books as tables float32 [M, w, K].

        All rows have the same width. Where the tail has a book of its own, a last byte says which rows are its; where
        it shares the head's, all codes have the head's bits.
        """
        own_codes(self, codes, any_bits=True)
        assert isinstance(codes, ProductCodes)
        books = codes.books[:1] if codes.shared else codes.books
        width = max(row_bytes(book.subspaces, book.bits) for book in books)
        values = np.zeros((codes.n, width + len(books) - 1), np.uint8)
        tail = np.zeros(codes.n, np.bool_) if codes.tail is None or codes.shared else codes.tail
        for book, ids in zip(books, (~tail, tail), strict=False):
            values[ids, : row_bytes(book.subspaces, book.bits)] = pack(codes.q[ids, : book.subspaces], book.bits)
        if len(books) > 1:
            values[:, -1] = tail
        steps = NOTHING if codes.row_scale is None else codes.steps()
        tables = tuple(plain(book.centroids.transpose(0, 2, 1)) for book in books)
        return Packed(self.layout, self.dim, self.bits, values, steps, tables)

    @property
    def unit(self) -> float | None:
        """Return the unit of the scales, None where there are none."""
        return self._unit if "row_scale" in self._arrays else None

    def arrays(self) -> dict[str, np.ndarray]:
        """Return rows in blocks, uint8 [n · W], and book float32 [M, w, K]; what else there is, of these.

        tail_rows uint8 [m · W'], flags uint8 [n / 8] with a bit for each stored position that is the tail's, tail_book
        where it is not the head's, row_scale float16 [n]. With a tail, rows are the head's n - m.
        """
        return dict(self._arrays)

    def meta(self) -> dict[str, str]:
        """Return what the arrays do not say, as text."""
        return {**super().meta(), "tail_bits": str(self._tail_bits)}

    @classmethod
    def from_arrays(cls, arrays: dict[str, np.ndarray], meta: dict[str, str]) -> Self:
        """Return the index with these codes, books and scales."""
        n, dim, tail_bits = int(meta["n"]), int(meta["dim"]), int(meta["tail_bits"])
        if arrays.keys() - (HEAD | TAIL if tail_bits else HEAD):
            raise FewbitsError(f"product index: got {', '.join(arrays)} with a tail of {tail_bits} bits")
        head = Book(arrays["book"].transpose(0, 2, 1))
        count = _check_rows("rows", arrays["rows"], head, int(meta["bits"]), dim)
        if tail_bits:
            shared = head.centroids[:, : 1 << tail_bits]
            tail = Book(arrays["tail_book"].transpose(0, 2, 1) if "tail_book" in arrays else shared)
            tails = _check_rows("tail_rows", arrays["tail_rows"], tail, tail_bits, dim)
            _check_flags(arrays["flags"], n, tails)
            count += tails
        if count != n:
            raise FewbitsError(f"product index: got {count} rows, expected {n}")
        unit = float(meta.get("unit", 1))
        check_optional_scales(arrays.get("row_scale"), unit, n)
        return cls(arrays, tail_bits, unit, int(meta["seed"]))

    def _packed_forms(self, queries: Packed) -> dict[str, Form]:
        tables = queries.tables
        shapes = [table.shape for table in tables if table.ndim == 3 and 2 <= table.shape[2] <= 256]
        if len(tables) not in (1, 2) or [m * w for m, w, _ in shapes] != [self.dim] * len(tables):
            got = [table.shape for table in tables]
            raise FewbitsError(
                f"queries: got tables {got}, expected [M, w, K], M w = {self.dim}; pack them with this index"
            )
        width = max(row_bytes(len(table), book_bits(table)) for table in tables) + len(tables) - 1
        forms: dict[str, Form] = {f"table_{i}": (np.float32, table.shape) for i, table in enumerate(tables)}
        steps = (len(queries) if len(queries.steps) else 0,)
        return {"values": (np.uint8, (len(queries), width)), "steps": (np.float32, steps), **forms}

    def _search_float(self, queries: np.ndarray, *rest: Any) -> None:
        search(queries, *self._items, *rest)

    def _search_packed(self, queries: Packed, *rest: Any) -> None:
        head, tail = queries.tables[0], queries.tables[1] if len(queries.tables) > 1 else queries.tables[0][:0]
        vectors = np.empty((len(queries), self.dim), np.float32)
        if not decode(queries.values, queries.steps, head, tail, vectors):
            raise FewbitsError("queries: got codes without a centroid in their tables; pack them with this index")
        search(vectors, *self._items, *rest)


def book_bits(book: np.ndarray) -> int:
    """Return the bits of a code of a book [M, w, K]."""
    return (book.shape[2] - 1).bit_length()


def pack(q: np.ndarray, bits: int) -> np.ndarray:
    """Return codes uint8 [n, M] below 2^bits as uint8 [n, W]; the bits behind the last code are 0."""
    places = np.unpackbits(q[:, :, None], axis=2, count=bits, bitorder="little")  # [n, M, bits]
    return np.packbits(places.reshape(len(q), q.shape[1] * bits), axis=1, bitorder="little")


def unpack(rows: np.ndarray, subspaces: int, bits: int) -> np.ndarray:
    """Return the codes uint8 [n, M] of packed rows."""
    places = np.unpackbits(rows, axis=1, count=subspaces * bits, bitorder="little")
    return np.packbits(places.reshape(len(rows), subspaces, bits), axis=2, bitorder="little")[:, :, 0]


def _groups(tail: np.ndarray | None, n: int) -> np.ndarray:
    """Return the stored positions as rows lie: the head's, then the tail's."""
    return np.arange(n) if tail is None else np.concatenate([np.flatnonzero(~tail), np.flatnonzero(tail)])


def _check_rows(name: str, rows: np.ndarray, book: Book, bits: int, dim: int) -> int:
    """Return how many rows there are, or raise a FewbitsError unless rows and book are of these bits and dimensions."""
    width = row_bytes(book.subspaces, bits)
    if (book.bits, book.dim) != (bits, dim) or rows.dtype != np.uint8 or rows.ndim != 1 or len(rows) % width:
        got = (
            f"{rows.dtype} {list(rows.shape)} with a book of {book.subspaces} x {book.bits} bits, {book.dim} dimensions"
        )
        raise FewbitsError(f"{name}: got {got}, expected uint8 [n · {width}] with one of {bits} bits, {dim} dimensions")
    stored = from_blocks(rows, width, 1)
    if book.size < 1 << bits and (unpack(stored, book.subspaces, bits) >= book.size).any():
        raise FewbitsError(f"{name}: got codes without a centroid, expected them below {book.size}")
    return len(stored)


def _check_flags(flags: np.ndarray, n: int, tails: int) -> None:
    """Raise a FewbitsError unless flags are n bits in bytes, as many ones as there are tail rows."""
    if flags.dtype != np.uint8 or flags.shape != (binary.row_bytes(n),):
        raise FewbitsError(f"flags: got {flags.dtype} {list(flags.shape)}, expected uint8 {[binary.row_bytes(n)]}")
    ones = np.unpackbits(flags, bitorder="little")
    if ones[n:].any() or ones.sum() != tails:
        raise FewbitsError(
            f"flags: got {ones.sum()} ones, expected {tails}, one for each tail row, and zeros behind {n}"
        )
