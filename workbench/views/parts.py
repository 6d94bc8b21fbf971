"""The few widgets the pages are made of; they share one layout, so a page of hundreds stays light.

>>> parts = Parts()
>>> parts.button("Approve version 3", look="wb-first").description
'Approve version 3'
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget_string import HTMLStyle, TextStyle

from workbench.views.in_place import in_place
from workbench.views.palette import PALETTE
from workbench.views.style import STYLE

HIDDEN = "wb-hidden"


class Parts:
    """Makes widgets in the house's looks; one for each page."""

    def __init__(self) -> None:
        self._layout = ipywidgets.Layout()
        self._button = ipywidgets.ButtonStyle()
        self._html = HTMLStyle()
        self._text = TextStyle(description_width="auto")

    def html(self, value: str = "", *looks: str) -> ipywidgets.HTML:
        """A piece of the page; whatever comes from outside in it has been made safe."""
        return ipywidgets.HTML(value, layout=self._layout, style=self._html, _dom_classes=looks)

    def button(
        self, words: str, *, look: str = "", tooltip: str = "", click: Callable[[], None] | None = None
    ) -> ipywidgets.Button:
        """A button; its words are shown as text, whatever they hold."""
        made = ipywidgets.Button(
            description=words,
            tooltip=tooltip,
            layout=self._layout,
            style=self._button,
            _dom_classes=(look,) if look else (),
        )
        if click is not None:
            made.on_click(lambda _: click())
        return made

    def reason(self, label: str, placeholder: str) -> ipywidgets.Textarea:
        """A field for a reason, of two lines."""
        return ipywidgets.Textarea(
            description=label, placeholder=placeholder, rows=2, layout=self._layout, style=self._text
        )

    def line(self, label: str, placeholder: str) -> ipywidgets.Text:
        """A field for a few words."""
        return ipywidgets.Text(description=label, placeholder=placeholder, layout=self._layout, style=self._text)

    def row(self, *children: Any, look: str = "") -> ipywidgets.HBox:
        """Parts side by side."""
        return ipywidgets.HBox(children, layout=self._layout, _dom_classes=(look,) if look else ())

    def column(self, *children: Any, look: str = "") -> ipywidgets.VBox:
        """Parts one below the other."""
        return ipywidgets.VBox(children, layout=self._layout, _dom_classes=(look,) if look else ())

    def page(self, *children: Any) -> ipywidgets.VBox:
        """The whole page with its style sheet; its pieces change in place."""
        sheet = self.html(f"<style>{PALETTE}{STYLE}</style>", HIDDEN)
        return self.column(sheet, *children, in_place(), look="wb-page")


def show(widget: Any, *, shown: bool) -> None:
    """Show or hide a part, where it is not so already."""
    looks = [look for look in widget._dom_classes if look != HIDDEN]
    wanted = tuple(looks if shown else [*looks, HIDDEN])
    if tuple(widget._dom_classes) != wanted:
        widget._dom_classes = wanted


def place(box: Any, children: Sequence[Any]) -> None:
    """Put parts into a box, where they are not so already."""
    if tuple(box.children) != tuple(children):
        box.children = tuple(children)


@contextmanager
def working(button: Any) -> Iterator[None]:
    """Show on a button that its click was heard, until its work is done."""
    words, button.description, button.disabled = button.description, "Reading …", True
    try:
        yield
    finally:
        button.description, button.disabled = words, False
