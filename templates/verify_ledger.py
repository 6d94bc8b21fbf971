"""Check an exported ledger without the workbench: Python 3.11 or newer and the package `cryptography`.

    python verify_ledger.py ledger.jsonl [--witness witness.txt] [--proof proof.json] [--key KEY_ID]

Follows the chain of hashes, rebuilds the Merkle tree of RFC 6962, follows the keys, checks that each move of a
model rests on a decision that allows it and was sealed by the key which held, checks every checkpoint (C2SP
tlog-checkpoint, Ed25519), and holds what the registry was owed against the entries that caused it. Give
`--witness` for checkpoints that you kept yourself, `--proof` for the proof that an entry is included, `--key` for
the id of the first key as you were told it by other means. Says what holds and ends
with 0, or names what does not and ends with 1.
"""

import argparse
import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FIELDS = ("actor", "at", "body", "key", "kind", "prev", "seq", "subject", "why")

ALIAS = "mlflow-alias"  # whom an effect of a slot that moved or was repaired is owed to
MOVES = ("promotion.granted", "rollback.granted", "stage.granted", "stage.cleared")


def refuse(words):
    """End with what is wrong; nothing that a terminal would obey."""
    sys.exit("".join(sign if sign.isprintable() else " " for sign in words))


def each_once(pairs):
    if len(dict(pairs)) < len(pairs):
        refuse(f"a name stands twice in one object, of {', '.join(name for name, _ in pairs)}: readers differ on it")
    return dict(pairs)


def canonical(value):
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def roots_of(leaves, sizes):
    """The roots of RFC 6962, section 2.1, at some sizes, by a stack of perfect subtrees."""
    stack, roots = [], {0: sha256()}
    for size, leaf in enumerate(leaves, start=1):
        stack.append((1, leaf))
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (span, right), (_, left) = stack.pop(), stack.pop()
            stack.append((2 * span, sha256(b"\1", left, right)))
        if size in sizes:
            roots[size] = stack[-1][1]
            for _, left in reversed(stack[:-1]):
                roots[size] = sha256(b"\1", left, roots[size])
    return roots


