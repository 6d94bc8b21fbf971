"""The inputs that a form of parameters is made of, beside the parts that every page has.

>>> inputs = Inputs()
>>> inputs.choice("metric", [("visits", "visits"), ("spend", "spend")]).value
'visits'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets
from ipywidgets.widgets.widget_bool import CheckboxStyle
from ipywidgets.widgets.widget_description import DescriptionStyle
from ipywidgets.widgets.widget_int import ProgressStyle, SliderStyle
from ipywidgets.widgets.widget_selection import ToggleButtonsStyle

from workbench.views.form_style import FORM_STYLE
from workbench.views.parts import HIDDEN, Parts

Options = Sequence[tuple[str, Any]]  # each with its words


class Inputs(Parts):
    """Makes inputs in the house's looks; their labels are bound to them."""

    def __init__(self) -> None:
        super().__init__()
        self._named = DescriptionStyle(description_width="auto")
        self._tick = CheckboxStyle(description_width="auto")
        self._toggles = ToggleButtonsStyle(description_width="auto", button_width="auto")
        self._slide = SliderStyle(description_width="auto")
        self._bar = ProgressStyle(bar_color="var(--ours)")

    def page(self, *children: Any) -> ipywidgets.VBox:
        """The whole page with its style sheet, that of forms included."""
        return super().page(self.html(f"<style>{FORM_STYLE}</style>", HIDDEN), *children)

    def tick(self, label: str) -> ipywidgets.Checkbox:
        """Yes or no."""
        return ipywidgets.Checkbox(description=label, indent=False, layout=self._layout, style=self._tick)

    def day(self, label: str) -> ipywidgets.DatePicker:
        """A day, or none."""
        return ipywidgets.DatePicker(description=label, layout=self._layout, style=self._named)

    def choice(self, label: str, options: Options) -> ipywidgets.Dropdown:
        """One of many, in a list that folds out."""
        return ipywidgets.Dropdown(description=label, options=options, layout=self._layout, style=self._named)

    def toggles(self, label: str, options: Options) -> ipywidgets.ToggleButtons:
        """One of a few, side by side."""
        return ipywidgets.ToggleButtons(description=label, options=options, layout=self._layout, style=self._toggles)

    def slider(self, low: float, high: float, step: float, *, tooltip: str) -> ipywidgets.FloatSlider:
        """A slider without words; it stands beside a field that has them."""
        return ipywidgets.FloatSlider(
            value=low, min=low, max=high, step=step, readout=False, tooltip=tooltip, layout=self._layout
        )

    def steps(self, label: str, options: Options) -> ipywidgets.SelectionSlider:
        """A slider over a few values, each with its words."""
        return ipywidgets.SelectionSlider(description=label, options=options, layout=self._layout, style=self._slide)

    def bar(self) -> ipywidgets.IntProgress:
        """How far something has come."""
        return ipywidgets.IntProgress(layout=self._layout, style=self._bar)
