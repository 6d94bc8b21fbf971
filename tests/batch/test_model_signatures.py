"""A model's files are signed when they are registered; swapped ones are refused by name, whoever changed the ledger."""

import json
import shutil

import pytest

from workbench.batch.model_signatures import check_model, sign_model, signature_of, swapped
from workbench.data.digests import digest_folder
from workbench.errors import EngineError
from workbench.ledger import ModelVersion
from workbench.ledger.signing import SigningKey


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return SigningKey.create(tmp_path_factory.mktemp("key") / "k")


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "models" / "lending"
    (made / "model").mkdir(parents=True)
    (made / "model" / "model.skops").write_bytes(b"weights")
    (made / "profile.json").write_text("{}")
    return made


def version(folder, **given):
    known = {
        "model": "lending", "version": 1, "run_id": "r", "source": "runs:/r/models/lending",
        "model_digest": digest_folder(folder), "data_digest": "d", "feature_set": "f@1", "notebook_digest": "n",
        "threshold": None, "parameters": {}, "metrics": {}, "registered_at": "2026-01-01T00:00:00+00:00",
        "registered_by": "analyst",
    }  # fmt: skip
    return ModelVersion(**{**known, **given})


def signed(folder, key):
    sign_model(folder, "lending", "r", digest_folder(folder), key)
    return signature_of(folder)


def test_files_that_were_signed_are_let_through(folder, key):
    check_model(signed(folder, key), version(folder), [key.public])


def test_the_signature_lies_beside_the_folder_and_not_in_it(folder, key):
    before = digest_folder(folder)
    assert signed(folder, key) == folder.with_name("lending.signature.json")
    assert digest_folder(folder) == before


def test_files_that_changed_since_they_were_handed_over_are_not_signed(folder, key):
    with pytest.raises(EngineError, match="changed since"):
        sign_model(folder, "lending", "r", "0" * 64, key)


def test_a_file_swapped_with_the_ledger_s_digest_changed_to_fit_is_refused(folder, key):
    """The digest in the ledger agrees; the signature does not."""
    path = signed(folder, key)
    (folder / "model" / "model.skops").write_bytes(b"another")
    with pytest.raises(EngineError, match="lending/1 is not loaded: what was signed is another model digest"):
        check_model(path, version(folder), [key.public])


def test_what_was_swapped_is_named(folder, key):
    known = version(folder)
    path = signed(folder, key)
    (folder / "model" / "model.skops").write_bytes(b"another")
    (folder / "profile.json").unlink()
    (folder / "run.py").write_text("import os")
    assert swapped(folder, path, known, [key.public]) == (
        "changed: model/model.skops; missing: profile.json; added: run.py"
    )


@pytest.mark.parametrize("other", [{"model": "pricing"}, {"run_id": "another"}])
def test_a_signature_of_another_model_or_run_is_refused(folder, key, other):
    path = signed(folder, key)
    with pytest.raises(EngineError, match="what was signed is another"):
        check_model(path, version(folder, **other), [key.public])


def test_a_signature_by_a_stranger_is_refused(folder, key, tmp_path):
    path = signed(folder, SigningKey.create(tmp_path / "stranger"))
    with pytest.raises(EngineError, match="not by a key of this workspace"):
        check_model(path, version(folder), [key.public])
    assert swapped(folder, path, version(folder), [key.public]) == ""


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"payload": 7}', "[" * 99_999])
def test_a_signature_that_cannot_be_read_is_refused(folder, key, text):
    path = signed(folder, key)
    path.write_text(text)
    with pytest.raises(EngineError, match="its signature cannot be read"):
        check_model(path, version(folder), [key.public])


def test_without_a_signature_nothing_is_loaded(folder, key):
    with pytest.raises(EngineError, match="not signed"):
        check_model(signature_of(folder), version(folder), [key.public])


def test_a_signature_moved_from_another_version_is_refused(folder, key, tmp_path):
    other = tmp_path / "models" / "other"
    shutil.copytree(folder, other)
    (other / "profile.json").write_text("[]")
    sign_model(other, "lending", "r2", digest_folder(other), key)
    signature_of(folder).write_text(json.dumps(json.loads(signature_of(other).read_text())))
    with pytest.raises(EngineError, match="another run id"):
        check_model(signature_of(folder), version(folder), [key.public])
