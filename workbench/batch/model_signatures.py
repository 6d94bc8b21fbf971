"""A model's files signed when they are registered, and the signature checked before they are loaded.

The signature is an in-toto statement in a DSSE envelope beside the model's folder, so that it travels with
the artifacts and can be checked without the workbench. It names every file and the digest of them all.
Whoever can change the files and the ledger, but lacks the key, cannot make one that fits.

    models/lending/                  the model's files
    models/lending.signature.json    what was signed of them
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.errors import EngineError
from workbench.ledger import ModelVersion
from workbench.ledger.dsse import Signer, opened, read_json, seal, signed_by, statement, subjects_of

MODEL_TYPE = "urn:workbench:model:v1"
SUFFIX = ".signature.json"


def sign_model(folder: Path, model: str, run_id: str, model_digest: str, key: Signer) -> Path:
    """Sign a model's files; the file beside the folder that says so.

    Raises:
        EngineError: The files are not those with this digest, or the signature cannot be written.
    """
    from workbench.data.digests import digest_of_files, file_digests

    files = file_digests(folder)
    if digest_of_files(files) != model_digest:
        raise EngineError(
            f"the files of {model} in {folder} changed since the notebook handed them over; they are not signed",
            hint="run the notebook again",
        )
    content = statement(files, MODEL_TYPE, {"model": model, "run_id": run_id, "model_digest": model_digest})
    path = signature_of(folder)
    try:
        path.write_text(json.dumps(seal(content, key), indent=1), "utf-8")
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror}", hint="look at free space") from error
    return path


def signature_of(folder: Path) -> Path:
    """Where the signature of a model's folder lies."""
    return folder.with_name(f"{folder.name}{SUFFIX}")


def check_model(signature: Path, version: ModelVersion, keys: Sequence[str]) -> None:
    """See that a model's files are signed by one of some keys, as this version.

    The digest of the files was compared with the ledger's before; here the ledger's is compared with what was
    signed, which costs one small file and one signature.

    Raises:
        EngineError: They are not; the message says why.
    """
    content = _read(signature, version, keys)
    told = content.get("predicate")
    said = told if isinstance(told, dict) else {}
    expected = {"model": version.model, "run_id": version.run_id, "model_digest": version.model_digest}
    wrong = [name for name, value in expected.items() if said.get(name) != value]
    if content.get("predicateType") != MODEL_TYPE or wrong:
        _refuse(version, f"what was signed is another {(wrong or ['statement'])[0].replace('_', ' ')}")


def swapped(folder: Path, signature: Path, version: ModelVersion, keys: Sequence[str]) -> str:
    """What differs between a model's files and what was signed of them, in words; empty where it cannot be told."""
    from workbench.data.digests import file_digests

    try:
        signed, found = subjects_of(_read(signature, version, keys)), file_digests(folder)
    except (EngineError, ValueError):
        return ""
    words = {
        "changed": [name for name in signed if name in found and found[name] != signed[name]],
        "missing": [name for name in signed if name not in found],
        "added": [name for name in found if name not in signed],
    }
    return "; ".join(f"{word}: {', '.join(names[:5])}" for word, names in words.items() if names)


def _read(path: Path, version: ModelVersion, keys: Sequence[str]) -> dict[str, Any]:
    try:
        envelope = read_json(path.read_text("utf-8"))
        content = opened(envelope)
    except FileNotFoundError:
        _refuse(version, "its files are not signed")
    except (OSError, ValueError) as error:
        _refuse(version, f"its signature cannot be read: {error}")
    if signed_by(envelope, keys) is None:
        _refuse(version, "its signature is not by a key of this workspace")
    return content


def _refuse(version: ModelVersion, why: str) -> Any:
    raise EngineError(
        f"{version.subject} is not loaded: {why}",
        hint="restore its artifacts from a backup, or train and register it again",
    )
