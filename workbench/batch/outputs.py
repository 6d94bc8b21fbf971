"""What a reader sees of a cell's outputs, without what no two runs share.

Left out are times, ids and folders of the runs, the numbers under which they registered versions,
addresses in memory, random ids of tables and widgets, and the error stream: warnings and progress.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.batch.history import PastRun

APART = "…"  # stands where something was left out
TIME = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
RANDOM_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\bT_[0-9a-f]{5,}")
WIDGET = "application/vnd.jupyter.widget-view+json"


def seen(outputs: Sequence[Mapping[str, Any]], run: PastRun) -> list[str]:
    """Each output of a cell as a text to compare; what a stream put out in several pieces is one."""
    found: list[tuple[str, Any]] = []
    for output in outputs:
        kind = output.get("output_type")
        if kind == "stream":
            if output.get("name") == "stderr":
                continue
            text = _joined(output.get("text", ""))
            if found and found[-1][0] == "stream":
                text = found.pop()[1] + text
            found.append(("stream", text))
        elif kind == "error":
            found.append(("error", f"{output.get('ename')}: {output.get('evalue')}"))
        else:
            data = output.get("data", {})
            found.append(("data", {name: _joined(value) for name, value in data.items() if name != WIDGET}))
    return [bare(json.dumps(each, sort_keys=True), run) for each in found]


def bare(text: str, run: PastRun) -> str:
    """A text of a run without what no two runs share."""
    versions = (f"{model}/{version}" for model, version in run.versions)
    for own in (str(run.folder), run.folder.name, run.run_id, run.short, *versions):
        text = text.replace(own, APART)
    for pattern in (TIME, ADDRESS, RANDOM_ID):
        text = pattern.sub(APART, text)
    return text


def _joined(value: Any) -> Any:
    return "".join(value) if isinstance(value, list) and all(isinstance(line, str) for line in value) else value
