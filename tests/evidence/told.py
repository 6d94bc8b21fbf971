"""A workspace with one version from data to an answer, told by hand: no kernel, no MLflow, a real policy.

The functions are plain, so that the tests of several rooms can run this file and tell the same story.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from workbench.batch.model_signatures import sign_model
from workbench.bench import create, open_bench
from workbench.data.digests import digest_folder
from workbench.engines.rego import RegoEngine
from workbench.evidence import Figure, Finding
from workbench.promotion import Gate
from workbench.serving import Prediction

RUN, AUDIT = "a1" * 16, "b2" * 16
DATA, PART, FILE = "d1" * 32, "d2" * 32, "d3" * 32
NOTEBOOK, ENVIRONMENT = "e1" * 32, "e2" * 32
WHY = "as good as the champion, and fairer"


class Registry:
    """Aliases in memory."""

    def __init__(self):
        self.aliases = {}

    def set_alias(self, model, alias, version, generation):
        self.aliases[model, alias] = (version, generation)

    def alias(self, model, alias):
        return self.aliases.get((model, alias))

    def exists(self, model, version):
        return True


def folder_of(root: Path, run_id: str = RUN) -> Path:
    """Where the model's files lie."""
    return root / "mlartifacts" / run_id / "artifacts" / "models" / "lending"


def sourced() -> list:
    """One input file as DVC and Feast know it."""
    view = {"project": "credit", "view": "applicants", "digest": "f1" * 32, "entities": ["applicant"],
            "features": [["hrat", "Float32"]], "source": "loans.parquet"}  # fmt: skip
    return [{"path": "loans.parquet", "digest": FILE, "dvc": {"md5": "a" * 32, "size": 9}, "feast": [view]}]


def register(bench, *, number: int = 1, run_id: str = RUN, words: str = "It tells good risks from bad ones.", **body):
    """One run with a version, its files signed, and its evidence of performance."""
    folder = folder_of(bench.root, run_id)
    (folder / "model").mkdir(parents=True)
    (folder / "model" / "MLmodel").write_text(f"run_id: {run_id}\nflavors: {{sklearn: {{}}}}\n")
    (folder / "model" / "model.skops").write_bytes(b"\x00weights" * number)
    (folder / "profile.json").write_text("{}")
    found = digest_folder(folder)
    sign_model(folder, "lending", run_id, found, bench.signing_key)
    told = {
        "model": "lending", "version": number, "run_id": run_id, "source": f"runs:/{run_id}/models/lending",
        "model_digest": found, "data_digest": PART, "feature_set": "loan-credit@1", "notebook_digest": NOTEBOOK,
        "threshold": 0.5, "parameters": {"seed": number}, "metrics": {"f1": 0.93},
        "registered_at": bench.now().isoformat(), "registered_by": "analyst", "feature_set_digest": "f0" * 32,
        "signed_by": bench.signing_key.key_id, "mlflow": {"flavors": ["sklearn"], "digest": "ab" * 32},
    }  # fmt: skip
    append(bench, "version.registered", f"lending/{number}", words, told | body)
    f1 = {"f1": Figure(0.93, 0.92, 0.94, 1.0, 0.8, n=1989)}
    now = bench.now().isoformat()
    record(bench, Finding("performance", f"lending/{number}", "pass", words, f1, DATA, run_id, now))
    run = {
        "name": "train", "parameters": {"seed": number, "algorithm": "boosting"}, "notebook_digest": NOTEBOOK,
        "environment": ENVIRONMENT, "folder": "x", "seconds": 2.5, "metrics": {"f1": 0.93}, "sentence": words,
        "lessons": ["It fails where income is unknown."], "about": {"hypothesis": words, "owner": "analyst"},
        "data": [{"name": "loans", "digest": DATA, "rows": 1989},
                 {"name": "training part", "digest": PART, "rows": 1591}],
        "sources": sourced(), "design": "", "content": "c" * 64, "inputs": {}, "versions": [["lending", number]],
    }  # fmt: skip
    append(bench, "run.finished", f"run/{run_id}", words, run)


def audit(bench, number: int = 1, *, run_id: str = AUDIT, words: str = "Shown to be fair by race and by sex."):
    """The audit of fairness that the shipped policy asks for."""
    figures = {f"disparate_impact.{by}": Figure(0.9, 0.86, 0.94, 0.999, 0.8, n=1989) for by in ("race", "sex")}
    details = {"groups": [{"by": "race", "group": ["white"], "n": 1681, "compared": True, "rates": {}}]}
    fairness = Finding(
        "fairness", f"lending/{number}", "pass", words, figures, DATA, run_id, bench.now().isoformat(), details
    )
    record(bench, fairness)
    body = {"name": "fairness_audit", "parameters": {}, "notebook_digest": "e3" * 32, "environment": ENVIRONMENT,
            "data": [{"name": "loans", "digest": DATA, "rows": 1989}], "sentence": words, "seconds": 1.0}  # fmt: skip
    append(bench, "run.finished", f"run/{run_id}", words, body)


def record(bench, finding):
    append(bench, "evidence.recorded", finding.subject, finding.sentence,
           {**finding.as_body(), "digest": finding.digest})  # fmt: skip


def append(bench, kind, subject, why, body, *, actor="analyst", key=None):
    return bench.ledger.append(kind, subject=subject, actor=actor, why=why, body=body, now=bench.now(), key=key)


def promote(bench, number: int = 1, why: str = WHY, actor: str = "risk-officer"):
    gate = Gate(bench.ledger, RegoEngine(), bench.root / "policies", Registry)
    return gate.promote("lending", number, actor=actor, why=why, now=bench.now())


def answer(bench, number: int = 1, name: str = "p1", *, days_ago: float = 0.0):
    at = datetime.now(UTC) - timedelta(days=days_ago)
    bench.log.write(
        [Prediction(name, at, "lending", number, 1, f"request-{name}", "c" * 64, {"income": 4.2}, 0.9, True, 800, 200)]
    )


def tell(root: Path):
    """The whole story in a new workspace."""
    create(root)
    with open_bench(root) as bench:
        register(bench)
        audit(bench)
        promote(bench)
        answer(bench)
    return root


def copied(root: Path, place: Path) -> Path:
    """The same workspace elsewhere, to be spoiled."""
    shutil.copytree(root, place)
    return place
