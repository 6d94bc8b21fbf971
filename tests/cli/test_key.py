"""`workbench key`, `labels` and `log`: what is shown once, what is joined, and what is said of files that are wrong."""

import json

import pytest
from click.testing import CliRunner

from workbench.bench import create, open_bench
from workbench.cli import main
from workbench.ledger import ModelVersion
from workbench.serving import Prediction


@pytest.fixture
def workspace(tmp_path):
    create(tmp_path / "w")
    with open_bench(tmp_path / "w") as bench:
        version = ModelVersion(
            model="lending", version=1, run_id="r", source="runs:/r/model", model_digest="m", data_digest="d",
            feature_set="f@1", notebook_digest="n", threshold=0.5, parameters={}, metrics={},
            registered_at="2026-01-01", registered_by="analyst",
        )  # fmt: skip
        told = {"subject": "lending/1", "actor": "analyst", "why": "trained", "now": bench.now()}
        bench.ledger.append("version.registered", body=version.as_body(), **told)
        bench.log.write(
            [
                Prediction(
                    id=f"p{n}", at=bench.now(), model="lending", version=1, generation=1, request=f"r{n}",
                    input_digest="d", features={"income": n}, score=n / 10, answer=n > 5, latency_us=9, status=200,
                )
                for n in range(8)
            ]
        )  # fmt: skip
    return tmp_path / "w"


def run(workspace, *argv, code=0):
    result = CliRunner().invoke(main, [*map(str, argv), "--workspace", str(workspace)])
    assert result.exit_code == code, result.output
    return result


def test_a_key_is_shown_once_and_then_by_its_id_alone(workspace):
    shown = run(workspace, "key", "create", "shop-frontend", "--model", "lending", "--rate", 5).stdout.strip()
    listed = run(workspace, "key", "list").output
    assert "shop-frontend" in listed
    assert shown.split("_", 2)[2] not in listed
    (key,) = json.loads(run(workspace, "key", "list", "--json").stdout)
    assert (key["models"], key["rate"], key["active"]) == (["lending"], 5.0, True)

    new = json.loads(run(workspace, "key", "rotate", key["id"], "--json").stdout)
    assert new["key"].startswith(f"wb_{new['id']}_")
    assert [each["active"] for each in json.loads(run(workspace, "key", "list", "--json").stdout)] == [False, True]
    assert "is revoked" in run(workspace, "key", "revoke", new["id"], "--why", "found in a log").output
    assert "revoked already" in run(workspace, "key", "revoke", new["id"], "--why", "x", code=2).output
    assert "workbench key list" in run(workspace, "key", "revoke", "beef", "--why", "x", code=2).output


LINES = ('{"id": "p1", "label": true}', '{"id": "p2", "label": 0}', '{"id": "p99", "label": 1}')


@pytest.mark.parametrize("text", ["id,label\np1,1\np2,0\np99,1\n", "\n".join(LINES)], ids=["csv", "lines"])
def test_labels_of_a_file_are_joined_by_id(workspace, tmp_path, text):
    (tmp_path / "repaid").write_text(text)
    dry = json.loads(run(workspace, "labels", "lending", tmp_path / "repaid", "--dry-run", "--json").stdout)
    assert (dry["joined"], dry["unknown"], dry["dry_run"]) == (2, 1, True)
    with open_bench(workspace) as bench:
        assert bench.log.labelled("lending") == []
    told = run(workspace, "labels", "lending", tmp_path / "repaid", "--source", "collections").output
    assert "2 labels joined" in told
    with open_bench(workspace) as bench:
        assert [(each.id, each.label) for each in bench.log.labelled("lending")] == [("p1", 1.0), ("p2", 0.0)]


@pytest.mark.parametrize(
    ("text", "said"),
    [("id,truth\np1,1\n", "no label in row 1"), ("id,label\np1,perhaps\n", "'perhaps'"), ("{", "no JSON lines"),
     ("id,label\np1,nan\n", "'nan'")],
)  # fmt: skip
def test_a_file_of_labels_that_is_wrong_says_where(workspace, tmp_path, text, said):
    (tmp_path / "repaid").write_text(text)
    assert said in run(workspace, "labels", "lending", tmp_path / "repaid", code=2).output
    assert "there is no model" in run(workspace, "labels", "churn", tmp_path / "repaid", code=2).output or said


def test_a_rotation_says_what_it_would_do_and_does_it(workspace):
    text = (workspace / "workbench.toml").read_text()
    (workspace / "workbench.toml").write_text(text.replace("log_rows = 500000", "log_rows = 4"))
    assert "would be moved" in run(workspace, "log", "rotate", "--dry-run").output
    done = json.loads(run(workspace, "log", "rotate", "--json").stdout)
    assert (done["moved"], done["rows"], done["files"]) == (6, 2, 1)
    with open_bench(workspace) as bench:
        assert bench.log.counts("lending").rows == 8


def test_features_that_are_hashed_are_keyed_by_a_file_of_this_user(workspace):
    text = (workspace / "workbench.toml").read_text()
    (workspace / "workbench.toml").write_text(text.replace('log_features = "kept"', 'log_features = "hashed"'))
    with open_bench(workspace) as bench:
        first = bench.log_policy.key
    with open_bench(workspace) as bench:
        assert bench.log_policy.key == first
    assert len(first) == 32
    assert (workspace / "predictions.key").stat().st_mode & 0o077 == 0
