"""A model moves by a decision that is in the ledger, or not at all."""

import contextlib
from datetime import UTC, datetime

import pytest

from workbench.errors import Denied, Misuse
from workbench.policy import Decision, Ruling
from workbench.promotion import Move


def test_a_promotion_that_the_policy_allows_makes_a_champion(house):
    found = house.audit(2)
    move = house.promote(2)
    entry = house.ledger.entries(kind="promotion.granted")[0]
    assert (move.model, move.version, move.previous, move.generation) == ("lending", 2, None, 1)
    assert move.decision.allowed
    assert house.champion() == (2, 1)
    assert (entry.seq, entry.subject, entry.actor, entry.why) == (
        move.entry_seq,
        "lending/2",
        "risk-officer",
        "fairer and as good",
    )
    assert entry.body["evidence"] == [found.digest]
    assert house.ledger.owed() == []
    assert house.ledger.verify().valid


def test_the_next_champion_follows_the_one_before(house):
    house.promote(1)
    move = house.promote(3)
    assert (move.previous, move.generation) == (1, 2)
    assert house.champion() == (3, 2)


def test_the_entry_of_a_move_holds_all_that_was_judged(house):
    """The decision can be made again from the entry alone."""
    house.audit(2)
    move = house.promote(2)
    body = house.ledger.entries(kind="promotion.granted")[0].body
    package, document = house.judge.asked[-1]
    assert package == "promotion"
    assert body["input"] == document
    assert body["policy_source"] == "package promotion\n"
    assert Decision.from_body(body["decision"]) == move.decision
    assert (body["slot"], body["from"], body["to"], body["generation"]) == ("champion", None, 2, 1)


def test_the_policy_is_told_of_the_champion_and_of_the_past(house):
    house.promote(1)
    house.promote(2)
    document = house.judge.asked[-1][1]
    assert (document["action"], document["version"], document["was_champion"]) == ("promote", 2, False)
    assert document["champion"]["version"] == 1
    house.rollback()
    package, document = house.judge.asked[-1]
    assert (package, document["action"], document["version"]) == ("rollback", "rollback", 1)
    assert (document["was_champion"], document["champion"]["version"]) == (True, 2)


def test_a_denial_moves_nothing_and_is_an_entry(house):
    house.promote(1)
    house.judge.deny()
    with pytest.raises(Denied) as caught:
        house.promote(2)
    assert house.champion() == (1, 1)
    assert house.kinds() == ["promotion.granted", "promotion.denied"]
    denied = house.ledger.entries(kind="promotion.denied")[0]
    assert (denied.subject, denied.body["generation"], denied.body["to"]) == ("lending/2", None, 2)
    assert Decision.from_body(denied.body["decision"]) == caught.value.decision
    assert house.ledger.owed() == []
    assert house.ledger.verify().valid


def test_a_denial_says_each_reason_and_what_would_turn_it(house):
    house.judge.deny("disparate impact by race is 0.77")
    with pytest.raises(Denied) as caught:
        house.promote(2)
    assert caught.value.message.splitlines() == [
        "lending 2 was not moved; policy 'promotion' denies it:",
        "  - disparate impact by race is 0.77",
        "    would pass: be fairer",
    ]
    assert [reason.code for reason in caught.value.decision.reasons] == ["fairness"]


@pytest.mark.parametrize(
    "ruling",
    [Ruling(None), Ruling("true"), Ruling(1), Ruling(True, ("but",)), Ruling(True, error="it broke"), Ruling(False)],
)
def test_anything_but_a_clear_yes_leaves_the_champion_where_it_is(house, ruling):
    house.judge.ruling = ruling
    with pytest.raises(Denied):
        house.promote(1)
    assert house.champion() is None


@pytest.mark.parametrize("why", ["", " ", "\n\t", "\u00a0"])
def test_nothing_moves_without_a_reason(house, why):
    house.promote(1)
    house.promote(2)
    before = house.ledger.entries()
    for act in (lambda: house.promote(3, why=why), lambda: house.rollback(why=why), lambda: house.reject(3, why=why)):
        with pytest.raises(Misuse, match="the reason is empty"):
            act()
    assert house.ledger.entries() == before


def test_a_version_that_is_not_there_cannot_move(house):
    before = house.ledger.entries()
    with pytest.raises(Misuse, match="lending has no version 9"):
        house.promote(9)
    with pytest.raises(Misuse, match="lending has no version 9"):
        house.reject(9)
    with pytest.raises(Misuse, match="churn has no version 1"):
        house.promote(1, model="churn")
    assert house.ledger.entries() == before


