"""A version rests on data that may be kept, that had to be gone, or of which nobody said; a policy is told."""

from datetime import UTC, datetime, timedelta

import pytest

from workbench.bench import open_bench
from workbench.data.retention import Window
from workbench.errors import Misuse
from workbench.evidence import as_input, dossier
from workbench.evidence.dossier import dossiers
from workbench.evidence.retention import retention_finding, served_data, trained_on

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def kept(told, tale, tmp_path):
    """A copy of the workspace, to be written into."""
    with open_bench(tale.copied(told, tmp_path / "w")) as bench:
        yield bench


def judged(bench):
    return as_input(dossier(bench.ledger, "lending", 1), action="promote", champion=None, was_champion=False,
                    now=NOW, actor="a", why="w")  # fmt: skip


def test_the_data_behind_a_version_is_what_its_run_read(told, tale):
    with open_bench(told) as bench:
        found = trained_on(bench.ledger.entries(), "lending/1")
    assert found == {tale.DATA: "loans", tale.PART: "training part", tale.FILE: "loans.parquet"}


def test_a_policy_is_told_nothing_before_a_window_is_declared(kept):
    assert "retention" not in judged(kept)


def test_a_policy_is_told_the_days_left_of_what_must_be_gone_first(kept, tale):
    kept.retention.declare(Window(f"data/{tale.DATA}", until=NOW + timedelta(days=40)), "consent")
    kept.retention.declare(Window(f"data/{tale.FILE}", until=NOW - timedelta(days=3)), "consent")
    assert judged(kept)["retention"]["days_left"] == -3.0
    assert dossiers(kept.ledger)["lending", 1] == dossier(kept.ledger, "lending", 1)


def test_findings_are_one_a_version_and_fail_where_any_data_had_to_be_gone(kept, tale):
    known = {f"data/{tale.DATA}": Window(f"data/{tale.DATA}", until=NOW - timedelta(days=3))}
    held = served_data(kept.ledger.entries(), known, [("lending", 1)], now=NOW)
    (finding,) = retention_finding(held, run_id="r", at=NOW)
    assert (finding.subject, finding.verdict) == ("lending/1", "fail")
    assert finding.figures["days_left"].value == -3.0
    assert "had to be gone 3 days ago" in finding.sentence


@pytest.mark.parametrize(
    ("seconds", "verdict", "words"),
    [
        (1, "pass", "may be kept for less than an hour more"),
        (0, "pass", "may be kept for less than an hour more"),
        (-1, "fail", "had to be gone less than an hour ago"),
        (-7200, "fail", "had to be gone 2 hours ago"),
        (40.6 * 86_400, "pass", "may be kept for 40 days more"),
    ],
)
def test_evidence_and_policy_agree_at_the_edge_of_a_window(kept, tale, seconds, verdict, words):
    window = Window(f"data/{tale.DATA}", until=NOW + timedelta(seconds=seconds))
    kept.retention.declare(window, "consent")
    (held, *_) = served_data(kept.ledger.entries(), {window.subject: window}, [("lending", 1)], now=NOW)
    assert held.verdict == verdict
    assert words in held.sentence
    decision = kept.gate.judge("lending", 1, now=NOW)
    assert ("retention" in [reason.code for reason in decision.reasons]) == (verdict == "fail")


def test_answers_and_held_answers_are_kept_to_the_edge(kept, tale, monkeypatch):
    tale.answer(kept, name="edge", days_ago=90)
    at = kept.log.find("edge").at
    kept.retention.declare(Window("predictions/*", 90.0), "notice")
    for step, left in ((timedelta(0), True), (timedelta(microseconds=1), False)):
        monkeypatch.setattr(type(kept), "now", lambda self, now=at + timedelta(days=90) + step: now)
        kept.retention.apply(dry_run=False)
        assert (kept.log.find("edge") is not None) == left
    monkeypatch.setattr(type(kept), "now", lambda self: at)  # the clock steps back
    kept.retention.apply(dry_run=False)
    assert kept.log.find("p1") is not None


def test_data_of_tomorrow_was_not_collected(kept, tale):
    with pytest.raises(Misuse, match="is to come"):
        kept.retention.declare(Window(f"data/{tale.DATA}", 3.0, collected=kept.now() + timedelta(days=1)), "consent")


def test_without_a_window_there_is_not_enough_evidence(kept):
    held = served_data(kept.ledger.entries(), {}, [("lending", 1)], now=NOW)
    assert {one.verdict for one in held} == {"not enough evidence"}
    assert served_data(kept.ledger.entries(), {}, [("nobody", 1)], now=NOW) == []


def test_old_answers_and_logs_are_counted_then_removed_and_each_removal_is_an_entry(kept, tale):
    tale.answer(kept, name="old", days_ago=100)
    logs = kept.root / ".run"
    logs.mkdir(exist_ok=True)
    (logs / "gateway.log").write_text("x")
    (logs / "token").write_text("x")
    kept.retention.declare(Window("predictions/*", 90.0), "notice")
    kept.retention.declare(Window("logs", 30.0), "notice")
    import os

    os.utime(logs / "gateway.log", (0, 0))
    os.utime(logs / "token", (0, 0))
    assert [(one.subject, one.count) for one in kept.retention.apply(dry_run=True)] == [
        ("predictions/lending", 1), ("logs", 1),
    ]  # fmt: skip
    assert kept.log.find("old") is not None
    kept.retention.apply(dry_run=False)
    assert kept.log.find("old") is None
    assert kept.log.find("p1") is not None
    assert [path.name for path in logs.iterdir()] == ["token"]
    assert [entry.subject for entry in kept.ledger.entries(kind="retention.applied")] == ["predictions/lending", "logs"]
    assert kept.ledger.verify().valid


