"""A certificate says why a version was promoted, and whatever is changed in it is found and named."""

import base64
import copy
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from workbench.bench import open_bench
from workbench.data.digests import file_digests
from workbench.errors import EngineError, Misuse
from workbench.evidence.certificate import PREDICATE, grounds
from workbench.evidence.checking import check
from workbench.ledger.dsse import opened, pae, read_json, seal
from workbench.ledger.signing import SigningKey, to_sign

VERIFIER = Path(__file__).parents[2] / "templates" / "verify_certificate.py"


def broken(found):
    return [one.what for one in found if one.held is False]


def sealed_again(certificate, change, key):
    """The certificate after a change, signed anew by whoever made it."""
    content = copy.deepcopy(opened(certificate))
    change(content)
    return seal(content, key)


@pytest.fixture(scope="session")
def key(told):
    return SigningKey.load(told / "keys" / "ledger.key")


@pytest.fixture(scope="session")
def other_key(tmp_path_factory):
    return SigningKey.create(tmp_path_factory.mktemp("key") / "other.key")


def alone(certificate, tmp_path, *options):
    """The shipped verifier, in an interpreter that has `cryptography` and nothing of ours."""
    file = tmp_path / "certificate.json"
    file.write_text(certificate if isinstance(certificate, str) else json.dumps(certificate))
    start = (
        "import runpy, sys; sys.path.append(sys.argv.pop(1)); sys.argv.pop(0)\n"
        "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n    assert not any(name.startswith('workbench') for name in sys.modules)"
    )
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        start,
        sysconfig.get_path("purelib"),
        str(VERIFIER),
        str(file),
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)


# what it says


def test_everything_in_it_holds(certified, told, tale, key):
    files = file_digests(tale.folder_of(told))
    found = check(certified, keys=[key.public], files=files)
    assert broken(found) == []
    assert [one.what for one in found if one.held is None] == ["decided again"]


def test_it_names_all_digests_and_the_entries_they_stand_in(certified, tale):
    content = opened(certified)
    assert content["predicateType"] == PREDICATE
    assert [one["name"] for one in content["subject"]] == ["model/MLmodel", "model/model.skops", "profile.json"]
    digests = content["predicate"]["digests"]
    assert (digests["data"], digests["notebook"], digests["environment"]) == (
        tale.PART,
        tale.NOTEBOOK,
        tale.ENVIRONMENT,
    )
    kinds = [one["entry"]["kind"] for one in content["predicate"]["entries"]]
    assert kinds == ["key.created", "version.registered", "evidence.recorded", "run.finished", "evidence.recorded",
                     "run.finished", "promotion.granted"]  # fmt: skip


def test_without_a_key_it_says_that_nobody_vouches_for_the_one_it_brings(certified):
    found = check(certified)
    assert broken(found) == []
    assert "give its public key" in next(one.words for one in found if one.what == "whose key")


def test_the_policy_is_asked_again_where_its_engine_is_at_hand(certified):
    asked = []

    def again(name, source, document):
        asked.append((name, document["model"]))
        return {"decision": "deny", "reasons": []}

    found = check(certified, redecide=again)
    assert asked == [("promotion", "lending")]
    assert broken(found) == ["decided again"]


def test_a_policy_that_nobody_trusted_signed_is_not_run(certified, other_key):
    found = check(certified, keys=[other_key.public], redecide=lambda *_: pytest.fail("it was run"))
    assert "signature" in broken(found)


def test_a_version_that_was_never_promoted_has_none(told):
    with open_bench(told) as bench:
        entries = [entry for entry in bench.ledger.entries() if entry.kind != "promotion.granted"]
        with pytest.raises(Misuse, match="never promoted"):
            grounds(entries, "lending", 1)
        with pytest.raises(Misuse, match="no version 9"):
            bench.papers.certificate("lending", 9)


# approvals


