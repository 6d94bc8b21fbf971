"""A page of its own inside a page: a button that shows it in a frame, and hides it again.

It is read when it is first wanted, and the frame reaches nothing of what is around it.

>>> "allow-same-origin" in framed("<p>It went well.</p>", "The report")
False
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.errors import WorkbenchError
from workbench.views.acting import failed
from workbench.views.parts import Parts, show
from workbench.views.words import safe


class Framed:
    """The button and the frame.

    Args:
        parts: Makes the widgets.
        name: What is shown, "the report".
    """

    def __init__(self, parts: Parts, name: str) -> None:
        self._name = name
        self._read: Callable[[], str] | None = None
        self.button = parts.button("", click=self._pressed)
        self.frame = parts.html()
        self.offer(None)

    def offer(self, read: Callable[[], str] | None) -> None:
        """Offer another page, hidden until it is wanted; None for none."""
        self._read = read
        self._hide()
        show(self.button, shown=read is not None)

    def _hide(self) -> None:
        self.frame.value, self.button.description = "", f"Show {self._name} here"

    def _pressed(self) -> None:
        if self.frame.value or self._read is None:
            self._hide()
            return
        try:
            self.frame.value = framed(self._read(), self._name.capitalize())
        except WorkbenchError as error:
            self.frame.value = failed(error)
        self.button.description = f"Hide {self._name}"


def framed(page: str, title: str) -> str:
    """HTML of a page in a frame."""
    return f'<iframe class="wb-report" title="{safe(title)}" sandbox="allow-scripts" srcdoc="{safe(page)}"></iframe>'
