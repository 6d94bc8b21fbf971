"""The fields of a form: one for each parameter of a notebook, checked while one types.

What a person gives is read by the parameter's own kind, the one that the command line and the runner use,
so a form can neither allow nor refuse what they do not. The text in a field is exact; a slider beside it
is a convenience and never changes a value that nobody moved it to.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workbench.batch import Parameter
from workbench.batch.kinds import NONE, plain
from workbench.views.inputs import Inputs
from workbench.views.parts import show
from workbench.views.words import safe, sentence

FEW = 4  # options that are shown side by side; more fold into a list …
SHORT = 36  # … and so do options with more letters than this together
STEPS = 100  # of a slider
MOST_STEPS = 1000  # whole numbers that a slider still tells apart


class Field:
    """One parameter: its input, what it means, and what is wrong with what stands in it.

    Args:
        parts: Makes the widgets.
        parameter: What is asked for.
        changed: Called when something else stands in it.
        exists: Whether there is something at a path, as the notebook would see it.
    """

    def __init__(
        self, parts: Inputs, parameter: Parameter, *, changed: Callable[[], None], exists: Callable[[Path], bool]
    ) -> None:
        self.parameter = parameter
        self._changed = changed
        self._exists = exists
        self.problem = ""  # what is wrong with it, in words; empty: nothing
        self.value: Any = parameter.default  # the last one that was right
        self.input = self._input(parts)
        self._slider = self._slider_beside(parts)
        self._note = parts.html(self._meaning(), "wb-means")
        self._said = parts.html("", "wb-wrong")
        inputs = [self.input] if self._slider is None else [self.input, self._slider]
        self.widget = parts.row(parts.column(*inputs, self._said, look="wb-given"), self._note, look="wb-field")
        self.show(parameter.default)
        self.input.observe(lambda _: self._given(), "value")

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @property
    def at_default(self) -> bool:
        """Whether it stands at its default."""
        return bool(self.value == self.parameter.default)

    @property
    def secret(self) -> bool:
        """Whether it names a secret; then it is kept nowhere."""
        return self.parameter.kind.leaf == "Secret"

    @property
    def text(self) -> str:
        """The last value that was right, as the command line takes it."""
        return as_text(self.parameter, self.value)

    def show(self, value: Any) -> None:
        """Put a value of the parameter's type into the field."""
        shown = value if self._is_chosen() else "" if value is None else as_text(self.parameter, value)
        if self.input.value != shown or type(self.input.value) is not type(shown):
            self.input.value = shown
        self._read()

    def freeze(self, *, frozen: bool) -> None:
        """Let nobody change it while it is used."""
        self.input.disabled = frozen
        if self._slider is not None:
            self._slider.disabled = frozen

    def _given(self) -> None:
        self._read()
        self._changed()

    def _read(self) -> None:
        try:
            self.value = self.parameter.kind.read(self._meant(self.input.value))
        except ValueError as error:
            self.problem = f"must be {error}"
        else:
            self.problem = ""
            self._follow()
        self._said.value = f'<div role="status">{safe(sentence(self.problem))}</div>' if self.problem else self._found()
        show(self._said, shown=bool(self._said.value))
        wrong = ("wb-is-wrong",) if self.problem else ()
        if tuple(self.input._dom_classes) != wrong:
            self.input._dom_classes = wrong

    def _meant(self, given: Any) -> Any:
        """What stands in the field; an empty text is nothing, where that may be and the default says no other."""
        if self._is_chosen() or not self.parameter.kind.optional or given.strip():
            return given
        return None if as_text(self.parameter, self.parameter.default) else given

    def _found(self) -> str:
        """Whether there is something at the path that is given."""
        if not isinstance(self.value, Path):
            return ""
        words = "It is there." if self._exists(self.value) else "Nothing is there now."
        return f'<div class="wb-quiet">{words}</div>'

    # the input

    def _is_chosen(self) -> bool:
        kind = self.parameter.kind
        return not kind.listed and (bool(kind.options) or kind.leaf in {"bool", "date"})

    def _input(self, parts: Inputs) -> Any:
        kind, name = self.parameter.kind, self.parameter.name
        if kind.listed:
            return parts.line(name, "a, b, c")
        if kind.options or (kind.leaf == "bool" and kind.optional):
            options = [(str(plain(o)), o) for o in kind.options or (True, False)]
            options += [(NONE, None)] if kind.optional else []
            few = len(options) <= FEW and sum(len(words) for words, _ in options) <= SHORT
            return parts.toggles(name, options) if few else parts.choice(name, options)
        if kind.leaf == "bool":
            return parts.tick(name)
        if kind.leaf == "date":
            return parts.day(name)
        return parts.line(name, NONE if kind.optional else "env:NAME or file:/PATH" if self.secret else "")

    def _slider_beside(self, parts: Inputs) -> Any:
        """A slider where both ends of the range are known and near enough to each other; else None."""
        kind = self.parameter.kind
        ends = None if kind.listed else _ends(kind.leaf, kind.bounds)
        if ends is None:
            return None
        slider = parts.slider(*ends, tooltip=f"{self.name}, {kind.range}")
        slider.observe(lambda change: self._slid(change["new"]), "value")
        return slider

    def _follow(self) -> None:
        """Let the slider stand where the text says."""
        slider = self._slider
        if slider is not None and self.value is not None:
            at = min(max(float(self.value), slider.min), slider.max)
            if slider.value != at:
                slider.value = at

    def _slid(self, at: float) -> None:
        slider = self._slider
        if self.value is not None and at == min(max(float(self.value), slider.min), slider.max):
            return  # it follows the text
        self.input.value = f"{at:.0f}" if self.parameter.kind.leaf == "int" else f"{at:.6g}"

    # what it means

    def _meaning(self) -> str:
        kind, unit = self.parameter.kind, self.parameter.unit
        default = as_text(self.parameter, self.parameter.default)
        needed = f"{kind.needed}, in {unit}" if unit else kind.needed
        standing = f"{needed}; by default {default}" if default else needed
        words = f"<span>{safe(sentence(self.parameter.help))}</span>" if self.parameter.help else ""
        return f'{words}<span class="wb-gloss">{safe(sentence(standing))}</span>'


def _ends(leaf: str, bounds: Mapping[str, float]) -> tuple[float, float, float] | None:
    """The least and the largest value of a slider, and its step.

    >>> _ends("int", {"gt": 0.5, "lt": 10}), _ends("float", {"ge": 0, "lt": 1}), _ends("int", {"ge": 0})
    ((1, 9, 1), (0.0, 0.99, 0.01), None)
    """
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if leaf not in {"int", "float"} or low is None or high is None:
        return None
    step = 1 if leaf == "int" else (high - low) / STEPS
    if leaf == "int":
        low = math.floor(low) + 1 if "gt" in bounds else math.ceil(low)
        high = math.ceil(high) - 1 if "lt" in bounds else math.floor(high)
    else:
        low, high = low + step * ("gt" in bounds), high - step * ("lt" in bounds)
    near = leaf == "float" or high - low <= MOST_STEPS
    return (low, high, step) if near and low < high else None


def as_text(parameter: Parameter, value: Any) -> str:
    """A value as the command line takes it; its kind reads the same value from it again."""
    if value is None:
        return NONE
    if not isinstance(value, list):
        return _item(value)
    joined = ", ".join(_item(item) for item in value)
    try:
        same = parameter.kind.read(joined) == value
    except ValueError:
        same = False
    return joined if same else json.dumps(plain(value), ensure_ascii=False)


def _item(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(plain(value))
