"""The colours of the pages: legible by day and in the dark, in one place, and the same in the frame around them."""

import re
from pathlib import Path

import pytest

from workbench.views.palette import DARK, LIGHT, PALETTE

ROOT = Path(__file__).parents[2]
FRAME = ROOT / "templates/voila/templates/workbench/static/workbench.css"
LOOKS = {"light": LIGHT, "dark": DARK}
HEX = re.compile(r"(?<!&)#[0-9a-fA-F]{3,8}\b")

TEXTS = [
    *((ink, ground) for ink in ("ink", "quiet") for ground in ("ground", "card", "soft", "hover", "closed")),
    *(("ink", ground) for ground in ("ours-soft", "yes-soft", "no-soft", "open-soft")),
    ("quiet", "ours-soft"), ("quiet", "no-soft"), ("quiet", "open-soft"), ("quiet", "yes-soft"),
    *(("ours", ground) for ground in ("ground", "card", "soft", "ours-soft", "hover")),
    ("on-ours", "ours"), ("on-ours", "ours-strong"), ("faint", "card"), ("faint", "closed"),
    ("yes", "yes-soft"), ("yes", "soft"), ("yes", "card"), ("no", "no-soft"), ("no", "soft"), ("no", "card"),
    ("open", "open-soft"), ("open", "soft"), ("open", "card"),
    ("on-mark", "theirs"), ("on-mark", "no"), ("on-toast", "toast"),
]  # fmt: skip
MARKS = [
    *((mark, "card") for mark in ("field", "ours", "theirs", "limit", "yes", "no", "open", "fourth", "bar", "focus")),
    ("field", "ground"), ("focus", "ground"), ("focus", "soft"), ("limit", "no-soft"), ("ours", "area"),
    ("theirs", "no-soft"), ("ours", "no-soft"), ("yes", "no-soft"), ("no", "unlike"), ("ours", "grid"),
]  # fmt: skip


def luminance(colour):
    """Relative luminance in [0, 1], as WCAG 2.2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_contrast_is_reckoned_as_the_guidelines_do():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("pairs", "least"), [(TEXTS, 4.5), (MARKS, 3.0)], ids=["texts", "marks"])
def test_texts_and_marks_stand_out_from_their_grounds(look, pairs, least):
    colours = LOOKS[look]
    found = {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in found.items() if ratio < least} == {}


def test_both_looks_have_the_same_names_and_every_name_is_used_and_known():
    assert LIGHT.keys() == DARK.keys()
    sheets = {
        path.name: path.read_text() for path in (ROOT / "workbench/views").glob("*.py") if path.name != "palette.py"
    }
    used = set(re.findall(r"var\(--([a-z-]+)\)", "".join(sheets.values())))
    assert used == LIGHT.keys()


def test_no_other_module_of_the_pages_has_a_colour():
    """The report of drift is a document of its own, which leaves the workspace."""
    own = {"palette.py", "audit_report.py"}
    found = {path.name: HEX.findall(path.read_text()) for path in (ROOT / "workbench/views").glob("*.py")}
    assert {name: colours for name, colours in found.items() if colours and name not in own} == {}


def test_the_frame_has_the_colours_of_the_pages():
    day, _, rest = FRAME.read_text().partition("@media (prefers-color-scheme: dark)")
    dark = rest.partition("}")[0]
    for text, colours in ((day, LIGHT), (dark, DARK)):
        told = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", text))
        assert told == {name: colours[name] for name in told}
        assert len(told) == 9
    assert set(HEX.findall(FRAME.read_text())) <= {*LIGHT.values(), *DARK.values()}


def test_the_dark_look_comes_with_the_readers_machine_or_with_a_dark_jupyterlab():
    assert PALETTE.count("prefers-color-scheme: dark") == 1
    assert '[data-jp-theme-light="false"] .wb-page' in PALETTE
