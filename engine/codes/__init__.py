"""What is stored of an embedding table: plain integers or floats with their scales, not yet packed into bytes.

Quantizers make codes and indexes pack them; the two meet only here. ``decode`` says what the codes mean, ``nbytes``
says what they cost when packed tightly, scales included.
"""

from engine.codes.checks import UNIT_BYTES, check_optional_scales, check_scales, row_steps
from engine.codes.layered import LayeredBinaryCodes, check_weights
from engine.codes.peers import PeerCodes
from engine.codes.plain import BITS, FloatCodes, ScalarCodes
from engine.codes.product import Book, ProductCodes
from engine.codes.reranked import FirstCodes, RerankedCodes

__all__ = [
    "BITS",
    "UNIT_BYTES",
    "Book",
    "Codes",
    "FloatCodes",
    "LayeredBinaryCodes",
    "PeerCodes",
    "ProductCodes",
    "RerankedCodes",
    "ScalarCodes",
    "check_optional_scales",
    "check_scales",
    "check_weights",
    "row_steps",
]

Codes = FirstCodes | RerankedCodes | PeerCodes
