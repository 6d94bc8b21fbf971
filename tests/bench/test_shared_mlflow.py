"""Two workspaces on one MLflow: a model is moved by one ledger, and the other is told whose it is, and the way out."""

from dataclasses import replace

import pytest

from workbench.bench import create, open_bench
from workbench.engines.mlflow_claims import TAG
from workbench.errors import EngineError

pytestmark = pytest.mark.slow


@pytest.fixture
def two(lending, tmp_path):
    """The workspace that registered "lending", and another with the same MLflow, whose ledger has begun."""
    first, second = lending(tmp_path / "first", promoted=False), tmp_path / "second"
    with open_bench(first) as bench:
        shared = replace(
            bench.settings, tracking=f"sqlite:///{first / 'mlflow.db'}", artifacts=str(first / "mlartifacts")
        )
    create(second, shared)
    with open_bench(first) as one, open_bench(second) as other:
        other.ledger.append("note", subject="x", actor="analyst", why="begun", body={}, now=other.now())
        yield one, other


def trained(bench):
    return bench.store.start("train", parameters={}, tags={})


def champion(bench, number):
    """A granted promotion, as the gate writes it, with what it owes."""
    from workbench.promotion.projection import owe

    with bench.ledger.transaction() as writer:
        told = {"subject": f"lending/{number}", "actor": "risk-officer", "why": "w", "now": bench.now()}
        body = {"slot": "champion", "generation": 1, "decision": {"decision": "allow"}}
        entry = writer.append("promotion.granted", body=body, **told)
        owe(
            bench.ledger,
            writer,
            writer.move_head("lending", "champion", number, expected_generation=0, entry=entry),
            entry,
        )


def test_a_model_that_another_workspace_registered_cannot_be_registered_here(two):
    one, other = two
    assert one.store.register(trained(one), "lending", "models/lending/model", tags={}) == 2
    run = trained(other)
    with pytest.raises(EngineError, match=f"is moved by another workspace, {one.root}") as refused:
        other.store.register(run, "lending", "models/lending/model", tags={})
    assert "give the model another name, or share that workspace's ledger" in refused.value.hint
    assert [version.version for version in one.store.registered("lending")] == [1, 2]
    assert other.store.register(run, "lending-eu", "models/lending/model", tags={}) == 1


def test_who_was_there_before_models_were_claimed_is_kept_apart(two):
    """Both have a version and promote it: the first that moves the alias has it, the other is told whose it is."""
    one, other = two
    with one.store._client() as client:
        client.create_model_version("lending", "/models/x")
    version = replace(one.ledger.version("lending", 1), version=2)
    told = {"subject": version.subject, "actor": "analyst", "why": "trained", "now": other.now()}
    other.ledger.append("version.registered", body=version.as_body(), **told)
    champion(one, 1)
    champion(other, 2)
    moved = one.ledger.head("lending", "champion").seq
    assert one.reconcile() == [f"the alias champion of lending was owed since entry {moved}; it is version 1 now"]
    for _ in range(2):
        (said,) = [found.sentence for found in other.inspect() if found.kind == "elsewhere"]
        assert f"is moved by another workspace, {one.root}" in said
        assert "give the model another name" in said
        assert one.reconcile() == []
    assert one.store.alias("lending", "champion") == (1, 1)
    with one.store._client() as client:  # the way out, where the first is gone for good
        client.delete_registered_model_tag("lending", TAG)
    other.reconcile()
    assert other.store.alias("lending", "champion") == (2, 1)
    other.store.set_alias("lending", "champion", 2, 9)
    before = one.ledger.last
    for dry_run in (True, False):  # and not that the registry is ahead, or that somebody moved an alias by hand
        assert [found.kind for found in one.inspect(dry_run=dry_run)] == ["elsewhere"]
    assert one.ledger.last == before