def signed(public, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(public)).verify(base64.b64decode(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def key_id(public):
    return hashlib.sha256(base64.b64decode(public)).hexdigest()[:32]


def follow(entries):
    """The leaves of the tree, and the keys with the entry that brought each."""
    tip, leaves, keys, moved = "0" * 64, [], [], {}
    for number, entry in enumerate(entries, start=1):
        content = canonical({field: entry[field] for field in FIELDS})
        if entry["seq"] != number:
            refuse(f"entry {entry['seq']} stands where number {number} was due")
        if hashlib.sha256(content).hexdigest() != entry["hash"]:
            refuse(f"entry {number} was changed: its content does not have its hash")
        if entry["prev"] != tip:
            refuse(f"entry {number} does not follow entry {number - 1}")
        tip = entry["hash"]
        leaves.append(sha256(b"\0", content))
        if entry["kind"] in ("key.created", "key.rotated"):
            keys.append((number, next_key(keys, entry)))
        elif entry["kind"] in (*MOVES, "version.retired"):
            check_move(entry, moved)
            check_seal(entry, keys[-1][1] if keys else {})
    return leaves, keys


def next_key(keys, entry):
    told = {name: value for name, value in entry["body"].items() if name != "signatures"}
    before = keys[-1][1] if keys else None
    message = b"workbench " + entry["kind"].encode() + b"\0" + canonical(told)
    signers = [told["public"]] + ([before["public"]] if before else [])
    origin = before["origin"] if before else f"workbench-ledger/{key_id(told['public'])}"
    sound = (entry["kind"] == "key.created") == (before is None) and told["origin"] == origin
    if not sound or not all(signed(s, message, entry["body"]["signatures"].get(key_id(s), "")) for s in signers):
        refuse(f"entry {entry['seq']} brings a key that is not signed as it must be")
    if told.get("seals_after", entry["prev"]) != entry["prev"]:
        refuse(f"entry {entry['seq']} brings a key behind another entry than it was signed for")
    if before and "seals_after" in before and "seals_after" not in told:
        refuse(f"entry {entry['seq']} brings a key that takes back that moves are sealed")
    return told


def check_move(entry, moved):
    """Each rests on a decision that allows it, made of the very input and policy that it keeps, and is the next one."""
    body, name = entry["body"], f"entry {entry['seq']} moves {entry['subject']}"
    decision = body["decision"]
    if decision["decision"] != "allow":
        refuse(f"{name} without a decision that allows it")
    if "input" in body and decision.get("input_digest") not in (None, sha256(canonical(body["input"])).hex()):
        refuse(f"{name} on an input that is not the one it keeps")
    if "policy_source" in body and decision.get("policy_digest") not in (
        None,
        sha256(body["policy_source"].encode()).hex(),
    ):
        refuse(f"{name} on a policy that is not the one it keeps")
    if entry["kind"] in MOVES:
        place = entry["subject"].rpartition("/")[0], body.get("slot", "champion")
        due = moved[place] = moved.get(place, 0) + 1
        if body["generation"] != due:
            refuse(f"{name} to generation {body['generation']}; it had to be {due}")


def check_seal(entry, key):
    """From a key on that says so, each move is signed in its place: all its fields, its number and what it follows."""
    seal = entry["body"].get("seal")
    if seal is None and "seals_after" not in key:
        return
    bare = {name: value for name, value in entry["body"].items() if name != "seal"}
    message = b"workbench grant\0" + canonical({**{field: entry[field] for field in FIELDS}, "body": bare})
    sealed = seal and "seals_after" in key and seal["key"] == key["key_id"]
    if not sealed or not signed(key["public"], message, seal["signature"]):
        refuse(f"entry {entry['seq']} moves {entry['subject']} without the seal of the ledger's key")


def check(what, note, roots, keys, count):
    origin, size, root, _, line = note.split("\n")[:5]
    held = [key for since, key in keys if since <= int(size)]
    if not held or origin != held[-1]["origin"]:
        refuse(f"{what}: the checkpoint of {size} entries is of {origin}, another ledger or one made anew")
    mark = base64.b64decode(line.rsplit(" ", 1)[1])
    hint = sha256(origin.encode(), b"\n\1", base64.b64decode(held[-1]["public"]))[:4]
    body = f"{origin}\n{size}\n{root}\n".encode()
    if mark[:4] != hint or not signed(held[-1]["public"], body, base64.b64encode(mark[4:])):
        refuse(f"{what}: the signature of the checkpoint of {size} entries is not by the ledger's key")
    if int(size) > count:
        refuse(f"{what}: the ledger was cut: a checkpoint covers {size} entries, there are {count}")
    if roots[int(size)] != base64.b64decode(root):
        refuse(f"{what}: the first {size} entries are not those that the checkpoint was signed over")


def owed(effects, entries):
    """Every effect says what its entry moved or repaired, and nothing else; an older export has none."""
    for effect in effects:
        if not 0 < effect["seq"] <= len(entries):
            refuse(f"an effect is owed for entry {effect['seq']}, which is not there")
        entry, due = entries[effect["seq"] - 1], {}
        model, _, version = entry["subject"].rpartition("/")
        if entry["kind"] == "projection.repaired":
            due = {name: entry["body"][name] for name in ("alias", "version", "generation") if name in entry["body"]}
            due["model"] = entry["subject"]
        elif entry["kind"] in MOVES:
            due = {"model": model, "version": None if entry["kind"] == "stage.cleared" else int(version)}
            due |= {"alias": entry["body"].get("slot", "champion"), "generation": entry["body"].get("generation")}
        if effect.get("target", ALIAS) != ALIAS if due else effect.get("target") == ALIAS:
            refuse(f"effect {effect['id']} of entry {effect['seq']} is owed to {effect['target']}, which is not so")
        if {name: effect["payload"].get(name) for name in due} != due or (effect["payload"] and not due):
            refuse(f"effect {effect['id']} does not say what entry {effect['seq']} moved or repaired")


def included(proof, leaves):
    """RFC 9162, section 2.1.3.2, and that leaf and root are those of this ledger."""
    at, last = proof["index"], proof["size"] - 1
    found = leaf = bytes.fromhex(proof["leaf"])
    for beside in map(bytes.fromhex, proof["path"]):
        if at & 1 or at == last:
            found = sha256(b"\1", beside, found)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            found = sha256(b"\1", found, beside)
        at, last = at >> 1, last >> 1
    right = last == 0 and found.hex() == proof["root"] and proof["index"] == proof["seq"] - 1
    if not right or proof["index"] >= len(leaves) or leaves[proof["index"]] != leaf:
        refuse(f"the proof of entry {proof['seq']} does not hold")
    _, size, root = (proof["checkpoint"] or "\n0\n").split("\n")[:3]
    if int(size) != proof["size"] or base64.b64decode(root).hex() != proof["root"]:
        refuse(f"the proof of entry {proof['seq']} has no checkpoint of its own")


def witnessed(path):
    with open(path, encoding="utf-8") as file:
        seen = [line for line in file.read().split("\n") if line]
    if not seen or len(seen) % 4:
        refuse("the witness holds no whole checkpoint")
    for at in range(0, len(seen), 4):
        yield "\n".join([*seen[at : at + 3], "", seen[at + 3], ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export")
    parser.add_argument("--witness")
    parser.add_argument("--proof")
    parser.add_argument("--key")
    given = parser.parse_args()
    with open(given.export, encoding="utf-8", newline="\n") as file:
        lines = [json.loads(line, object_pairs_hook=each_once) for line in file]
    entries = [line for line in lines if "seq" in line]
    if not entries:
        refuse("there is no entry in it")
    leaves, keys = follow(entries)
    told = [line["key"] for line in lines if "seq" not in line and "key" in line]
    if told != [{**{n: key[n] for n in ("key_id", "public", "origin")}, "since": since} for since, key in keys]:
        refuse("the keys of the export are not those that its entries bring: it was cut, or changed")
    owed([line["effect"] for line in lines if "effect" in line], entries)
    if given.key and (not keys or key_id(keys[0][1]["public"]) != given.key):
        refuse(f"the first key of this ledger is not {given.key}")
    notes = [("export", line["checkpoint"]) for line in lines if "checkpoint" in line]
    proof = None
    if given.witness:
        notes += [("witness", note) for note in witnessed(given.witness)]
    if given.proof:
        with open(given.proof, encoding="utf-8") as file:
            proof = json.load(file)
        included(proof, leaves)
        notes.append(("proof", proof["checkpoint"]))
    sizes = {int(note.split("\n")[1]) for _, note in notes}
    roots = roots_of(leaves, sizes | {len(leaves)})
    for what, note in notes:
        check(what, note, roots, keys, len(leaves))
    print(f"{len(leaves)} entries hold, the first {max(sizes, default=0)} are signed; root {roots[len(leaves)].hex()}")
    print(f"first key: {key_id(keys[0][1]['public']) if keys else 'none'}")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        refuse(f"{error.filename} cannot be read: {error.strerror}")
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        refuse(f"this is no whole export: {type(error).__name__}: {error}")
