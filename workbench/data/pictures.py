r"""Pictures as notebooks show them and records keep them: PNG, and nothing of what drew them.

>>> from matplotlib.figure import Figure
>>> figure = Figure(figsize=(1, 1), dpi=20)
>>> picture = drawn(figure, figure.subplots())
>>> picture.png[:4]
b'\x89PNG'
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

COLOURS = 128  # of a picture: lines and letters with their soft edges; a third of the bytes of all colours


@dataclass(frozen=True)
class Picture:
    """A picture as PNG, which a notebook shows and a record keeps."""

    png: bytes

    def _repr_png_(self) -> bytes:
        return self.png


def drawn(figure: Any, *open_axes: Any) -> Picture:
    """A matplotlib figure as a picture.

    Args:
        figure: What was drawn.
        open_axes: Its axes that are left open above and to the right.
    """
    for axes in open_axes:
        axes.spines[["top", "right"]].set_visible(False)
    from PIL import Image

    out, small = io.BytesIO(), io.BytesIO()
    figure.savefig(out, format="png")
    colours = Image.open(out).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    colours.save(small, format="png", optimize=True)
    return Picture(small.getvalue())