def test_the_champion_is_not_promoted_again(house):
    house.promote(1)
    with pytest.raises(Misuse, match="lending 1 is champion already"):
        house.promote(1)
    assert house.champion() == (1, 1)
    assert house.kinds() == ["promotion.granted"]


def test_a_policy_that_is_not_there_moves_nothing(house, policies):
    (policies / "promotion.rego").unlink()
    with pytest.raises(Misuse, match="cannot be read"):
        house.promote(1)
    assert house.kinds() == []


def test_judging_writes_nothing(house):
    house.judge.deny()
    decision = house.gate.judge("lending", 1, now=house.later())
    assert not decision.allowed
    assert house.kinds() == []
    assert house.registry.opened == 0


def test_models_do_not_mix(house):
    house.register(1, 2, model="churn")
    house.register(1, 2, model="lend%")
    house.promote(1)
    house.promote(2, model="churn")
    house.promote(1, model="lend%")
    house.promote(2)
    assert [house.champion(model) for model in ("lending", "churn", "lend%")] == [(2, 2), (2, 1), (1, 1)]
    with pytest.raises(Misuse, match="churn 2 is the first champion"):
        house.rollback(model="churn")


# keys


def test_the_same_key_again_tells_what_happened_and_moves_nothing(house):
    first = house.promote(1, key="k")
    house.promote(2)
    assert house.promote(1, key="k", why="another reason") == first
    assert house.champion() == (2, 2)
    assert house.kinds() == ["promotion.granted"] * 2


def test_the_same_key_again_repeats_a_denial_without_judging_again(house):
    house.judge.deny()
    with pytest.raises(Denied) as first:
        house.promote(1, key="k")
    house.judge.allow()
    with pytest.raises(Denied) as second:
        house.promote(1, key="k")
    assert second.value.decision == first.value.decision
    assert second.value.message == first.value.message
    assert house.kinds() == ["promotion.denied"]


def test_a_rollback_with_the_same_key_goes_back_once(house):
    for version in (1, 2, 3):
        house.promote(version)
    first = house.rollback(key="k")
    assert house.rollback(key="k") == first == Move("lending", 2, 3, 4, first.decision, first.entry_seq)
    assert house.champion() == (2, 4)


def test_a_key_names_one_act_and_no_other(house):
    house.register(1, model="churn")
    house.ledger.append("note", subject="lending", actor="analyst", why="w", body={}, now=house.later(), key="n")
    house.promote(1, key="k")
    before = house.ledger.entries()
    for act in (
        lambda: house.promote(1, key="n"),
        lambda: house.promote(2, key="k"),
        lambda: house.promote(1, model="churn", key="k"),
        lambda: house.rollback(key="k"),
    ):
        with pytest.raises(Misuse, match="belongs to entry"):
            act()
    assert house.ledger.entries() == before


@pytest.mark.parametrize("verdict", [True, False])
def test_a_key_that_was_used_while_the_policy_was_asked_tells_what_happened_then(house, verdict):
    def meanwhile():
        house.judge.before_answering = lambda: None
        house.judge.ruling = Ruling(verdict)
        with contextlib.suppress(Denied):
            house.promote(2, key="k")

    house.judge.ruling = Ruling(not verdict)
    house.judge.before_answering = meanwhile
    if verdict:
        assert house.promote(2, key="k").version == 2
    else:
        with pytest.raises(Denied, match="lending 2 was not moved"):
            house.promote(2, key="k")
    assert house.kinds() == [f"promotion.{'granted' if verdict else 'denied'}"]
    assert house.ledger.verify().valid


# rollback


def test_a_rollback_brings_the_champion_before_back(house):
    house.promote(1)
    house.promote(2)
    move = house.rollback()
    assert (move.version, move.previous, move.generation) == (1, 2, 3)
    assert house.champion() == (1, 3)
    assert house.kinds()[-1] == "rollback.granted"


def test_rolling_back_twice_goes_two_back(house):
    for version in (1, 2, 3):
        house.promote(version)
    assert [house.rollback().version, house.rollback().version] == [2, 1]
    assert house.champion() == (1, 5)
    with pytest.raises(Misuse, match="lending 1 is the first champion"):
        house.rollback()


def test_after_a_rollback_a_promotion_goes_on_from_where_it_came_to(house):
    for version in (1, 2):
        house.promote(version)
    house.rollback()
    house.promote(3)
    assert house.rollback().version == 1


def test_a_version_that_was_champion_twice_is_gone_back_from_twice(house):
    for version in (1, 2, 1):
        house.promote(version)
    assert [house.rollback().version, house.rollback().version] == [2, 1]


