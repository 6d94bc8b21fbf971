"""Settings of a workspace: one frozen dataclass, read once from `workbench.toml`.

URLs choose the engines; a relative `sqlite:///name.db` lies in the workspace.

>>> Settings().ledger
'sqlite:///ledger.db'
"""

from __future__ import annotations

import difflib
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from workbench.batch.warm.identity import PRELOAD
from workbench.errors import EngineError, Misuse
from workbench.ledger.sharing import way_in

FILE = "workbench.toml"


@dataclass(frozen=True)
class Settings:
    """Which engines a workspace uses, and its few numbers."""

    ledger: str = "sqlite:///ledger.db"  # what happened, in order
    tracking: str = "sqlite:///mlflow.db"  # MLflow tracking store and registry
    artifacts: str = "mlartifacts"  # folder of MLflow's artifacts
    predictions: str = "sqlite:///predictions.db"  # what was answered to whom
    events: str = "sqlite:///events.db"  # topics, outputs, subscriptions and dead letters; or postgresql://…
    serving: str = "one"  # "one": all models in one process; "processes": a process each, behind one address
    workers: int = 1  # processes that answer on the gateway's address, each with all models
    log_features: str = "kept"  # features in the prediction log: kept, hashed or dropped; "kept, MODEL=dropped"
    log_share: str = "1"  # share of the requests that is logged, in [0, 1]; "1, MODEL=0.1"
    log_rows: int = 500_000  # rows the log's database may hold; older ones move to Parquet files
    log_days: float = 90.0  # days that a prediction is kept
    held: str = "sqlite:///held.db"  # answers that people look at first, with their features
    review_webhook: str = "none"  # where a decided answer is told: an https address; "none": clients poll
    review_secret: str = "none"  # noqa: S105 (where the secret that signs it is to be had: env:NAME or file:/PATH)
    summaries: str = "sqlite:///summaries.db"  # hourly sums of it, which monitoring reads
    summary_hours_days: float = 35.0  # days for which hourly sums are kept; labels may come as late
    summary_days: float = 400.0  # days for which daily sums are kept
    loads: str = "sqlite:///loads.db"  # loads of versions that are not over, or ended their process
    canaries: str = "sqlite:///canaries.db"  # what is counted of each canary; counted again where it is lost
    canary_control: str = "serve"  # who takes canaries on and back: serve (beside the gateway) or none (cron)
    canary_seconds: float = 5.0  # between two looks at the canaries
    policies: str = "policies"  # folder of the policies in force
    policy_engine: str = "embedded"  # what evaluates them: embedded, opa, opa+exec:///path, opa+http(s)://host:port
    policy_token: str = "none"  # noqa: S105 (where OPA's token is to be had: env:NAME or file:/PATH)
    policy_seconds: float = 5.0  # seconds a policy may take; more is a denial
    monitoring_hours: float = 24.0  # hours of traffic the monitoring page looks back on
    identity: str = "os"  # who vouches for whoever acts: os, hub+http://HOST/hub/api or proxy:HEADER
    proxy: str = "none"  # address of a proxy that people come by, e.g. https://data.example; links then lead there
    pages_prefix: str = "/"  # path at which a proxy shows the pages, e.g. /team/workbench/; it leaves it in the address
    lab_prefix: str = "/"  # path at which it shows JupyterLab, e.g. /team/lab/; it leaves it in the address
    mlflow_prefix: str = "/"  # path at which it shows MLflow, e.g. /team/mlflow/; it takes it off
    shared: str = "none"  # Unix group whose members may read and write the workspace; "none": its owner alone
    kernel: str = "auto"  # how notebooks are run: auto, inline, warm or cold
    preload: str = " ".join(PRELOAD)  # modules that warm kernels have imported already
    warm_minutes: float = 30.0  # minutes after which an idle zygote ends
    page_kernels: int = 20  # pages that may be open at once, each with a kernel
    page_gb: float = 2.0  # GB of memory that one page's kernel may take for itself; above, it is ended
    page_minutes: float = 5.0  # minutes after which a kernel that no page is connected to ends


def read_settings(root: Path) -> Settings:
    """The settings in a workspace's `workbench.toml`.

    Raises:
        Misuse: The file is no TOML, names a setting that does not exist, or gives a wrong type.
        EngineError: It cannot be read.
    """
    path = root / FILE
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror or error}", hint=way_in(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misuse(f"{path} cannot be read as TOML: {error}", hint="mend the line it names") from error
    kinds = {field.name: type(field.default) for field in fields(Settings)}
    return Settings(**{name: _checked(path, name, value, kinds) for name, value in given.items()})


def written(settings: Settings) -> str:
    """The text of a `workbench.toml` that says what `settings` says."""
    lines = ["# Settings of this workspace; URLs choose the engines.", ""]
    for field in fields(settings):
        value = getattr(settings, field.name)
        lines.append(f"{field.name} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join([*lines, ""])


def _checked(path: Path, name: str, value: Any, kinds: dict[str, type]) -> Any:
    if name not in kinds:
        near = difflib.get_close_matches(name, kinds, n=1)
        hint = f"did you mean {near[0]}?" if near else f"the settings are {', '.join(kinds)}"
        raise Misuse(f"{path.name} names {name!r}, which is no setting", hint=hint)
    kind = kinds[name]
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if kind is str and isinstance(value, str) and value:
        return value
    needs = {float: "a number above 0", int: "a whole number above 0", str: "a text that is not empty"}[kind]
    raise Misuse(f"{name} is {value!r} in {path.name}; it must be {needs}", hint=f"edit {path}")