def test_applying_again_removes_nothing_and_tells_nothing(kept):
    kept.retention.declare(Window("predictions/*", 90.0), "notice")
    kept.retention.apply(dry_run=False)
    assert kept.ledger.entries(kind="retention.applied") == []


def test_a_hostile_subject_is_refused(kept):
    for subject in ("'; DROP TABLE predictions; --", "../../etc", "<b>"):
        with pytest.raises(Misuse):
            kept.retention.declare(Window(subject, 3.0), "x")


def aged(bench, tale):
    """An answer and a server's log that are past their windows."""
    import os

    tale.answer(bench, name="old", days_ago=100)
    logs = bench.root / ".run"
    logs.mkdir(exist_ok=True)
    (logs / "gateway.log").write_text("x")
    os.utime(logs / "gateway.log", (0, 0))
    bench.retention.declare(Window("predictions/*", 90.0), "notice")
    bench.retention.declare(Window("logs", 30.0), "notice")
    return logs / "gateway.log"


@pytest.mark.parametrize(
    ("subject", "held"),
    [
        ("model/lending", {"predictions/lending": 1, "logs": 1}),
        ("predictions/lending", {"predictions/lending": 1}),
        ("predictions/*", {"predictions/lending": 1, "predictions/pricing": 0}),
        ("logs", {"logs": 1}),
        ("model/pricing", {"predictions/pricing": 0, "logs": 1}),  # its lines may stand in any server's log
        ("predictions/pricing", {"predictions/pricing": 0}),
    ],
)
def test_nothing_that_is_held_is_removed_until_it_is_released(kept, tale, subject, held):
    log = aged(kept, tale)
    (known, *_) = kept.ledger.entries(kind="version.registered")
    tale.append(kept, "version.registered", "pricing/1", "another model", {**known.body, "model": "pricing"})
    hold = kept.retention.hold(subject, "a claim before the court")
    found = kept.retention.apply(dry_run=False)
    assert (kept.log.find("old") is not None, log.exists()) == ("predictions/lending" in held, "logs" in held)
    kept_by = [one for one in found if one.hold is not None]
    assert {one.subject: one.count for one in kept_by} == held
    assert {one.hold.seq for one in kept_by} == {hold.seq}
    kept.retention.release(subject, "the claim was withdrawn")
    kept.retention.apply(dry_run=False)
    assert (kept.log.find("old"), log.exists()) == (None, False)
    assert kept.ledger.verify().valid


def test_while_answers_are_held_the_log_deletes_no_file_and_the_gateway_forgets_no_held_answer(kept, tale):
    from workbench.serving.held import Decided, Held

    tale.answer(kept, name="old", days_ago=400)
    tale.answer(kept, name="older", days_ago=401)
    kept.log.rotate(now=kept.now(), most=1, days=None)
    held = Held.sample(at=kept.now() - timedelta(days=400), stakes="normal")
    kept.held_store.add([held])
    kept.held_store.decide(held.id, Decided("confirmed", True, 0.9, True, "people", 1))
    kept.retention.hold("predictions/*", "a claim")
    assert kept.retention.log_days is None
    kept.held.holding().sweep(None, now=kept.now())
    assert kept.held_store.find(held.id) is not None
    kept.log.rotate(now=kept.now(), most=1, days=kept.retention.log_days)
    assert kept.log.find("older") is not None
    kept.retention.release("predictions/*", "withdrawn")
    assert kept.retention.log_days == kept.settings.log_days
    kept.held.holding().sweep(None, now=kept.now())
    assert kept.held_store.find(held.id) is None


def test_a_hold_is_told_with_the_models_in_use_and_in_the_documentation(kept, tale):
    kept.retention.declare(Window(f"data/{tale.DATA}", until=kept.now() - timedelta(days=3)), "consent")
    hold = kept.retention.hold("model/lending", "a claim before the court")
    (held, *_) = kept.retention.held()
    assert held.verdict == "fail"  # to be kept is not to be served
    assert held.sentence.endswith(f"(entry {hold.seq}, {kept.actor}): a claim before the court")
    for card in (kept.papers.card("lending", 1), kept.papers.documentation("lending", 1)):
        text = card.as_markdown()
        assert text.count("may not be removed: a legal hold since") >= 3  # its data, its answers, the logs


@pytest.mark.parametrize(
    ("acts", "words"),
    [
        (["hold model/lending", "hold model/lending"], "held already"),
        (["release model/lending"], "is not held"),
        (["hold ../../etc"], "cannot be kept"),
        (["hold model/"], "cannot be kept"),
        (["hold model/lendign"], "knows no model 'lendign'"),
        (["hold predictions/lendign"], "knows no model 'lendign'"),
        (["hold data/0123456789"], "names no data"),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(kept, acts, words):
    *before, last = (act.split() for act in acts)
    for act, subject in before:
        getattr(kept.retention, act)(subject, "a claim")
    with pytest.raises(Misuse, match=words):
        getattr(kept.retention, last[0])(last[1], "a claim")


def test_data_may_be_held_and_released_by_how_its_digest_begins(kept, tale):
    assert kept.retention.hold(f"data/{tale.DATA[:12]}", "a claim").subject == f"data/{tale.DATA}"
    assert kept.retention.release(f"data/{tale.DATA[:12]}", "withdrawn").subject == f"data/{tale.DATA}"


def test_only_an_admin_holds_and_releases_and_with_a_reason(kept):
    from workbench.promotion import Identity

    with pytest.raises(Misuse, match="reason is empty"):
        kept.retention.hold("logs", " ")
    kept.desk.change_roles("lead", ["admin"], by=Identity("lead", "os"), why="w", now=kept.now())
    with pytest.raises(Misuse, match="may not"):
        kept.retention.hold("logs", "a claim")
