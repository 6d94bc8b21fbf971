"""The commands about lineage, certificates, cards and retention, as a user types them."""

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from workbench.bench import open_bench
from workbench.cli import main

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return TOLD.tell(tmp_path_factory.mktemp("told") / "w")


def call(*words, code=0):
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def asked(told, *words):
    return json.loads(call(*words, "--workspace", told, "--json").stdout)


# lineage


def test_a_version_is_followed_up_and_down(told):
    text = call("lineage", "version", "lending", "1", "--workspace", told).stdout
    assert "trained in: run train" in text
    assert "read: data loans d1d1d1d1d1d1: 1,989 rows" in text
    assert "DVC md5 aaaaaaaaaaaa" in text
    assert "judged: decision promotion.granted lending/1: by risk-officer, as good as the champion" in text
    assert "answered under: prediction p1" in text


def test_a_prediction_leads_back_to_the_data(told):
    for name in ("p1", "request-p1"):
        found = asked(told, "lineage", "prediction", name, "--up")
        kinds = {node["kind"] for node in found["up"]["nodes"]}
        assert {"prediction", "decision", "evidence", "version", "run", "data", "feature set"} <= kinds
        assert "down" not in found


def rotated(bench):
    """Enough answers that the older ones lie in Parquet parts."""
    for n in range(6):
        TOLD.answer(bench, name=f"old{n}", days_ago=9 - n)
    return bench.log.rotate(now=bench.now(), most=4)


def test_an_answer_leads_back_wherever_its_row_lies(told, tmp_path):
    """In a Parquet part, in the part that is still open, and after the log was rotated once more."""
    root = TOLD.copied(told, tmp_path / "w")
    with open_bench(root) as bench:
        assert rotated(bench).moved
        assert list(root.rglob("*.parquet"))
    wanted = {"prediction", "decision", "evidence", "version", "run", "notebook", "environment", "data", "feature set"}
    for name in ("old0", "request-old0", "p1", "old5"):
        found = asked(root, "lineage", "prediction", name)
        assert {node["kind"] for node in found["up"]["nodes"]} == wanted
        assert f"data:{TOLD.PART}" in {node["id"] for node in found["up"]["nodes"]}
        assert [node["kind"] for node in found["down"]["nodes"]] == ["prediction"]
    below = asked(root, "lineage", "data", TOLD.DATA, "--down")
    assert {"prediction:old0", "prediction:p1"} <= {node["id"] for node in below["down"]["nodes"]}


@pytest.mark.parametrize(
    "name", ["nothing", "../../etc/passwd", "' OR 1=1 --", "%", "\x1b[31m", "p1 ", "<b>", "a" * 5000]
)
def test_an_answer_that_nobody_gave_is_refused_with_some_that_were(told, name):
    done = call("lineage", "prediction", name, "--workspace", told, code=2)
    assert "is no answer that a version gave" in done.stderr
    assert "the newest: p1" in done.stderr
    assert "\x1b" not in done.stderr


def test_data_is_followed_by_digest_by_name_and_by_a_file(told, tmp_path):
    for name in (TOLD.DATA, TOLD.DATA[:8], "loans"):
        found = asked(told, "lineage", "data", name, "--down")
        assert "version:lending/1" in {node["id"] for node in found["down"]["nodes"]}
    unknown = tmp_path / "other.csv"
    unknown.write_text("a,b")
    done = call("lineage", "data", unknown, "--workspace", told, code=2)
    assert "the ledger knows no data" in done.stderr


def test_a_run_and_a_feature_set_are_followed(told):
    assert asked(told, "lineage", "run", TOLD.RUN[:6] + "a1", "--down")["about"]["name"] == TOLD.RUN
    assert asked(told, "lineage", "feature-set", "loan-credit@1")["about"]["facts"]["digest"] == "f0" * 32
    found = asked(told, "lineage", "feature-set", "credit.applicants", "--up")
    assert f"data:{TOLD.FILE}" in {node["id"] for node in found["up"]["nodes"]}


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd", "'; DROP TABLE entries; --", "$(id)", "<b>"])
def test_what_is_not_known_is_refused_with_what_is(told, name):
    done = call("lineage", "run", name, "--workspace", told, code=2)
    assert "the ledger knows no run" in done.stderr
    assert "known: train" in done.stderr


def test_decisions_that_are_known_are_named_as_they_are_asked_for(told):
    done = call("lineage", "decision", "99999", "--workspace", told, code=2)
    number, what = re.search(r"known: (\d+) \(([a-z.]+) lending/\d\)", done.stderr).groups()
    assert asked(told, "lineage", "decision", number)["about"]["facts"]["what"] == what


def test_two_versions_are_compared_upstream(told, tmp_path):
    root = TOLD.copied(told, tmp_path / "w")
    with open_bench(root) as bench:
        TOLD.register(bench, number=2, run_id="c3" * 16, data_digest="d9" * 32)
    found = asked(root, "lineage", "diff", "lending", "1", "2")
    assert {"what": "parameter seed", "before": "1", "after": "2"} in found
    assert "parameter seed" in call("lineage", "diff", "lending", "1", "2", "--workspace", root).stdout
    assert "nothing upstream" in call("lineage", "diff", "lending", "1", "1", "--workspace", root).stdout
    assert "no version 7" in call("lineage", "diff", "lending", "1", "7", "--workspace", root, code=2).stderr


