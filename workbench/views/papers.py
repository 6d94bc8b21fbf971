"""What can be asked about one version beside its evidence: its story, its lineage, its card, its certificate.

Each is read when it is first wanted. A file is handed over as an address that holds it, so that no server
has to keep it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from functools import partial

from workbench.errors import WorkbenchError
from workbench.views.acting import failed
from workbench.views.deciding import Acts, Paper
from workbench.views.framed import framed
from workbench.views.lineage_graph import STYLE, picture, trace
from workbench.views.parts import Parts, show, working
from workbench.views.trail import story
from workbench.views.words import safe


class Papers:
    """The buttons and what they show; one thing at a time."""

    def __init__(self, parts: Parts, acts: Acts, model: str, version: int, *, without: Collection[str] = ()) -> None:
        self._acts, self._model, self.version = acts, model, version
        self._open = ""
        name = f"{model} version {version}"
        self.buttons = {
            words: parts.button(
                words, look="wb-plain", tooltip=f"{words} of {name}", click=partial(self._pressed, words)
            )
            for words in ("Its story", "Lineage", "Model card", "Certificate")
            if words not in without
        }
        self.said = parts.html()
        row = parts.row(*self.buttons.values(), look="wb-acts")
        row.add_class("wb-papers")
        self.widget = parts.column(row, self.said)
        show(self.said, shown=False)

    def offer(self, *, certificate: bool) -> None:
        """Offer a certificate where the version was promoted once."""
        show(self.buttons["Certificate"], shown=certificate)

    def _pressed(self, words: str) -> None:
        if self._open == words:
            self._open, self.said.value = "", ""
            show(self.said, shown=False)
            return
        reads: dict[str, Callable[[], str]] = {
            "Its story": lambda: story(self._acts.story(self._model, self.version)),
            "Lineage": self._lineage,
            "Model card": lambda: self._paper(self._acts.card(self._model, self.version)),
            "Certificate": lambda: self._paper(self._acts.certificate(self._model, self.version)),
        }
        with working(self.buttons[words]):
            try:
                told = reads[words]()
            except WorkbenchError as error:
                told = failed(error)
        self._open, self.said.value = words, told
        show(self.said, shown=True)

    def _lineage(self) -> str:
        about = f"version:{self._model}/{self.version}"
        found = self._acts.trace(self._model, self.version)
        return f"<style>{STYLE}</style>{picture(found, about)}{trace(found, about)}"

    def _paper(self, paper: Paper) -> str:
        shown = framed(paper.text, paper.name) if paper.kind == "text/html" else ""
        if paper.kind == "application/json":
            shown = "<p class='wb-quiet'>Whoever has it can check it without us: <code>workbench verify FILE</code></p>"
        return f"{download(paper)}{shown}"


def download(paper: Paper) -> str:
    """A link that saves a paper as a file.

    >>> download(Paper("a.json", "{}", "application/json"))[:65]
    '<p><a class="wb-download" download="a.json" href="data:applicatio'
    """
    held = paper.text.encode()
    address = f"data:{paper.kind};base64,{base64.b64encode(held).decode()}"
    size = f"{max(1, round(len(held) / 1000)):,} kB"
    return (
        f'<p><a class="wb-download" download="{safe(paper.name)}" href="{safe(address)}">Save {safe(paper.name)}</a> '
        f'<span class="wb-quiet">{size}</span></p>'
    )
