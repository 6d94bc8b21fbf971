#!/usr/bin/env python3
"""Checks a workbench certificate with nothing of the workbench: Python's standard library and `cryptography`.

    python verify_certificate.py CERTIFICATE [--key PUBLIC_KEY_IN_BASE64] [--model-dir FOLDER]

It says in words each thing that it checked, and exits with 0 where all held, with 1 where something did not.
What it checks: the envelope's signature (DSSE); that each entry of the ledger has the content its hash covers
and stands in the Merkle tree (RFC 6962) whose signed checkpoint the certificate carries; that the policy's
text, its input, the evidence and the approvals are those that the decision names; that the ledger's key sealed
the decision in its place; and the model's files.
"""

import argparse
import base64
import binascii
import hashlib
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:workbench:promotion:v1"
COVERED = ("seq", "at", "kind", "subject", "actor", "why", "body", "key", "prev")  # fields that an entry's hash covers


def spelled(value):
    """JSON in its one spelling: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def signed(public, message, signature):
    """Whether an Ed25519 key (base64) signed a message."""
    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError, TypeError, binascii.Error):
        return False
    return True


def key_id(public):
    return sha256(base64.b64decode(public))[:32]


def encoded(payload):
    """DSSE's pre-authentication encoding."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def in_tree(content, index, size, path, root):
    """Whether an entry's bytes stand at a place of a Merkle tree: RFC 9162, section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    found, at, last = hashlib.sha256(b"\0" + content).digest(), index, size - 1
    for beside in (bytes.fromhex(one) for one in path):
        if last == 0:
            return False
        if at & 1 or at == last:
            found = hashlib.sha256(b"\1" + beside + found).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + beside).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and found == root


def read_checkpoint(note, keys):
    """Size and root of a signed checkpoint, and whether one of the keys signed it."""
    body, _, line = note.partition("\n\n")
    origin, size, root = body.split("\n")
    name, signature = line.removeprefix("— ").rstrip("\n").split(" ")
    told = base64.b64decode(signature, validate=True)
    for public in keys:
        hint = hashlib.sha256(name.encode() + b"\n\x01" + base64.b64decode(public)).digest()[:4]
        if name == origin and told[:4] == hint and signed(public, f"{body}\n".encode(), base64.b64encode(told[4:])):
            return int(size), base64.b64decode(root, validate=True), True
    return int(size), base64.b64decode(root, validate=True), False


def followed(before, entry):
    """Whether an entry brings a ledger's key as it must: signed by itself and the key before it, in this place."""
    told = {name: value for name, value in entry["body"].items() if name != "signatures"}
    message = b"workbench " + entry["kind"].encode() + b"\0" + spelled(told)
    by = [told["public"]] + ([before["public"]] if before else [])
    first = entry["kind"] == "key.created" and told["origin"] == f"workbench-ledger/{key_id(told['public'])}"
    later = entry["kind"] == "key.rotated" and (told["origin"], told["follows"]) == (
        before.get("origin"),
        before.get("key_id"),
    )
    placed = told.get("seals_after", entry["prev"]) == entry["prev"]
    kept = "seals_after" in told or "seals_after" not in before
    named = told["key_id"] == key_id(told["public"])
    by_all = all(signed(public, message, entry["body"]["signatures"].get(key_id(public))) for public in by)
    return (later if before else first) and placed and kept and named and by_all


def sealed(entry, key):
    """Whether the ledger's key signed an entry in its place: all its fields, its number and what it follows."""
    seal = entry["body"].get("seal")
    bare = {name: value for name, value in entry["body"].items() if name != "seal"}
    message = b"workbench grant\0" + spelled({**{name: entry[name] for name in COVERED}, "body": bare})
    if not isinstance(seal, dict) or "seals_after" not in key or seal["key"] != key["key_id"]:
        return False
    return signed(key["public"], message, seal["signature"])


def digest_of_files(files):
    found = hashlib.sha256()
    for name, value in sorted(files.items()):
        found.update(len(name.encode()).to_bytes(8, "little") + name.encode() + bytes.fromhex(value))
    return found.hexdigest()