def test_events_of_openlineage_are_lines_of_json(told, tmp_path):
    file = tmp_path / "events.jsonl"
    call("lineage", "export", "--openlineage", file, "--workspace", told)
    assert [json.loads(line)["eventType"] for line in file.read_text().splitlines()] == ["START", "COMPLETE"] * 2
    assert call("lineage", "export", "--openlineage", "-", "--workspace", told).stdout == file.read_text()
    done = call("lineage", "export", "--openlineage", file, "--json", "--workspace", told)
    assert json.loads(done.stdout) == {"file": str(file), "events": 4}
    anew = json.loads(call("lineage", "reindex", "--json", "--workspace", told).stdout)
    with open_bench(told) as bench:
        assert anew["entries"] == bench.ledger.last


# certificates


@pytest.fixture(scope="module")
def file(told, tmp_path_factory):
    path = tmp_path_factory.mktemp("certificate") / "lending-1.json"
    call("certificate", "lending", "1", "--out", path, "--workspace", told)
    return path


def test_a_certificate_is_checked_without_a_workspace(told, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    public = json.loads(
        call("certificate", "lending", "1", "--out", tmp_path / "c.json", "--json", "--workspace", told).stdout
    )
    done = call("verify", file, "--key", public["public"], "--model-dir", TOLD.folder_of(told))
    assert "decided again: asked again, the policy says allow" in done.stdout
    assert done.stdout.splitlines()[-1] == "everything that could be checked holds"
    found = json.loads(call("verify", file, "--json", "--no-again").stdout)
    assert found["valid"] is True


def test_what_does_not_hold_is_named_and_ends_with_three(file, tmp_path, told):
    spoiled = json.loads(file.read_text())
    spoiled["signatures"][0]["sig"] = "A" * 88
    path = tmp_path / "spoiled.json"
    path.write_text(json.dumps(spoiled))
    done = call("verify", path, "--no-again", code=3)
    assert "does not hold: signature" in done.stderr
    files = tmp_path / "files"
    files.mkdir()
    (files / "x").write_text("y")
    done = call("verify", file, "--no-again", "--model-dir", files, code=3)
    assert "model/model.skops is missing" in done.stdout


def test_what_is_no_certificate_is_told_so(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("no json")
    assert "is no JSON" in call("verify", path, code=2).stderr
    assert "cannot be read" in call("verify", tmp_path / "nowhere.json", code=2).stderr
    path.write_text("{}")
    assert "form" in call("verify", path, code=3).stdout


def test_what_was_never_promoted_is_not_certified(told):
    assert "no version 9" in call("certificate", "lending", "9", "--workspace", told, code=2).stderr


def test_the_files_of_a_certified_version_are_checked_first(told, tmp_path):
    root = TOLD.copied(told, tmp_path / "w")
    (TOLD.folder_of(root) / "model" / "model.skops").write_bytes(b"another")
    done = call("certificate", "lending", "1", "--workspace", root, code=4)
    assert "changed: model/model.skops" in done.stderr


# cards


def test_a_card_is_written_as_html_and_markdown(told, tmp_path):
    done = call(
        "card", "lending", "1", "--html", tmp_path / "c.html", "--markdown", tmp_path / "c.md", "--workspace", told
    )
    assert "Model card: lending 1 is in" in done.stdout
    assert (tmp_path / "c.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "c.md").read_text() == call("card", "lending", "1", "--workspace", told).stdout
    assert asked(told, "card", "lending", "1")["holes"][0]["command"]


def test_a_pack_names_its_files_and_its_holes(told, tmp_path):
    done = call("docpack", "lending", "1", "--out", tmp_path / "pack", "--workspace", told)
    assert "begin with documentation.html" in done.stdout
    assert "missing: the EU declaration of conformity" in done.stderr
    (tmp_path / "taken").write_text("x")
    done = call("docpack", "lending", "1", "--out", tmp_path / "taken" / "x", "--workspace", told, code=4)
    assert "cannot be written" in done.stderr


# retention


def test_windows_are_declared_looked_at_and_applied(told, tmp_path):
    root = TOLD.copied(told, tmp_path / "w")
    with open_bench(root) as bench:
        TOLD.answer(bench, name="old", days_ago=400)
    assert "is not declared" in call("retention", "--workspace", root).stdout
    call("retention", "declare", "predictions/*", "--days", "365", "--why", "as the notice says", "--workspace", root)
    done = call("retention", "declare", f"data/{TOLD.DATA[:10]}", "--collected", "2020-01-01", "--days", "730", "--why",
                "consent", "--workspace", root)  # fmt: skip
    assert "must be gone by 2021-12-31" in done.stdout
    done = call("retention", "--workspace", root)
    assert "lending 1 was trained on loans, which had to be gone" in done.stdout
    assert "nothing was removed" in done.stderr
    for words in (["--apply", "--dry-run"], []):
        assert asked(root, "retention", *words)["would_remove"][0]["count"] == 1
    assert asked(root, "retention", "--apply")["removed"][0]["count"] == 1
    assert asked(root, "retention")["would_remove"][0]["count"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "--why", "x"], "no end is given"),
        (["logs", "--days", "3", "--why", " "], "the reason is empty"),
        (["logs", "--until", "soon", "--why", "x"], "is no date"),
        (["data/nothing", "--until", "2026-01-01", "--why", "x"], "names no data of the ledger"),
        (["/etc/passwd", "--days", "3", "--why", "x"], "cannot be kept for a time"),
    ],
)
def test_a_window_that_cannot_be_kept_is_refused_in_words(told, words, said):
    assert said in call("retention", "declare", *words, "--workspace", told, code=2).stderr
