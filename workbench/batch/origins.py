"""Where a run's inputs come from, as its entry tells it: files with their digests, DVC's and Feast's word on them.

Read from the run's own folder, so that a run which is committed again tells the same of what it read; what
lies beside the inputs is looked at once, at the commit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.batch.folders import MODELS, workspace_of
from workbench.batch.models import MODEL
from workbench.batch.reads import reads_of
from workbench.batch.reuse import content_in
from workbench.ledger import digest

MOST = 200  # inputs that are told of one run
DIGEST = re.compile(r"[0-9a-f]{64}")


def origins_of(folder: Path) -> dict[str, Any]:
    """The parts `environment` and `sources` of a run's entry; without what is not known.

    Args:
        folder: The run's.
    """
    content = content_in(folder)
    inputs = {**(content.inputs if content else {}), **reads_of(folder).inputs}
    root = workspace_of(folder)
    sources = [_source(path, found, root) for path, found in sorted(inputs.items()) if DIGEST.fullmatch(found)]
    told = {"environment": digest(dict(content.environment)) if content else "", "sources": sources[:MOST]}
    return {name: part for name, part in told.items() if part}


def described_model(folder: Path, name: str) -> dict[str, Any]:
    """What MLflow's own description of a model says, for its version's entry; empty where there is none.

    Args:
        folder: The run's.
        name: The model's.
    """
    import yaml

    from workbench.data.digests import digest_file

    path = folder / MODELS / name / MODEL / "MLmodel"
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError, ValueError):
        return {}
    known = content if isinstance(content, Mapping) else {}
    flavors = known.get("flavors")
    return {
        "path": f"{MODELS}/{name}/{MODEL}/MLmodel",
        "digest": digest_file(path),
        "uuid": str(known.get("model_uuid") or ""),
        "flavors": sorted(map(str, flavors)) if isinstance(flavors, Mapping) else [],
    }


def _source(path: str, found: str, root: Path) -> dict[str, Any]:
    from workbench.data.dvc import tracked_by_dvc
    from workbench.data.feast import views_over

    place = (root / path).absolute()
    tracked = tracked_by_dvc(place, root)
    views = views_over(place, root)
    told: dict[str, Any] = {"path": path, "digest": found}
    if tracked is not None:
        told["dvc"] = tracked.as_json()
    if views:
        told["feast"] = [view.as_json() for view in views]
    return told