def test_the_first_champion_cannot_be_rolled_back(house):
    house.promote(1)
    with pytest.raises(Misuse, match="lending 1 is the first champion; there is none to go back to"):
        house.rollback()
    assert house.champion() == (1, 1)


def test_without_a_champion_there_is_no_rollback(house):
    with pytest.raises(Misuse, match="lending has no champion to roll back") as caught:
        house.rollback()
    assert caught.value.hint == "nothing was promoted yet"
    house.promote(1)
    with pytest.raises(Misuse) as caught:
        house.rollback(model="loans")
    assert caught.value.hint == "models with a champion: lending"


def test_a_rollback_that_the_policy_denies_is_an_entry(house):
    house.promote(1)
    house.promote(2)
    house.judge.deny()
    with pytest.raises(Denied):
        house.rollback()
    assert house.champion() == (2, 2)
    assert house.kinds()[-1] == "rollback.denied"
    house.judge.allow()
    assert house.rollback().version == 1


def test_denials_are_no_steps_to_go_back_to(house):
    house.promote(1)
    house.judge.deny()
    for version in (2, 3):
        with pytest.raises(Denied):
            house.promote(version)
    house.judge.allow()
    house.promote(3)
    assert house.rollback().version == 1


# rejection


def test_a_rejected_candidate_is_not_promoted_though_the_policy_would_allow_it(house):
    found = house.audit(2)
    entry = house.reject(2, why="nobody can explain it")
    assert (entry.kind, entry.subject, entry.body) == ("candidate.rejected", "lending/2", {"evidence": [found.digest]})
    with pytest.raises(Denied, match="risk-officer turned it down on 2026-01-01 \\(nobody can explain it\\)") as caught:
        house.promote(2)
    assert [reason.code for reason in caught.value.decision.reasons] == ["rejected"]
    assert house.champion() is None


def test_newer_evidence_lifts_a_rejection(house):
    house.reject(2)
    house.audit(3)
    with pytest.raises(Denied):
        house.promote(2)
    house.audit(2)
    assert house.promote(2).version == 2


def test_a_second_rejection_stands_until_evidence_comes_after_it(house):
    house.reject(2)
    house.audit(2)
    house.reject(2)
    with pytest.raises(Denied):
        house.promote(2)
    house.audit(2)
    house.promote(2)


def test_a_rejection_does_not_block_others(house):
    house.reject(2)
    assert house.promote(3).version == 3


def test_the_champion_cannot_be_rejected(house):
    house.promote(2)
    with pytest.raises(Misuse, match="lending 2 is champion"):
        house.reject(2)
    assert house.kinds() == ["promotion.granted"]


def test_a_former_champion_that_was_rejected_is_not_gone_back_to(house):
    house.promote(1)
    house.promote(2)
    house.reject(1)
    with pytest.raises(Denied, match="turned it down"):
        house.rollback()
    house.audit(1)
    assert house.rollback().version == 1


def test_a_version_is_not_turned_down_twice_on_the_same_evidence(house):
    house.reject(2)
    with pytest.raises(Misuse, match="turned down already"):
        house.reject(2)
    assert house.kinds() == ["candidate.rejected"]


# what happens elsewhere while the policy is asked


def once(house, act):
    def meanwhile():
        house.judge.before_answering = lambda: None
        act()

    house.judge.before_answering = meanwhile


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda house: house.promote(3),
        lambda house: house.promote(2),
        lambda house: house.rollback(),
        lambda house: house.reject(2),
        lambda house: house.audit(2),
        lambda house: house.audit(1, "drift"),
    ],
    ids=["another promoted", "the same promoted", "rolled back", "rejected", "evidence", "evidence on the champion"],
)
@pytest.mark.parametrize("verdict", [True, False])
def test_what_was_judged_on_grounds_that_changed_meanwhile_is_not_done(house, elsewhere, verdict):
    house.promote(3)
    house.promote(1)

    def act():
        house.judge.allow()
        elsewhere(house)

    house.judge.ruling = Ruling(verdict)
    once(house, act)
    with pytest.raises(Misuse, match="meanwhile") as caught:
        house.promote(2)
    assert "workbench models lending, then decide again" in caught.value.hint
    assert [e for e in house.ledger.entries(subject="lending/2") if e.why == "fairer and as good"][1:] == []
    house.champion()
    assert house.ledger.verify().valid


def test_a_version_is_never_champion_after_itself(house):
    house.promote(1)
    once(house, lambda: house.promote(2))
    with pytest.raises(Misuse):
        house.promote(2)
    assert house.champion() == (2, 2)
    assert house.rollback().version == 1


