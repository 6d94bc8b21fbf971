"""The threshold explorer: a slider that runs in the browser and asks nothing of the kernel.

It is given the counts of every threshold and group once; each number it shows is a quotient of them. Names
of groups are put on the page as text only. What it shows is said in words too, in a line that screen readers
read out when it changes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from workbench.views.explorer_script import SCRIPT

if TYPE_CHECKING:
    from workbench.audits.thresholds import ThresholdCounts


def explorer(table: ThresholdCounts, *, own: float | None, limit: float | None) -> Any:
    """A widget with a slider over all thresholds.

    Args:
        table: Counts by group and threshold.
        own: The threshold that the version answers by, where the slider starts; None: it has none.
        limit: Disparate impact that is to be met; None: none is.
    """
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        _esm = SCRIPT
        table = traitlets.Dict().tag(sync=True)
        own = traitlets.Float(None, allow_none=True).tag(sync=True)
        limit = traitlets.Float(None, allow_none=True).tag(sync=True)

    return Explorer(table=asdict(table), own=own, limit=limit)
