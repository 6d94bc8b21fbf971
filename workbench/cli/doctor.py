"""`workbench doctor`: is the installation whole, and is the workspace; and how to mend what is not."""

from __future__ import annotations

import importlib.metadata as metadata
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.cli.options import json_option, print_json, print_table, workspace_option
from workbench.errors import WorkbenchError

if TYPE_CHECKING:
    from workbench.bench import Bench
    from workbench.ledger import Head


@dataclass(frozen=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    found: str
    mend: str = ""  # how to mend it, when it is not well


@click.command()
@workspace_option
@json_option
def doctor(workspace: Path | None, as_json: bool) -> None:
    """Check the installation and the workspace; exit code 1 when something needs mending.

    \b
    Example:
      workbench doctor --workspace workbench-demo
    """
    checks = [*_installation(workspace), *_workspace(workspace)]
    if as_json:
        print_json({"healthy": all(c.ok for c in checks), "checks": [asdict(c) for c in checks]})
    else:
        print_table(
            ["", "what", "found", "how to mend it"],
            [("ok" if c.ok else "MEND", c.name, c.found, c.mend) for c in checks],
        )
    if not all(c.ok for c in checks):
        raise SystemExit(1)


def _installation(workspace: Path | None) -> Iterator[Check]:
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Check(
        "python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "use 3.11 or newer"
    )
    for name in ("pandas", "evidently", "mlflow", "papermill", "pymc", "regopy", "voila", "jupyterlab"):
        yield _package(name)
    yield _policy_engine(workspace)
    yield _kernel()
    yield _warm_kernels()
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Check("disk", free > 1, f"{free:.1f} GB free", "" if free > 1 else "free at least 1 GB")


def _package(name: str) -> Check:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, ok=False, found="not installed", mend="pip install -c .ci/constraints.txt -e .")
    if name == "pandas" and found.split(".")[:2] != ["3", "0"]:
        return Check(
            name, ok=False, found=found, mend="pip install 'pandas>=3.0,<3.1' (evidently does not import on others)"
        )
    return Check(name, ok=True, found=found)


def _policy_engine(workspace: Path | None) -> Check:
    """Whether the engine that the settings choose says yes and no."""
    from workbench.bench import bench_if_any
    from workbench.bench.policies import policy_engine
    from workbench.policy import Policy, decide_many

    policy, mend = (
        Policy.parse("doctor", "package doctor\n\nallow := input.well == true\n"),
        "see policy_engine in workbench.toml",
    )
    try:
        bench = bench_if_any(workspace)
        engine = bench.policy_engine if bench else policy_engine()
        yes, no = decide_many(engine, policy, [{"well": True}, {"well": False}])
    except WorkbenchError as error:
        return Check("policy engine", False, error.message, error.hint or mend)
    if bench:
        bench.close()
    if yes.allowed and not no.allowed:
        return Check("policy engine", ok=True, found=f"{engine.told}, answers")
    embedded = engine.told.startswith("embedded")
    told = yes.reasons[0].message if yes.reasons else "it allows what it must not"
    return Check("policy engine", False, told, "pip install --force-reinstall regopy" if embedded else mend)


def _kernel() -> Check:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Check("kernel python3", False, "none", "pip install ipykernel")
    here = Path(str(spec.argv[0]))
    ours = here.name.startswith("python") and (
        not here.is_absolute() or here.resolve() == Path(sys.executable).resolve()
    )
    found = str(spec.argv[0])
    return Check("kernel python3", ours, found, "" if ours else f"{sys.executable} -m ipykernel install --sys-prefix")


def _warm_kernels() -> Check:
    """Whether notebooks can be run warm, and what was left out of it; well either way, since they run cold too."""
    from workbench.batch.warm.client import unavailable
    from workbench.bench import usual_zygote

    try:
        why = unavailable()
        zygote = usual_zygote()
        log = zygote.identity.log.read_text("utf-8", "replace") if zygote.identity.log.is_file() else ""
    except OSError as error:
        return Check("warm kernels", False, f"none: {error}", "mend the folder that it names, or set XDG_RUNTIME_DIR")
    if why:
        return Check("warm kernels", ok=True, found=f"none, so notebooks run cold: {why}")
    left_out = [line for line in log.splitlines() if " is not preloaded" in line]
    state = "running" if zygote.status() else "started by the first run"
    return Check(
        "warm kernels",
        not left_out,
        "; ".join([state, *left_out]),
        f"take them off `preload` in workbench.toml, or see {zygote.identity.log}" if left_out else "",
    )


def _workspace(workspace: Path | None) -> Iterator[Check]:
    from workbench import open_bench
    from workbench.batch.index import Index

    try:
        bench = open_bench(workspace)
    except WorkbenchError as error:
        yield Check("workspace", workspace is None, error.message, error.hint)
        return
    with bench:
        yield Check("workspace", ok=True, found=str(bench.root))
        try:
            result = bench.ledger.verify()
        except WorkbenchError as error:
            yield Check("ledger", ok=False, found=error.message, mend=error.hint)
            return
        mend = "" if result.valid else "compare with an earlier export or a backup before anything is promoted"
        yield Check(
            "ledger", result.valid, "; ".join(result.problems) or f"{result.entries} entries, the chain holds", mend
        )
        yield _signatures(bench)
        runs = bench.root / "reports" / "runs"
        if (
            result.entries <= len(result.keys)
            and runs.is_dir()
            and any(not p.name.startswith(".") for p in runs.iterdir())
        ):
            yield Check("history", False, f"the ledger is empty, but there are runs in {runs}", "put back a backup")
        damage = Index(bench.root, bench.ledger).damage()
        yield Check("index of runs", not damage, damage or "sound", "workbench runs --reindex" if damage else "")
        damage = bench.traces.index.projection.damage()
        yield Check("index of lineage", not damage, damage or "sound", "workbench lineage reindex" if damage else "")
        for head in bench.ledger.heads():
            yield _champion(bench, head)
        owed = len(bench.ledger.owed())
        yield Check("effects", owed == 0, f"{owed} owed to MLflow", "workbench reconcile" if owed else "")
        missing = [
            name
            for name in ("promotion", "rollback")
            if not (bench.root / bench.settings.policies / f"{name}.rego").is_file()
        ]
        found = f"missing: {', '.join(missing)}" if missing else "promotion, rollback"
        yield Check("policies", not missing, found, f"workbench init {shlex.quote(str(bench.root))}" if missing else "")


def _signatures(bench: Bench) -> Check:
    """Whether the ledger can sign: its key is there, and is the one that its entries name."""
    keys = bench.ledger.keys()
    if not keys:
        return Check("signatures", ok=True, found="no key yet; the first checkpoint makes one")
    try:
        bench.ledger.signing_key(actor=bench.actor, now=bench.now())
    except WorkbenchError as error:
        return Check("signatures", False, error.message, error.hint)
    newest = bench.ledger.newest_checkpoint()
    found = f"up to entry {newest.size if newest else 0}, key {keys[-1].key_id}"
    sealing = "" if keys[-1].seals else "; moves are not sealed: workbench ledger key rotate"
    return Check("signatures", ok=True, found=f"{found}{sealing}")


def _champion(bench: Bench, head: Head) -> Check:
    """Whether the files of the version in use are there, and are those that were judged."""
    name = f"{head.slot} of {head.model}"
    try:
        bench.store.folder(bench.version(head.model, head.holder))
    except WorkbenchError as error:
        return Check(
            name, False, error.message, "restore MLflow's store and artifacts from a backup, or promote another version"
        )
    return Check(name, ok=True, found=f"version {head.version}, its files are those that were judged")