def read_json(text):
    """JSON in which no name stands twice, so that all readers find the same in it."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a name stands twice in one object")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


def checks(envelope, keys, folder):
    """Yields (held, words); held is None for what could not be checked."""
    payload = base64.b64decode(envelope["payload"], validate=True)
    content = read_json(payload)
    form = (envelope["payloadType"], content["_type"], content["predicateType"])
    yield form == (PAYLOAD_TYPE, STATEMENT, PREDICATE), "it is an in-toto statement about a promotion"
    told = content["predicate"]
    trusted = keys or told["keys"]
    by = [k for k in trusted for s in envelope["signatures"] if signed(k, encoded(payload), s["sig"])]
    yield bool(by), f"it is signed by the key {key_id(by[0])}" if by else "its signature"
    if not keys:
        yield None, "whose key that is: compare it with the company's, or give it with --key"

    entries = {}
    size, root, held = read_checkpoint(told["checkpoint"], trusted)
    yield held, f"the checkpoint over {size} entries is signed"
    for one in told["entries"]:
        entry, way = one["entry"], one["inclusion"]
        entries[entry["seq"]] = entry
        covered = spelled({name: entry[name] for name in COVERED})
        name = f"entry {entry['seq']} ({entry['kind']} {entry['subject']})"
        yield sha256(covered) == entry["hash"], f"{name} has the content that its hash covers"
        placed = way["size"] == size and in_tree(covered, entry["seq"] - 1, size, way["path"], root)
        yield placed, f"{name} stands in the ledger of the checkpoint"

    registered, decision = (entries[told["roles"][role]] for role in ("registered", "decision"))
    body, subject = decision["body"], f"{told['model']}/{told['version']}"
    granted = decision["kind"].endswith(".granted") and body["decision"]["decision"] == "allow"
    about = registered["kind"] == "version.registered" and registered["subject"] == decision["subject"] == subject
    yield granted and about, f"{subject} was granted by {decision['actor']}: {decision['why']}"
    candidate = body["input"]["candidate"]
    judged = all(candidate[name] == registered["body"][name] for name in ("run_id", "model_digest", "data_digest"))
    yield judged, "what was judged is what was registered"
    same = sha256(body["policy_source"].encode()) == body["decision"]["policy_digest"]
    yield same, f"the text of the policy {body['decision']['policy']!r} is the one that decided"
    yield (
        sha256(spelled(body["input"])) == body["decision"]["input_digest"],
        "what the policy was told is what it judged",
    )

    key = {}
    for brought in (entries[seq] for seq in sorted(told["roles"].get("keys", ())) if seq < decision["seq"]):
        sound = followed(key, brought)
        yield sound, f"the key {brought['body']['key_id']} was brought as keys must be"
        key = brought["body"] if sound else key
    if "seals_after" in key or "seal" in body:
        yield sealed(decision, key), "the ledger's key sealed the decision in its place"
    else:
        yield None, "the seal of the decision: its ledger did not seal moves then"

    evidence = [entries[seq] for seq in told["roles"]["evidence"]]
    for one in evidence:
        bare = {name: value for name, value in one["body"].items() if name != "digest"}
        whole = sha256(spelled(bare)) == one["body"]["digest"] and one["subject"] == subject
        yield whole, f"the {one['body']['kind']} evidence is whole and about {subject}: {one['body']['verdict']}"
    weighed = {finding["digest"] for finding in body["input"]["evidence"].values()}
    yield weighed == {one["body"]["digest"] for one in evidence}, "all evidence that was weighed is here, and no other"

    approvals = [entries[seq] for seq in told["roles"]["approvals"]]
    yield {one["seq"] for one in approvals} == set(body.get("approvals") or ()), "all approvals that counted are here"
    given_by = [one["body"]["approval"]["by"] for one in approvals]
    weighed = {one["by"] for one in body["input"].get("approvals") or ()}
    yield weighed <= set(given_by) and len(given_by) == len(set(given_by)), "each person weighed approved, and once"
    yield all(one["kind"] == "approval.given" for one in approvals), "each of them says yes"
    for one in approvals:
        given, signature = one["body"]["approval"], one["body"]["signature"]
        message = b"workbench approval\0" + spelled(given)
        held = signature["public"] in trusted and signed(signature["public"], message, signature["signature"])
        same = given["question"] == one["body"]["digest"] == body["question"]
        yield held and same, f"the approval by {one['actor']} is signed over this very question"

    files = {one["name"]: one["digest"]["sha256"] for one in content["subject"]}
    yield (
        digest_of_files(files) == registered["body"]["model_digest"],
        f"its {len(files)} files are the registered model",
    )
    if folder is None:
        yield None, "the model's files themselves: give their folder with --model-dir"
        return
    here = {p.relative_to(folder).as_posix(): sha256(p.read_bytes()) for p in folder.rglob("*") if p.is_file()}
    for name in sorted(files.keys() | here.keys()):
        yield files.get(name) == here.get(name), f"the file {name} is the certified one"


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("certificate", type=pathlib.Path)
    asked.add_argument("--key", action="append", default=[], help="trusted public key in base64; may be repeated")
    asked.add_argument("--model-dir", type=pathlib.Path, help="folder with the model's files")
    given = asked.parse_args()
    broken = 0
    try:
        for held, words in checks(read_json(given.certificate.read_text("utf-8")), given.key, given.model_dir):
            broken += held is False
            line = f"{'?' if held is None else 'ok' if held else 'NO':>2}  {words}"
            print("".join(sign if sign.isprintable() else " " for sign in line))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        broken += 1
        print(f"NO  it cannot be read as a certificate: {type(error).__name__}: {error}")
    print("everything holds" if not broken else f"{broken} of these do not hold")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
