"""A certificate checked: each thing it claims, held or not, in words; offline, with no workspace.

Whatever is wrong is named, and everything else is still looked at. A check that could not be made is
neither held nor broken, and says what it would take.

Rules: pure, no IO; nothing in a certificate is believed before it was compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workbench.data.digests import digest_of_files
from workbench.evidence.certificate import PREDICATE, Grounds, summary
from workbench.ledger import Entry, digest
from workbench.ledger.checkpoints import read_note
from workbench.ledger.dsse import opened, signed_by, subjects_of
from workbench.ledger.entry import chained
from workbench.ledger.keys import known_keys
from workbench.ledger.proofs import Inclusion
from workbench.ledger.seals import SEAL, unsealed_among
from workbench.ledger.signing import key_id, to_sign, verify_signature

GIVEN = "approval.given"  # the kind of an entry by which a person says yes
Redecide = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]  # name, source, input → decision


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    what: str
    held: bool | None  # None: could not be checked
    words: str

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"what": self.what, "held": self.held, "words": self.words}


def check(
    envelope: Any,
    *,
    keys: Sequence[str] = (),
    files: Mapping[str, str] | None = None,
    redecide: Redecide | None = None,
) -> list[Check]:
    """Everything that a certificate claims, looked at one by one.

    Args:
        envelope: The certificate as it was read.
        keys: Public keys that are trusted; without one, those that the certificate brings are taken, and that is said.
        files: SHA-256 of the model's files by name, where they are at hand.
        redecide: Asks the policy again, where its engine is at hand.
    """
    try:
        content = opened(envelope)
        told = content["predicate"]
        if content.get("predicateType") != PREDICATE or not isinstance(told, dict):
            return [Check("form", False, f"its predicate is {content.get('predicateType')!r}, not {PREDICATE}")]
    except (ValueError, KeyError, RecursionError) as error:
        return [Check("form", False, str(error))]
    found = [Check("form", True, "an in-toto statement about a promotion, in a DSSE envelope")]
    try:
        trusted = _trusted(told, keys)
        found += _signature(envelope, trusted, bool(keys))
        if any(one.held is False for one in found):
            redecide = None  # rules that nobody signed are not run
        found += _content(content, told, trusted, files, redecide)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        found.append(Check("form", False, f"it is not written as a certificate is: {type(error).__name__}: {error}"))
    return found


def _trusted(told: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    """The keys that count: those given, with all that the ledger's rotations bind to them; else all that it brings."""
    if not keys:
        return [key for key in told.get("keys", ()) if isinstance(key, str)]
    named = set(told["roles"].get("keys", ()))
    try:
        chain = known_keys(_entry(one["entry"]) for one in told["entries"] if one["entry"]["seq"] in named)
    except ValueError:
        return list(keys)  # a rotation that is not sound binds nothing
    bound = [key.public for key in chain]
    return list(dict.fromkeys([*keys, *(bound if set(keys) & set(bound) else ())]))


def _signature(envelope: Any, trusted: Sequence[str], given: bool) -> Iterator[Check]:
    by = signed_by(envelope, trusted)
    if by is None:
        whose = "the given key" if given else "any key that it names"
        yield Check("signature", False, f"it is not signed by {whose}: it was changed, or is somebody else's")
    elif given:
        yield Check("signature", True, f"signed by the given key {key_id(by)}")
    else:
        yield Check("signature", True, f"signed by the key {key_id(by)}, which it brings along")
        yield Check("whose key", None, f"whether {key_id(by)} is the company's: give its public key with --key")


def _content(
    content: Mapping[str, Any],
    told: Mapping[str, Any],
    trusted: Sequence[str],
    files: Mapping[str, str] | None,
    redecide: Redecide | None,
) -> Iterator[Check]:
    entries = {one["entry"]["seq"]: _entry(one["entry"]) for one in told["entries"]}
    changed = [words for one in told["entries"] if (words := _changed(one["entry"]))]
    words = f"{len(entries)} entries of the ledger, each with the content that its hash covers"
    yield Check("entries", not changed, "; ".join(changed) or words)
    yield from _included(told, entries, trusted)
    found = _grounds(told["roles"], entries)
    yield from _subject(told, found)
    yield from _seal(found)
    yield from _files(content, found, files)
    yield from _policy(found, redecide)
    yield from _evidence(found)
    yield from _approvals(found, trusted)
    yield from _training(found)
    wrong = [name for name, value in summary(found).items() if told["digests"].get(name) != value]
    words = f"the digests told in short differ from the entries': {', '.join(wrong)}" if wrong else ""
    yield Check("digests", not wrong, words or "the digests told in short are those of the entries")


