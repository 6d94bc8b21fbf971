"""A model file that is swapped after approval is refused by name, even when the ledger was made to agree."""

import json
import runpy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bench import open_bench
from workbench.data.digests import digest_folder
from workbench.errors import EngineError

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    return TOLD.tell(tmp_path_factory.mktemp("told") / "w")


@pytest.fixture
def bench(told, tmp_path):
    with open_bench(TOLD.copied(told, tmp_path / "w")) as opened:
        yield opened


def test_what_was_signed_is_found(bench):
    assert bench.store.folder(bench.version("lending", 1)) == TOLD.folder_of(bench.root)


def test_a_swapped_file_is_named_and_not_loaded(bench):
    (TOLD.folder_of(bench.root) / "model" / "model.skops").write_bytes(b"another")
    with pytest.raises(EngineError, match=r"lending/1 are not those that were registered.*changed: model/model.skops"):
        bench.store.load(bench.version("lending", 1))


def test_a_swapped_file_with_its_digest_put_into_the_ledger_is_refused_too(bench):
    folder = TOLD.folder_of(bench.root)
    (folder / "model" / "model.skops").write_bytes(b"another")
    forged = replace(bench.version("lending", 1), model_digest=digest_folder(folder))
    with pytest.raises(EngineError, match="lending/1 is not loaded: what was signed is another model digest"):
        bench.store.load(forged)


def test_a_signature_that_was_taken_away_is_missed(bench):
    folder = TOLD.folder_of(bench.root)
    folder.with_name("lending.signature.json").unlink()
    with pytest.raises(EngineError, match="its files are not signed"):
        bench.store.folder(bench.version("lending", 1))


def test_a_version_that_is_older_than_the_key_is_held_to_its_digest_alone(tmp_path):
    from workbench.bench import create

    create(tmp_path / "w")
    folder = TOLD.folder_of(tmp_path / "w", "old")
    folder.mkdir(parents=True)
    (folder / "model.skops").write_bytes(b"weights")
    with open_bench(tmp_path / "w") as bench:
        body = {
            "model": "lending", "version": 1, "run_id": "old", "source": "runs:/old/models/lending",
            "model_digest": digest_folder(folder), "data_digest": "d", "feature_set": "f", "notebook_digest": "n",
            "threshold": None, "parameters": {}, "metrics": {}, "registered_at": "2026-01-01T00:00:00+00:00",
            "registered_by": "analyst",
        }  # fmt: skip
        TOLD.append(bench, "version.registered", "lending/1", "old", body)
        assert bench.signing_key.public
        assert bench.store.folder(bench.version("lending", 1)) == folder
        TOLD.append(bench, "version.registered", "lending/2", "new", body | {"version": 2})
        with pytest.raises(EngineError, match="lending/2 is not loaded: its files are not signed"):
            bench.store.folder(bench.version("lending", 2))


def test_after_a_rotation_old_signatures_still_count(bench):
    bench.ledger.rotate_key(actor="admin", why="a year has passed", now=bench.now())
    assert bench.store.folder(bench.version("lending", 1))
    made = bench.papers.certificate("lending", 1)
    from workbench.evidence.checking import check

    known = bench.ledger.keys()
    assert len(known) == 2
    for key in known:
        found = check(json.loads(json.dumps(made)), keys=[key.public])
        assert [one.what for one in found if one.held is False] == []


WAYS = {
    "the estimator in a notebook": lambda bench: bench.model("lending", 1),
    "its profile": lambda bench: bench.profile("lending", 1),
    "the compiled form": lambda bench: bench.compile("lending", 1),
    "the gateway": lambda bench: bench.lanes.load(bench.version("lending", 1)),
    "the store": lambda bench: bench.store.load(bench.version("lending", 1)),
    "a certificate": lambda bench: bench.papers.certificate("lending", 1),
}
ATTACKS = {
    "swapped": lambda folder: (folder / "model" / "model.skops").write_bytes(b"another"),
    "added": lambda folder: (folder / "model" / "run.py").write_text("import os"),
    "a flavor": lambda folder: (folder / "model" / "MLmodel").write_text("flavors: {python_function: {}}"),
    "a link": lambda folder: ((folder / "model" / "model.skops").unlink(),
                              (folder / "model" / "model.skops").symlink_to("/etc/passwd")),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_way_of_loading_takes_files_that_changed_after_approval(bench, way, attack):
    ATTACKS[attack](TOLD.folder_of(bench.root))
    with pytest.raises(EngineError, match="lending/1"):
        WAYS[way](bench)


def test_a_signature_in_which_a_name_stands_twice_is_refused(bench):
    file = TOLD.folder_of(bench.root).with_name("lending.signature.json")
    file.write_text(file.read_text().replace('"payload":', '"payload": "e30=", "payload":', 1))
    with pytest.raises(EngineError, match="stands twice"):
        bench.store.folder(bench.version("lending", 1))
