"""Methods can be told apart by colour and by marker, on both backgrounds and by colour-blind eyes: computed here."""

import itertools

import numpy as np
import pytest

from dashboard.chart_style import GREY, PALETTE, SPARE, STYLES, style
from dashboard.charts import FADED
from dashboard.peers import PEER

LIGHT, DARK = "#ffffff", "#171614"
"""The backgrounds of streamlit's two themes, on which the charts lie."""
MACHADO = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What an eye without one kind of cones sees of linear RGB; Machado, Oliveira and Fernandes 2009, severity 1."""
OUTLINES = (
    ("circle", "hexagon", "pentagon-open"), ("triangle-up", "triangle-down", "triangle-left"), ("square",),
    ("diamond", "diamond-tall"), ("cross", "x"), ("star", "star-diamond"), ("hourglass", "bowtie"),
)  # fmt: skip
"""Symbols that look alike at 10 pixels stand together; those of two groups are clearly different."""
CLEAR = 30.0
"""Distance in CIELAB at which small marks differ at first sight; about 2 can just be seen on large areas."""
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    parts = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(a: str, b: str, opacity: float = 1.0) -> float:
    """The contrast ratio of WCAG 2, where ``a`` may let ``b`` shine through: 3 is asked of graphics."""
    mixed = [round(opacity * int(a[i : i + 2], 16) + (1 - opacity) * int(b[i : i + 2], 16)) for i in (1, 3, 5)]
    shown = "#" + "".join(f"{m:02x}" for m in mixed)
    dark, light = sorted(float(TO_XYZ[1] @ linear(c)) for c in (shown, b))
    return (light + 0.05) / (dark + 0.05)


def lab(color: str, eyes: str) -> np.ndarray:
    """CIELAB (D65) of a colour as these eyes see it."""
    xyz = TO_XYZ @ np.clip(MACHADO[eyes] @ linear(color), 0, 1) / TO_XYZ.sum(1)
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a: str, b: str) -> float:
    """The smallest distance of two colours over all kinds of eyes."""
    return min(float(np.linalg.norm(lab(a, eyes) - lab(b, eyes))) for eyes in MACHADO)


@pytest.mark.parametrize("eyes", list(MACHADO))
def test_the_simulation_leaves_greys_as_they_are(eyes):
    assert lab(GREY, eyes) == pytest.approx(lab(GREY, "normal"), abs=0.2)


def test_what_the_red_green_blind_confuse_is_near_in_the_simulation():
    red, green = "#a05000", "#6a6a00"
    assert distance(red, green) < 15 < np.linalg.norm(lab(red, "normal") - lab(green, "normal"))


@pytest.mark.parametrize("color", [*PALETTE, GREY])
@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_every_colour_has_a_contrast_of_three_on_both_backgrounds(color, background):
    assert contrast(color, background) >= 3
    assert contrast(color, background, FADED) >= 1.8  # off the frontier: faded, yet there


def test_the_styles_use_the_palette():
    assert {color for color, _ in STYLES.values()} == {*PALETTE, GREY}


def test_every_method_has_a_symbol_of_its_own():
    symbols = [symbol for _, symbol in STYLES.values()]
    assert len(set(symbols)) == len(STYLES) == 15  # so that no two differ by colour alone, or not at all


def test_methods_of_like_symbols_have_clearly_different_colours_and_the_reverse():
    for (a, (color_a, symbol_a)), (b, (color_b, symbol_b)) in itertools.combinations(STYLES.items(), 2):
        if any(symbol_a in group and symbol_b in group for group in OUTLINES):
            assert distance(color_a, color_b) >= CLEAR, f"{a} and {b} look alike to some eyes"
    assert {symbol for _, symbol in STYLES.values()} == set(itertools.chain(*OUTLINES))


def test_peers_are_grey_and_hollow_as_no_method_is():
    assert STYLES[PEER][0] == GREY
    assert [name for name, (_, symbol) in STYLES.items() if symbol.endswith("open")] == [PEER]


def test_a_method_that_is_not_listed_looks_like_none_that_is():
    assert style("later-method") == ("#C48600", "diamond-wide"), "the same in every process"
    assert "diamond-wide" in SPARE
    assert not set(SPARE) & {symbol for _, symbol in STYLES.values()}