def _changed(told: Mapping[str, Any]) -> str:
    """What is wrong with an entry as it was read, in words; empty where it is as the ledger wrote it."""
    try:
        same = Entry.from_dict(told).as_dict() == told
    except ValueError as error:
        return str(error)
    return "" if same else f"entry {told['seq']} is spelled in another way than the ledger writes"


def _included(told: Mapping[str, Any], entries: Mapping[int, Entry], trusted: Sequence[str]) -> Iterator[Check]:
    note = told["checkpoint"]
    checkpoint = read_note(note)
    by = next((key for key in trusted if checkpoint.signed_by(key)), None)
    words = f"the checkpoint of {checkpoint.origin} over {checkpoint.size} entries is signed by "
    yield Check("checkpoint", by is not None, f"{words}{key_id(by)}" if by else f"{words}no key that is trusted")
    wrong = []
    for one in told["entries"]:
        entry = entries[one["entry"]["seq"]]
        if not Inclusion.read({**one["inclusion"], "checkpoint": note}).holds(entry):
            wrong.append(f"entry {entry.seq} ({entry.kind}) does not stand in the ledger of the checkpoint")
    yield Check("inclusion", not wrong, "; ".join(wrong) or "every entry stands in the ledger of that checkpoint")


def _entry(told: Mapping[str, Any]) -> Entry:
    return chained(
        seq=told["seq"],
        at=datetime.fromisoformat(told["at"]),
        kind=told["kind"],
        subject=told["subject"],
        actor=told["actor"],
        why=told["why"],
        body=told["body"],
        key=told["key"],
        prev=told["prev"],
    )


def _grounds(roles: Mapping[str, Any], entries: Mapping[int, Entry]) -> Grounds:
    return Grounds(
        registered=entries[roles["registered"]],
        trained=entries[roles["trained"]] if roles.get("trained") else None,
        decision=entries[roles["decision"]],
        evidence=tuple(entries[seq] for seq in roles["evidence"]),
        audits=tuple(entries[seq] for seq in roles["audits"]),
        approvals=tuple(entries[seq] for seq in roles["approvals"]),
        keys=tuple(entries[seq] for seq in roles.get("keys", ())),
    )


def _subject(told: Mapping[str, Any], found: Grounds) -> Iterator[Check]:
    subject = f"{told['model']}/{told['version']}"
    decision, candidate = found.decision, found.decision.body["input"]["candidate"]
    registered = found.registered.body
    wrong = []
    if found.registered.kind != "version.registered" or found.registered.subject != subject:
        wrong.append("the registration is another version's")
    if decision.subject != subject or not decision.kind.endswith(".granted"):
        wrong.append("the decision is another's, or was not granted")
    if decision.body["decision"].get("decision") != "allow":
        wrong.append("the policy did not allow it")
    if decision.seq <= found.registered.seq:
        wrong.append("it was decided before it was registered")
    judged = [name for name in ("run_id", "model_digest", "data_digest", "feature_set") if name in candidate]
    other = [name.replace("_", " ") for name in judged if candidate[name] != registered.get(name)]
    wrong += [f"the {name} that was judged is not the registered one" for name in other]
    said = f"{subject} was registered in entry {found.registered.seq} and granted in entry {decision.seq} "
    yield Check("decision", not wrong, "; ".join(wrong) or f"{said}by {decision.actor}: {decision.why}")


def _seal(found: Grounds) -> Iterator[Check]:
    try:
        wrong = unsealed_among(found.all).get(found.decision.seq, ())
    except ValueError as error:
        wrong = (str(error),)
    if wrong:
        yield Check("seal", False, "; ".join(wrong))
    elif SEAL in found.decision.body:
        yield Check("seal", True, f"the ledger's key sealed entry {found.decision.seq} in its place")
    else:
        yield Check("seal", None, "the decision is of a ledger that did not seal its moves then")


def _files(content: Mapping[str, Any], found: Grounds, files: Mapping[str, str] | None) -> Iterator[Check]:
    signed = subjects_of(content)
    same = digest_of_files(signed) == found.registered.body["model_digest"]
    words = f"its {len(signed)} files make up the model digest that was registered and judged"
    yield Check("model", same, words if same else "the files it lists do not make up the registered model digest")
    if files is None:
        yield Check("model files", None, "the files themselves: give their folder with --model-dir")
        return
    wrong = [f"{name} was changed" for name, value in signed.items() if name in files and files[name] != value]
    wrong += [f"{name} is missing" for name in signed if name not in files]
    wrong += [f"{name} was added" for name in files if name not in signed]
    yield Check("model files", not wrong, "; ".join(wrong) or f"all {len(signed)} files are the certified ones")


