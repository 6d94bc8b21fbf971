"""The colours of the pages, by day and in the dark, each under the name of what it is for; no other module has any.

Lines and marks are of the Okabe-Ito set, which people with any colour vision tell apart; each stands beside a shape
and a word. Texts have a contrast of at least 4.5 to 1 on their grounds, what one has to see to use the page 3 to 1
(WCAG 2.2, 1.4.3 and 1.4.11, level AA): `tests/views/test_palette.py` works it out for every pair in use.

The frame around the pages has the few that it needs in `templates/voila/templates/workbench/static/workbench.css`,
since it is drawn before a kernel lives; the same test holds them together.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ink": "#17202b",  # what is said
    "quiet": "#556070",  # what is said aside
    "faint": "#606b78",  # what stands in an empty field, or is closed
    "ground": "#fbfcfd",
    "card": "#ffffff",
    "paper": "#ffffff",  # below what is a document of its own
    "soft": "#f5f7f9",
    "hover": "#eef2f6",
    "closed": "#eef1f4",  # a button that cannot be pressed
    "line": "#dde3ea",
    "edge": "#b8c2cd",
    "field": "#8592a1",  # around what one writes in
    "ours": "#0063a6",
    "ours-strong": "#004f86",
    "ours-soft": "#e9f1f8",
    "on-ours": "#ffffff",
    "theirs": "#5b6572",
    "on-mark": "#ffffff",  # the number on a mark
    "limit": "#b84a00",
    "yes": "#00694e",
    "yes-soft": "#e8f4f0",
    "no": "#a63a00",
    "no-soft": "#fdf1ea",
    "open": "#6b5200",
    "open-soft": "#fbf5e0",
    "fourth": "#7a3f8f",  # one more line of a picture
    "area": "#dcebf6",  # below a curve
    "likely": "#9ec8e6",
    "unlike": "#f6ddd0",
    "grid": "#e6eaee",
    "trough": "#e9edf1",
    "track": "#c9d1da",
    "bar": "#7d92a5",
    "dim": "#a9b4c0",
    "focus": "#0063a6",
    "toast": "#17202b",
    "on-toast": "#ffffff",
}

DARK: Mapping[str, str] = {
    "ink": "#e6ebf0",
    "quiet": "#a6b1bd",
    "faint": "#98a3af",
    "ground": "#0f141a",
    "card": "#161c23",
    "paper": "#ffffff",
    "soft": "#1b222a",
    "hover": "#242d37",
    "closed": "#20272f",
    "line": "#2f3944",
    "edge": "#4a5663",
    "field": "#7c8997",
    "ours": "#6cb6f0",
    "ours-strong": "#94cbf6",
    "ours-soft": "#182a3a",
    "on-ours": "#0b1a26",
    "theirs": "#9aa6b3",
    "on-mark": "#10161c",
    "limit": "#f0955a",
    "yes": "#5ac8a0",
    "yes-soft": "#142a23",
    "no": "#f29a70",
    "no-soft": "#35221a",
    "open": "#e2c35c",
    "open-soft": "#2d2713",
    "fourth": "#c99ade",
    "area": "#1c3a54",
    "likely": "#2f6b9c",
    "unlike": "#4a2a1c",
    "grid": "#2a333d",
    "trough": "#28313a",
    "track": "#3f4a56",
    "bar": "#7b90a5",
    "dim": "#5d6975",
    "focus": "#6cb6f0",
    "toast": "#e6ebf0",
    "on-toast": "#17202b",
}


def _named(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}:{colour};" for name, colour in colours.items())


# Voila's frame follows the reader's machine; JupyterLab's theme, which need not, is followed where there is one
PALETTE = f"""
.wb-page {{ color-scheme:light; {_named(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ .wb-body .wb-page {{ color-scheme:dark; {_named(DARK)} }} }}
[data-jp-theme-light="false"] .wb-page {{ color-scheme:dark; {_named(DARK)} }}
"""