@pytest.fixture
def approved(told, tale, tmp_path):
    """A certificate of a promotion that a person approved; the fixture gives it with the key and the approval."""
    with open_bench(tale.copied(told, tmp_path / "w")) as bench:
        key = bench.signing_key
        given = {"question": "9" * 64, "by": "risk-officer", "stands_for": None, "role": "approver", "source": "hub",
                 "at": "2026-01-01T00:00:00+00:00", "expires": None}  # fmt: skip
        signature = {"public": key.public, "signature": key.sign(to_sign("approval", given))}
        body = {"digest": "9" * 64, "approval": given, "signature": signature}
        entry = tale.append(bench, "approval.given", "lending/1", "the audit convinces me", body, actor="risk-officer")
        before = bench.ledger.entries(kind="promotion.granted")[0].body
        again = {**before, "generation": 2, "question": "9" * 64, "approvals": [entry.seq]}
        tale.append(bench, "promotion.granted", "lending/1", "with approval", again)
        return bench.papers.certificate("lending", 1), key


def test_an_approval_is_in_it_with_its_signature(approved, tmp_path):
    certificate, key = approved
    found = check(certificate, keys=[key.public])
    assert broken(found) == []
    assert "approved by risk-officer, each signed over this very question" in [one.words for one in found]
    assert alone(certificate, tmp_path, "--key", key.public).returncode == 0


APPROVALS = {
    "another question": lambda body: body.update(digest="8" * 64),
    "another person": lambda body: body["approval"].update(by="analyst"),
    "another signature": lambda body: body["signature"].update(signature="A" * 86 + "=="),
    "another key": lambda body: body["signature"].update(public="A" * 43 + "="),
    "no signature": lambda body: body.pop("signature"),
}


@pytest.mark.parametrize("name", APPROVALS)
def test_an_approval_that_is_not_whole_is_found(approved, tmp_path, name):
    certificate, key = approved
    spoiled = sealed_again(certificate, lambda content: APPROVALS[name](body_of(content, "approvals")), key)
    assert "approvals" in broken(check(spoiled, keys=[key.public]))
    assert alone(spoiled, tmp_path, "--key", key.public).returncode == 1


def test_an_approval_that_is_left_out_is_missed(approved):
    certificate, key = approved
    spoiled = sealed_again(certificate, lambda content: content["predicate"]["roles"].update(approvals=[]), key)
    assert "approvals" in broken(check(spoiled, keys=[key.public]))


@pytest.mark.parametrize("way", ["a person weighed who never signed", "a refusal that is counted"])
def test_a_ledger_that_tells_of_a_yes_that_was_never_given_is_found(told, tale, tmp_path, way):
    """Whoever writes into the ledger by its own means makes no approval of it."""
    with open_bench(tale.copied(told, tmp_path / "w")) as bench:
        key, numbers = bench.signing_key, []
        before = bench.ledger.entries(kind="promotion.granted")[0].body
        document = before["input"]
        if way == "a refusal that is counted":
            given = {"question": "9" * 64, "by": "risk-officer"}
            signature = {"public": key.public, "signature": key.sign(to_sign("approval", given))}
            body = {"digest": "9" * 64, "approval": given, "signature": signature}
            refusal = tale.append(bench, "approval.refused", "lending/1", "no", body, actor="risk-officer")
            numbers = [refusal.seq]
        else:
            document = {**document, "approvals": [{"by": "risk-officer", "role": "approver"}]}
        again = {**before, "generation": 2, "question": "9" * 64, "approvals": numbers, "input": document}
        tale.append(bench, "promotion.granted", "lending/1", "with approval", again)
        certificate = bench.papers.certificate("lending", 1)
    assert "approvals" in broken(check(certificate, keys=[key.public]))
    assert alone(certificate, tmp_path, "--key", key.public).returncode == 1


# what is changed is found


def body_of(content, role):
    seq = content["predicate"]["roles"][role]
    wanted = seq if isinstance(seq, int) else seq[0]
    return next(one["entry"]["body"] for one in content["predicate"]["entries"] if one["entry"]["seq"] == wanted)


