"""The run page: choose a notebook of the workspace, fill in its form, run it, see what it came to.

What the page's address asks for is checked like what a person types: a notebook that is not in the list
is not opened, and a value that does not fit is left out with a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.views.acting import failed, refused
from workbench.views.form import Filling, RunForm
from workbench.views.inputs import Inputs
from workbench.views.parts import place, show
from workbench.views.running import Begin, in_background
from workbench.views.words import counted

if TYPE_CHECKING:
    from ipywidgets import Widget

NOTEBOOK = "notebook"  # of an address: what is chosen; the rest of it are values
CHOOSE = "Choose a notebook …"


def run_page(
    notebooks: Callable[[], Sequence[str]],
    fill: Callable[[str, Mapping[str, str]], Filling],
    *,
    asked: Mapping[str, str],
    begin: Begin = in_background,
) -> Widget:
    """The page on which one runs a notebook.

    Args:
        notebooks: The names of those that can be run.
        fill: What a form needs of one of them, given the values that the address asks for.
        asked: What the page's address asks for: a "notebook", and values by name.
        begin: Sets a run going; by default in the background.
    """
    return Chooser(notebooks, fill, asked, begin).widget


class Chooser:
    """The page's parts, and the forms that were opened; one that runs goes on while another is looked at."""

    def __init__(
        self,
        notebooks: Callable[[], Sequence[str]],
        fill: Callable[[str, Mapping[str, str]], Filling],
        asked: Mapping[str, str],
        begin: Begin,
    ) -> None:
        self._fill, self._begin = fill, begin
        self._values = {name: text for name, text in asked.items() if name != NOTEBOOK}
        self._parts = parts = Inputs()
        self._forms: dict[str, RunForm] = {}
        self.said = parts.html()
        self.form = parts.column()
        try:
            names, error = list(notebooks()), None
        except WorkbenchError as wrong:
            names, error = [], wrong
        self.choice = parts.choice("Notebook", [(CHOOSE, ""), *((name, name) for name in names)])
        self.choice.observe(lambda change: self._open(change["new"] or None), "value")
        lead = parts.html(f'<p class="wb-lead">{counted(len(names), "notebook")} can be run.</p>')
        self.widget = parts.page(lead, self.choice, self.said, self.form)
        self._say(failed(error) if error else "")
        wanted = asked.get(NOTEBOOK)
        if wanted in names:
            self.choice.value = wanted
        elif wanted is not None and error is None:
            self._say(refused(f"The address asks for the notebook {wanted!r}; there is none of that name. Choose one."))

    def _open(self, name: str | None) -> None:
        self._say("")
        values, self._values = self._values, {}  # they were meant for the first one
        if name is not None and name not in self._forms:
            try:
                filling = self._fill(name, values)
            except WorkbenchError as error:
                self._say(failed(error))
                name = None
            else:
                self._forms[name] = RunForm(self._parts, filling, self._begin)
        place(self.form, [] if name is None else [self._forms[name].widget])

    def _say(self, words: str) -> None:
        self.said.value = words
        show(self.said, shown=bool(words))