def _policy(found: Grounds, redecide: Redecide | None) -> Iterator[Check]:
    body = found.decision.body
    judged, source, document = body["decision"], body["policy_source"], body["input"]
    same = hashlib.sha256(source.encode()).hexdigest() == judged["policy_digest"]
    words = f"the text of the policy {judged['policy']!r} is the one that decided"
    yield Check(
        "policy", same, words if same else f"the text of the policy {judged['policy']!r} is not the one that decided"
    )
    same = digest(document) == judged["input_digest"]
    yield Check("input", same, f"what the policy was told is {'' if same else 'not '}what the decision names")
    if redecide is None:
        words = "the policy was not asked again: that takes a signature that holds, and an engine for policies"
        yield Check("decided again", None, words)
        return
    again = redecide(judged["policy"], source, document)
    same = again.get("decision") == judged["decision"] and again.get("reasons") == judged["reasons"]
    said = f"asked again, the policy says {again.get('decision')}"
    yield Check("decided again", same, said if same else f"{said}, and not what is recorded: {judged['decision']}")


def _evidence(found: Grounds) -> Iterator[Check]:
    told = {entry.body["digest"]: entry for entry in found.evidence}
    wrong = []
    for name, entry in told.items():
        if digest({key: value for key, value in entry.body.items() if key != "digest"}) != name:
            wrong.append(f"the {entry.body.get('kind')} evidence in entry {entry.seq} does not have its digest")
        if entry.subject != found.registered.subject:
            wrong.append(f"the evidence in entry {entry.seq} is about {entry.subject}")
    weighed = {kind: said["digest"] for kind, said in found.decision.body["input"]["evidence"].items()}
    wrong += [
        f"the {kind} evidence that was weighed is not in it" for kind, name in weighed.items() if name not in told
    ]
    wrong += [f"entry {e.seq} was not weighed" for name, e in told.items() if name not in weighed.values()]
    kinds = ", ".join(f"{entry.body['kind']}: {entry.body['verdict']}" for entry in told.values())
    yield Check(
        "evidence", not wrong, "; ".join(wrong) or f"the evidence that was weighed is whole ({kinds or 'none'})"
    )


def _approvals(found: Grounds, trusted: Sequence[str]) -> Iterator[Check]:
    named, question = set(found.decision.body.get("approvals") or ()), found.decision.body.get("question")
    weighed = [one.get("by") for one in found.decision.body["input"].get("approvals") or ()]
    yes = [(entry.body.get("approval") or {}).get("by") for entry in found.approvals]
    if not named and not weighed:
        yield Check("approvals", True, "the decision asked for no approval of a person")
        return
    wrong = [f"approval {seq} is not in it" for seq in sorted(named - {entry.seq for entry in found.approvals})]
    wrong += [f"the approval of {name} that was weighed is not in it" for name in weighed if name not in yes]
    wrong += [f"entry {entry.seq} is no approval: {entry.kind}" for entry in found.approvals if entry.kind != GIVEN]
    wrong += [f"{name} is counted more than once" for name in sorted({str(n) for n in yes if yes.count(n) > 1})]
    for entry in found.approvals:
        given, signature = entry.body.get("approval"), entry.body.get("signature") or {}
        public, signed = signature.get("public"), signature.get("signature")
        if entry.body.get("digest") != question or not isinstance(given, dict) or given.get("question") != question:
            wrong.append(f"the approval in entry {entry.seq} is about another question")
        elif public not in trusted or not verify_signature(str(public), to_sign("approval", given), str(signed)):
            wrong.append(f"the approval in entry {entry.seq} is not signed by a trusted key")
    who = ", ".join(entry.actor for entry in found.approvals)
    yield Check("approvals", not wrong, "; ".join(wrong) or f"approved by {who}, each signed over this very question")


def _training(found: Grounds) -> Iterator[Check]:
    if found.trained is None:
        yield Check("training", None, "the run that trained it is not in the ledger")
        return
    run, registered = found.trained, found.registered.body
    wrong = []
    if run.subject != f"run/{registered['run_id']}":
        wrong.append("the run is not the one that trained it")
    if run.body.get("notebook_digest") != registered["notebook_digest"]:
        wrong.append("the notebook is not the one that was registered")
    read = {one["digest"] for one in run.body.get("data", ())}
    if registered["data_digest"] not in read:
        wrong.append("the run did not read the data that was registered")
    words = f"trained by the notebook {run.body.get('name')!r} on data that the run read"
    yield Check("training", not wrong, "; ".join(wrong) or words)