def before_judging(house, act):
    """Act elsewhere after a request has been taken and before anything is read to judge it."""
    judge = house.gate._judge

    def judged(request):
        house.gate._judge = judge
        act()
        return judge(request)

    house.gate._judge = judged


def test_what_became_champion_before_it_was_judged_is_not_champion_twice(house):
    """Else the way back would lead from it to itself."""
    house.promote(1)
    before_judging(house, lambda: house.promote(2))
    with pytest.raises(Misuse, match="lending 2 is champion already"):
        house.promote(2)
    house.promote(3)
    before_judging(house, house.rollback)
    with pytest.raises(Misuse, match="lending 2 is champion already"):
        house.rollback()
    assert house.champion() == (2, 4)
    assert house.rollback().version == 1


def test_a_rollback_that_is_sent_twice_at_once_is_one(house):
    """The second is told of the first, though it saw the model after the move."""
    for version in (1, 2, 3):
        house.promote(version)
    before, first = house.gate.before, []

    def moved_first(model):
        house.gate.before = before
        first.append(house.rollback(key="retry").entry_seq)
        return before(model)

    house.gate.before = moved_first
    assert house.rollback(key="retry").entry_seq == first[0]
    assert house.champion() == (2, 4)


@pytest.mark.parametrize("given", [{"why": "bad \udcff byte"}, {"actor": "\udcff"}])
def test_what_is_no_unicode_is_refused_in_words(house, given):
    with pytest.raises(Misuse, match="is no text of Unicode"):
        house.promote(1, **given)
    assert house.kinds() == []


def test_two_who_roll_back_at_once_go_one_step_back(house):
    """Each saw version 3 fail; going back from 2 is another question."""
    for version in (1, 2, 3):
        house.promote(version)
    once(house, house.rollback)
    with pytest.raises(Misuse, match="moved meanwhile: version 2 is champion"):
        house.rollback()
    assert house.champion() == (2, 4)


def test_what_happens_to_other_models_and_versions_does_not_disturb(house):
    house.register(1, model="churn")
    once(house, lambda: (house.audit(1, model="churn"), house.promote(1, model="churn"), house.audit(3)))
    assert house.promote(2).version == 2


# the registry


def test_the_registry_is_not_opened_for_a_denial(house):
    house.judge.deny()
    with pytest.raises(Denied):
        house.promote(1)
    house.reject(1)
    assert house.registry.opened == 0


def test_a_registry_out_of_reach_is_asked_for_once_for_all_that_a_move_owes(house):
    said = {"actor": "risk-officer", "why": "step by step", "now": house.later()}
    house.gate.stage("lending", 2, "canary", weight=0.1, **said)
    opened = house.registry.opened
    house.registry.reachable = False
    move = house.promote(2)
    assert house.registry.opened == opened + 1
    assert [sentence.split(" is still owed")[0] for sentence in move.pending] == [
        "the alias canary of lending",
        "the alias champion of lending",
    ]


def test_a_move_stands_though_the_registry_is_out_of_reach(house):
    house.registry.reachable = False
    move = house.promote(1, key="k")
    assert move.version == 1
    assert move.pending == (
        "the alias champion of lending is still owed to the registry: the registry is out of reach",
    )
    assert house.ledger.head("lending").version == 1
    assert len(house.ledger.owed()) == 1
    assert house.promote(1, key="k").entry_seq == move.entry_seq
    house.registry.reachable = True
    (sentence,) = house.reconcile()
    assert sentence.endswith("it is version 1 now")
    assert house.champion() == (1, 1)
    assert house.ledger.owed() == []


def test_a_move_that_the_registry_followed_has_nothing_pending(house):
    assert house.promote(1).pending == ()


def test_a_move_settles_what_earlier_ones_left(house):
    house.registry.reachable = False
    house.promote(1)
    house.registry.reachable = True
    assert house.promote(2).pending == ()
    assert house.ledger.owed() == []
    assert house.champion() == (2, 2)


def test_where_all_is_well_there_is_nothing_to_reconcile(house):
    assert house.reconcile() == []
    assert house.registry.opened == 0
    house.promote(1)
    assert house.reconcile() == []
    assert house.kinds() == ["promotion.granted"]


@pytest.mark.parametrize("found", [None, (3, 0), (2, 0), (1, 1), (3, 2)])
def test_an_alias_that_points_elsewhere_is_set_again_and_that_is_an_entry(house, found):
    house.promote(1)
    house.promote(2)
    if found is None:
        del house.registry.aliases["lending", "champion"]
    else:
        house.registry.aliases["lending", "champion"] = found
    (sentence,) = house.reconcile()
    assert "it is version 2 (generation 2) again" in sentence
    assert house.champion() == (2, 2)
    entry = house.ledger.entries(kind="projection.repaired")[0]
    assert (entry.subject, entry.actor) == ("lending", "workbench")
    assert entry.body["found"] == (list(found) if found else None)
    assert (entry.body["version"], entry.body["generation"]) == (2, 2)
    assert house.reconcile() == []


