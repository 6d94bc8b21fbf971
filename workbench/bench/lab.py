"""The workbench inside JupyterLab: the server extension behind the cards of the launcher.

`templates/jupyterlab/jupyter_server_config.d/workbench.json` enables this module; the cards are drawn by
`templates/jupyterlab/labextensions/@workbench/launcher`.
"""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

from workbench.bench.composition import Bench
from workbench.bench.opening import open_bench
from workbench.bench.workspace import find, shipped
from workbench.errors import Misuse

LINKS = "links.json"  # in the workspace's .run: the pages that `workbench up` serves, as [{"name": …, "url": …}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    from workbench.engines.lab_extension import add_to

    desk = Desk(Path(server.root_dir).resolve())
    add_to(server.web_app, server.base_url, offer=desk.offer, begin=desk.begin)


class Desk:
    """What the launcher of one JupyterLab offers and begins.

    The workspace is the one that WORKBENCH_WORKSPACE names, else the one that JupyterLab's root folder lies in;
    it is looked up anew each time, since it may be made while JupyterLab runs; outside of one there are no cards.
    """

    def __init__(self, root: Path) -> None:
        self._root = root  # JupyterLab's: what lies outside of it cannot be opened there

    def offer(self) -> dict[str, Any]:
        """Templates, notebooks and links; with the owner and the day that a new notebook has by default."""
        from workbench.batch.templates import templates

        offered = [template.as_json() for template in templates(shipped("templates") / "notebooks")]
        with self._bench() as bench:
            return {
                "templates": offered,
                "notebooks": sorted(path.stem for path in (bench.root / "notebooks").glob("*.ipynb")),
                "links": links(bench.root),
                "owner": bench.actor,
                "date": str(bench.today()),
            }

    def begin(self, *, template: str, hypothesis: str, owner: str, date: str, name: str) -> dict[str, str]:
        """Begin a notebook; its path as JupyterLab knows it.

        Raises:
            Misuse: The workspace or what is asked for cannot be used.
            EngineError: The notebook cannot be written.
        """
        with self._bench() as bench:
            if not bench.root.is_relative_to(self._root):
                raise Misuse(
                    f"the workspace {bench.root} lies outside of {self._root}, which JupyterLab shows",
                    hint="start JupyterLab with workbench up, or in the workspace",
                )
            made = bench.new(template, hypothesis=hypothesis, owner=owner, created=_day(date), name=name)
            return {"path": made.relative_to(self._root).as_posix()}

    def _bench(self) -> Bench:
        return open_bench() if os.environ.get("WORKBENCH_WORKSPACE") else open_bench(find(self._root))


def links(root: Path) -> list[dict[str, str]]:
    """The pages that `workbench up` serves of a workspace; none where it does not run."""
    try:
        found = json.loads((root / ".run" / LINKS).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [{"name": str(link["name"]), "url": str(link["url"])} for link in found]


def _day(text: str) -> date | None:
    """The day that a text names; None where it is empty.

    Raises:
        Misuse: It names none.
    """
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Misuse(f"the date is {text[:60]!r}; it must be a day like 2026-01-31", hint="choose one") from error
