"""What the kinds of codes share: scales relative to a unit, and the checks of arrays at the door."""

import numpy as np

from engine.errors import FewbitsError

UNIT_BYTES = 4


def row_steps(row_scale: np.ndarray | None, unit: float, *shape: int) -> np.ndarray:
    """Return the steps, float32 [shape]: ``float32(unit) * float32(row_scale)``, or the unit alone."""
    if row_scale is None:
        return np.full(shape, unit, np.float32)
    return row_scale.astype(np.float32) * np.float32(unit)


def check_scales(row_scale: np.ndarray | None, unit: float, *shape: int) -> None:
    """Raise a FewbitsError unless the unit and the row scales, one for each place of the shape, keep their promise.

    The unit is a float32 number, finite and not negative; row scales are float16 in [0, 1].
    """
    if not (np.isfinite(unit) and unit >= 0 and float(np.float32(unit)) == unit):
        raise FewbitsError(f"unit: got {unit!r}, expected a float32 number that is finite and not negative")
    if row_scale is None:
        return
    check("row_scale", row_scale, (np.dtype(np.float16),), len(shape))
    if row_scale.shape != shape:
        raise FewbitsError(
            f"row_scale: got {list(row_scale.shape)}, expected {list(shape)}: one for each of {shape[0]} rows"
        )
    if not ((row_scale >= 0) & (row_scale <= 1)).all():
        raise FewbitsError("row_scale: got values outside [0, 1], expected scales relative to the unit")


def check_optional_scales(row_scale: np.ndarray | None, unit: float, *shape: int) -> None:
    """Raise a FewbitsError as `check_scales` does, and for a unit other than 1 where there are no scales."""
    if row_scale is None and unit != 1:
        raise FewbitsError(
            f"unit: got {unit!r} without row_scale, expected 1.0: the codes alone have a size of their own"
        )
    check_scales(row_scale, unit, *shape)


def check(name: str, array: np.ndarray, dtypes: tuple[np.dtype, ...], axes: int) -> None:
    """Raise a FewbitsError unless the array has one of the dtypes and this number of axes."""
    if array.dtype not in dtypes or array.ndim != axes:
        expected = " or ".join(str(d) for d in dtypes)
        raise FewbitsError(f"{name}: got {array.dtype} {list(array.shape)}, expected {expected} with {axes} axes")