def entry_of(content, role):
    seq = content["predicate"]["roles"][role]
    return next(one for one in content["predicate"]["entries"] if one["entry"]["seq"] == seq)


def brought(content):
    (seq,) = content["predicate"]["roles"]["keys"]
    return next(one["entry"] for one in content["predicate"]["entries"] if one["entry"]["seq"] == seq)


def dropped(content):
    content["predicate"]["roles"]["evidence"] = content["predicate"]["roles"]["evidence"][:1]


CHANGES = {
    "the reason": (lambda c: entry_of(c, "decision")["entry"].update(why="because"), "entries"),
    "who decided": (lambda c: entry_of(c, "decision")["entry"].update(actor="analyst"), "entries"),
    "the spelling of its time": (
        lambda c: entry_of(c, "decision")["entry"].update(at=entry_of(c, "decision")["entry"]["at"].replace("T", " ")),
        "entries",
    ),
    "a field more": (lambda c: entry_of(c, "decision")["entry"].update(approved_by="everybody"), "entries"),
    "the policy": (lambda c: body_of(c, "decision").update(policy_source="package promotion\nallow := true"), "policy"),
    "the input": (lambda c: body_of(c, "decision")["input"].update(actor="nobody"), "input"),
    "the verdict": (lambda c: body_of(c, "decision")["decision"].update(decision="deny"), "decision"),
    "the evidence": (lambda c: body_of(c, "evidence").update(verdict="fail"), "evidence"),
    "evidence left out": (dropped, "evidence"),
    "an approval claimed": (lambda c: body_of(c, "decision").update(approvals=[2]), "approvals"),
    "the notebook": (lambda c: body_of(c, "trained").update(notebook_digest="0" * 64), "training"),
    "the data": (lambda c: body_of(c, "trained").update(data=[]), "training"),
    "a model file": (lambda c: c["subject"][0]["digest"].update(sha256="0" * 64), "model"),
    "a short digest": (lambda c: c["predicate"]["digests"].update(data="0" * 64), "digests"),
    "another model": (lambda c: c["predicate"].update(model="pricing"), "decision"),
    "the registration": (lambda c: body_of(c, "registered").update(data_digest="0" * 64), "decision"),
    "the seal": (lambda c: body_of(c, "decision")["seal"].update(signature="A" * 86 + "=="), "seal"),
    "no seal": (lambda c: body_of(c, "decision").pop("seal"), "seal"),
    "the seal of no key": (lambda c: body_of(c, "decision")["seal"].update(key="0" * 32), "seal"),
    "the place of the decision": (lambda c: entry_of(c, "decision")["entry"].update(prev="0" * 64), "seal"),
    "a declaration that is dropped": (lambda c: brought(c)["body"].pop("seals_after"), "seal"),
    "the place of the key": (lambda c: brought(c).update(prev="1" * 64), "seal"),
    "a way to the root": (lambda c: entry_of(c, "decision")["inclusion"]["path"].reverse(), "inclusion"),
    "another place": (lambda c: entry_of(c, "decision")["inclusion"].update(index=0), "inclusion"),
    "the checkpoint": (
        lambda c: c["predicate"].update(checkpoint=c["predicate"]["checkpoint"].replace("\n7\n", "\n9\n")),
        "checkpoint",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_found_and_named_even_when_it_is_signed_anew(certified, key, tmp_path, name):
    change, named = CHANGES[name]
    spoiled = sealed_again(certified, change, key)
    assert named in broken(check(spoiled, keys=[key.public]))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_breaks_the_signature_of_whoever_has_no_key(certified, key, other_key, name):
    spoiled = sealed_again(certified, CHANGES[name][0], other_key)
    assert "signature" in broken(check(spoiled, keys=[key.public]))


def test_every_flipped_byte_of_the_payload_is_found(certified, key):
    payload = bytearray(base64.b64decode(certified["payload"]))
    for at in range(0, len(payload), 997):
        payload[at] ^= 1
        spoiled = {**certified, "payload": base64.b64encode(bytes(payload)).decode()}
        assert broken(check(spoiled, keys=[key.public])), at
        payload[at] ^= 1


def test_a_certificate_made_anew_by_another_ledger_is_not_the_company_s(tmp_path, tale, key):
    root = tale.tell(tmp_path / "forged")
    with open_bench(root) as bench:
        forged = bench.papers.certificate("lending", 1)
    assert broken(check(forged)) == []
    assert set(broken(check(forged, keys=[key.public]))) == {"signature", "checkpoint"}


def test_a_promotion_that_the_ledgers_key_did_not_seal_is_not_certified(tale, tmp_path):
    """Neither by the workbench that has the key, nor by whoever made the certificate nevertheless."""
    with open_bench(tale.tell(tmp_path / "w")) as bench:
        granted = bench.ledger.entries(kind="promotion.granted")[0]
        again = {name: value for name, value in granted.body.items() if name != "seal"} | {"generation": 2}
        bench.ledger._database.execute("DROP TRIGGER moves_are_sealed")
        bench.ledger._sealing = lambda *_: None  # somebody with the database and the ledger's own library
        tale.append(bench, "promotion.granted", "lending/1", "trust me", again)
        with pytest.raises(EngineError, match="nothing is certified: entry 8 moves lending/1 without the seal"):
            bench.papers.certificate("lending", 1)
        card = bench.papers.card("lending", 1)
    assert "champion, doubted" in card.as_markdown()
    assert "Doubted: entry 8 moves lending/1 without the seal of the ledger" in card.as_html()


def test_a_decision_from_before_moves_were_sealed_is_told_so_by_both(certified, key, tmp_path):
    def older(content):
        """As a ledger had it whose key did not say that moves are sealed; its hashes are made anew."""
        entry = brought(content)
        told = {name: entry["body"][name] for name in ("key_id", "public", "origin")}
        entry["body"] = {**told, "signatures": {key.key_id: key.sign(to_sign("key.created", told))}}
        del body_of(content, "decision")["seal"]

    spoiled = sealed_again(certified, older, key)
    assert [one.held for one in check(spoiled, keys=[key.public]) if one.what == "seal"] == [None]
    done = alone(spoiled, tmp_path, "--key", key.public)
    assert " ?  the seal of the decision: its ledger did not seal moves then" in done.stdout


def test_a_swapped_file_is_named(certified, told, tale, key):
    files = file_digests(tale.folder_of(told))
    found = check(
        certified, keys=[key.public], files={**files, "model/model.skops": "0" * 64, "model/run.py": "1" * 64}
    )
    assert "model/model.skops was changed; model/run.py was added" in [one.words for one in found]


@pytest.mark.parametrize(
    "given",
    [None, [], {}, "text", {"payloadType": "x"}, {"payload": "%%%", "payloadType": "application/vnd.in-toto+json"}],
)
def test_what_is_no_certificate_is_told_so(given):
    found = check(given)
    assert broken(found) == ["form"]


def test_another_type_of_payload_is_no_certificate(certified, key):
    """The type is signed with the payload: neither the label nor a signature for another type will do."""
    told = {**certified, "payloadType": "application/json"}
    assert broken(check(told, keys=[key.public])) == ["form"]
    payload = base64.b64decode(certified["payload"])
    other = {**certified, "signatures": [{"keyid": key.key_id, "sig": key.sign(pae("application/json", payload))}]}
    assert "signature" in broken(check(other, keys=[key.public]))


@pytest.mark.parametrize("place", ["payload", "envelope"])
def test_a_name_that_stands_twice_is_refused_by_both_verifiers(certified, key, tmp_path, place):
    """Readers differ in which of the two they take; so neither counts, whoever signed it."""
    payload = base64.b64decode(certified["payload"]).decode()
    twice = payload.replace('"model":', '"model":"pricing","model":', 1).encode()
    sealed = {**certified, "payload": base64.b64encode(twice).decode(),
              "signatures": [{"keyid": key.key_id, "sig": key.sign(pae(certified["payloadType"], twice))}]}  # fmt: skip
    text = json.dumps(sealed)
    if place == "envelope":
        text = json.dumps(certified).replace('"payload":', '"payload": "e30=", "payload":', 1)
        with pytest.raises(ValueError, match="stands twice"):
            read_json(text)
    else:
        assert broken(check(read_json(text), keys=[key.public])) == ["form"]
    assert alone(text, tmp_path, "--key", key.public).returncode == 1


@pytest.mark.parametrize("deep", ["[" * 200_000, '{"a":' * 200_000, '{"payloadType":' + "[" * 100_000])
def test_what_is_nested_without_end_is_refused_by_both(deep, tmp_path):
    with pytest.raises(ValueError, match=r"deep|delimiter|Expecting"):
        read_json(deep)
    done = alone(deep, tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_the_proof_of_another_entry_proves_nothing(certified, key, tmp_path):
    def exchange(content):
        one, other = content["predicate"]["entries"][:2]
        one["inclusion"], other["inclusion"] = other["inclusion"], one["inclusion"]

    spoiled = sealed_again(certified, exchange, key)
    assert "inclusion" in broken(check(spoiled, keys=[key.public]))
    assert alone(spoiled, tmp_path, "--key", key.public).returncode == 1


def test_a_certificate_of_a_rotated_key_holds_by_the_new_one_only_if_the_ledger_says_so(tale, tmp_path, other_key):
    """The certificate of today brings the rotation; a key that nobody rotated to vouches for nothing."""
    with open_bench(tale.tell(tmp_path / "w")) as bench:
        old = bench.signing_key
        before = bench.papers.certificate("lending", 1)
        bench.ledger.rotate_key(actor="administrator", why="yearly", now=bench.now())
        new = SigningKey.load(bench.root / "keys" / "ledger.key")
        after = bench.papers.certificate("lending", 1)
    assert old.public != new.public
    assert broken(check(after, keys=[old.public])) == []
    assert broken(check(after, keys=[new.public])) == []
    assert "signature" in broken(check(before, keys=[new.public]))  # it could not know its successor
    stale = seal(opened(after), old)
    assert "signature" not in broken(check(stale, keys=[old.public]))
    assert "signature" in broken(check(seal(opened(after), other_key), keys=[new.public]))


def test_a_statement_that_lacks_parts_is_told_so(key):
    from workbench.ledger.dsse import statement

    found = check(seal(statement({}, PREDICATE, {"keys": [key.public]}), key))
    assert "form" in broken(found)


# the verifier that has nothing of ours


def test_the_shipped_verifier_finds_all_that_holds(certified, told, tale, key, tmp_path):
    done = alone(certified, tmp_path, "--key", key.public, "--model-dir", str(tale.folder_of(told)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "everything holds"
    assert "the file model/model.skops is the certified one" in done.stdout


@pytest.mark.parametrize("name", ["the reason", "the policy", "the evidence", "a model file", "a way to the root"])
def test_the_shipped_verifier_finds_a_change(certified, key, tmp_path, name):
    done = alone(sealed_again(certified, CHANGES[name][0], key), tmp_path)
    assert done.returncode == 1
    assert "NO" in done.stdout


def test_both_verifiers_agree_on_every_change(certified, key):
    """Neither finds whole what the other finds spoiled."""
    import runpy

    shipped = runpy.run_path(str(VERIFIER))["checks"]
    for name, (change, _) in CHANGES.items():
        spoiled = sealed_again(certified, change, key)
        try:
            theirs = all(held is not False for held, _ in shipped(spoiled, [key.public], None))
        except (KeyError, ValueError, TypeError):
            theirs = False
        if name in {"a short digest", "another place", "a field more"} and theirs:
            continue  # it reads none of these
        assert not theirs, name