def test_a_registry_ahead_of_the_ledger_is_told_of_and_never_called_mended(house):
    """A ledger put back from a backup: the registry knows moves that it does not."""
    house.promote(1)
    house.registry.aliases["lending", "champion"] = (3, 7)
    for _ in range(3):
        (sentence,) = house.reconcile()
        assert "points at version 3 (generation 7), but the ledger has only come to generation 1" in sentence
    assert house.kinds().count("projection.repaired") == 0
    assert house.promote(2).pending != ()


def test_a_champion_deleted_from_the_registry_is_told_of(house):
    house.promote(1)
    house.registry.deleted.add(("lending", 1))
    for _ in range(2):
        (sentence,) = house.reconcile()
        assert sentence.startswith("lending 1 is champion in the ledger")
        assert "the registry has that version no more" in sentence
    assert house.kinds() == ["promotion.granted", "projection.broken"]


def test_a_deleted_version_that_is_owed_its_alias_does_not_hold_up_the_rest(house):
    house.register(1, model="churn")
    house.registry.reachable = False
    house.promote(1)
    house.promote(1, model="churn")
    house.registry.reachable = True
    house.registry.deleted.add(("lending", 1))
    told = house.reconcile()
    assert len(told) == 2
    assert house.champion("churn") == (1, 1)
    assert house.promote(2).pending == ()
    assert house.champion() == (2, 2)
    assert house.ledger.owed() == []
    assert house.reconcile() == []


def test_an_old_effect_never_overwrites_a_newer_alias(house):
    house.registry.reachable = False
    house.promote(1)
    house.registry.reachable = True
    (old,) = house.ledger.owed()
    house.promote(2)
    house.registry.set_alias("lending", "champion", old.payload["version"], old.payload["generation"])
    assert house.champion() == (2, 2)


def test_a_window_of_retention_that_was_declared_meanwhile_lets_nothing_through(house):
    """What the policy was told of how long the data may be kept is not so any more."""

    def meanwhile():
        told = {"subject": "data/d", "actor": "analyst", "why": "w", "now": house.later()}
        house.ledger.append("retention.declared", body={"until": "2025-12-31T00:00:00+00:00"}, **told)

    house.judge.before_answering = meanwhile
    with pytest.raises(Misuse, match=r"retention\.declared came meanwhile"):
        house.promote(1)
    assert house.ledger.heads() == []


def test_effects_that_nobody_here_settles_are_told_of(house):
    house.promote(1)
    with house.ledger.transaction() as writer:
        entry = writer.append("note", subject="x", actor="analyst", why="w", body={}, now=house.later())
        writer.owe("telegraph", {}, entry=entry)
    (sentence,) = house.reconcile()
    assert "'telegraph'" in sentence


def test_a_naive_time_is_refused_and_moves_nothing(house):
    with pytest.raises((Misuse, TypeError)):
        house.gate.promote("lending", 1, actor="risk-officer", why="w", now=datetime(2026, 1, 1))  # noqa: DTZ001
    assert house.kinds() == []
    assert house.gate.promote("lending", 1, actor="risk-officer", why="w", now=datetime(2026, 1, 1, tzinfo=UTC))


def test_a_rehearsal_refuses_what_the_move_would_refuse_and_writes_nothing(house):
    house.promote(1)
    before = house.kinds()
    said = {"actor": "risk-officer", "why": "it is better", "now": house.now}
    for version, act, words in (
        (1, {"action": "retire", "slot": ""}, "is champion; promote another first"),
        (1, {}, "is champion already"),
        (1, {"action": "stage", "slot": "canary", "weight": 0.1}, "is champion already"),
        (2, {"action": "stage", "slot": "canary", "weight": 1.5}, r"must lie in \(0, 1\)"),
        (2, {"action": "stage", "slot": "elsewhere"}, "no slot 'elsewhere'"),
    ):
        with pytest.raises(Misuse, match=words):
            house.gate.rehearse("lending", version, **act, **said)
    with pytest.raises(Misuse, match="reason is empty"):
        house.gate.rehearse("lending", 2, **{**said, "why": " "})
    assert house.gate.rehearse("lending", 2, **said).allowed
    house.judge.deny()
    assert not house.gate.rehearse("lending", 2, **said).allowed
    assert house.kinds() == before
