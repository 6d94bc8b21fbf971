"""What was filled in last is there again, whole or not at all."""

import json
import os
from pathlib import Path

import pytest

from workbench.batch.drafts import FOLDER, keep_draft, read_draft
from workbench.errors import EngineError


@pytest.fixture
def notebook(tmp_path):
    return tmp_path / "notebooks" / "ab_test.ipynb"


def test_it_is_read_as_it_was_kept(tmp_path, notebook):
    keep_draft(tmp_path, notebook, {"seed": "7", "name": "Prüfung"})
    assert read_draft(tmp_path, notebook) == {"seed": "7", "name": "Prüfung"}


def test_there_is_none_to_begin_with(tmp_path, notebook):
    assert read_draft(tmp_path, notebook) == {}


def test_notebooks_of_one_name_in_two_folders_have_one_each(tmp_path, notebook):
    keep_draft(tmp_path, notebook, {"seed": "7"})
    keep_draft(tmp_path, tmp_path / "other" / "ab_test.ipynb", {"seed": "8"})
    assert read_draft(tmp_path, notebook) == {"seed": "7"}


def test_a_workspace_that_was_moved_keeps_them(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    keep_draft(old, old / "notebooks" / "a.ipynb", {"seed": "7"})
    old.rename(new)
    assert read_draft(new, new / "notebooks" / "a.ipynb") == {"seed": "7"}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"seed": 7}', "[" * 100_000])
def test_what_cannot_be_read_is_none(tmp_path, notebook, text):
    keep_draft(tmp_path, notebook, {"seed": "7"})
    next((tmp_path / FOLDER).glob("*.json")).write_text(text)
    assert read_draft(tmp_path, notebook) == {}


@pytest.mark.parametrize("name", ["../../evil", "a/b", "<img>", "実験", "x" * 300])
def test_no_name_leads_out_of_its_folder(tmp_path, name):
    keep_draft(tmp_path, Path(f"{name}.ipynb"), {})
    (kept,) = tmp_path.rglob("*.json")
    assert kept.parent == tmp_path / FOLDER


def test_it_is_for_this_user_alone(tmp_path, notebook):
    keep_draft(tmp_path, notebook, {"seed": "7"})
    assert (tmp_path / FOLDER).stat().st_mode & 0o777 == 0o700


def test_a_kill_while_it_is_written_leaves_the_one_before(tmp_path, notebook, monkeypatch):
    keep_draft(tmp_path, notebook, {"seed": "7"})

    def killed(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        keep_draft(tmp_path, notebook, {"seed": "8"})
    assert read_draft(tmp_path, notebook) == {"seed": "7"}
    assert json.loads(next((tmp_path / FOLDER).glob("ab_test-*.json")).read_text()) == {"seed": "7"}


def test_a_workspace_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        keep_draft(tmp_path / "file", Path("a.ipynb"), {})
