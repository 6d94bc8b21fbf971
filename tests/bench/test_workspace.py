"""A workspace is made whole or not at all, and found from within."""

import os

import pytest

from workbench import open_bench
from workbench.bench import Settings, create, find, shipped
from workbench.bench.settings import read_settings, written
from workbench.errors import EngineError, Misuse


def test_a_new_workspace_has_settings_policies_and_reports(tmp_path):
    assert create(tmp_path / "w")
    assert read_settings(tmp_path / "w") == Settings()
    assert (tmp_path / "w" / "policies" / "promotion.rego").is_file()
    assert (tmp_path / "w" / "reports" / "runs").is_dir()


def test_making_it_again_changes_nothing_of_the_users(tmp_path):
    create(tmp_path)
    (tmp_path / "policies" / "promotion.rego").write_text("package mine\n")
    (tmp_path / "workbench.toml").write_text("policy_seconds = 2\n")
    assert not create(tmp_path)
    assert (tmp_path / "policies" / "promotion.rego").read_text() == "package mine\n"
    assert read_settings(tmp_path).policy_seconds == 2.0


def test_one_that_was_begun_is_completed(tmp_path):
    """A kill before the settings are written leaves no workspace; the next start makes it."""
    (tmp_path / "policies").mkdir()
    assert create(tmp_path)
    assert (tmp_path / "policies" / "rollback.rego").is_file()


def test_a_policy_of_ones_own_is_given_no_cases_of_the_shipped_one(tmp_path):
    """Nor is one of an earlier release, which its later cases would fail."""
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "promotion.rego").write_text("package promotion\n\nallow := false\n")
    create(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert not {"promotion_cases.json", "promotion_test.rego"} & names
    assert {"stage.rego", "stage_cases.json", "stage_test.rego"} <= names


def test_it_is_found_from_a_folder_inside(tmp_path):
    create(tmp_path)
    assert find(tmp_path / "reports" / "runs") == tmp_path.resolve()


def test_no_workspace_is_said_with_the_way_out(tmp_path):
    with pytest.raises(Misuse, match="lies in no workspace") as caught:
        open_bench(tmp_path)
    assert "workbench init" in caught.value.hint


def test_a_folder_inside_a_workspace_is_not_taken_for_one(tmp_path):
    create(tmp_path)
    with pytest.raises(Misuse, match="is no workspace") as caught:
        open_bench(tmp_path / "reports")
    assert caught.value.hint == f"--workspace {tmp_path.resolve()}"


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="cannot be written"):
        create(tmp_path / "file" / "w")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_said(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(EngineError, match="cannot be written"):
        create(tmp_path / "w")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ledgr = 'x'", "ledgr"),
        ("policy_seconds = 'soon'", "a number above 0"),
        ("policy_seconds = -1", "a number above 0"),
        ("policy_seconds = true", "a number above 0"),
        ("page_kernels = 1.5", "a whole number above 0"),
        ("page_kernels = 0", "a whole number above 0"),
        ("page_kernels = true", "a whole number above 0"),
        ("ledger = 3", "a text that is not empty"),
        ("ledger = ", "cannot be read as TOML"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, text, said):
    create(tmp_path)
    (tmp_path / "workbench.toml").write_text(text)
    with pytest.raises(Misuse, match=said):
        read_settings(tmp_path)


def test_settings_are_read_as_they_were_written(tmp_path):
    settings = Settings(policy_seconds=1.5, artifacts="models")
    (tmp_path / "workbench.toml").write_text(written(settings))
    assert read_settings(tmp_path) == settings


def test_an_unknown_notebook_is_answered_with_the_known_ones(tmp_path):
    create(tmp_path)
    with open_bench(tmp_path) as bench, pytest.raises(Misuse, match="there is no notebook 'nope'") as caught:
        bench.run("nope")
    assert "ab_test" in caught.value.hint


def test_shipped_folders_are_there():
    assert (shipped("notebooks") / "ab_test.ipynb").is_file()
    assert (shipped("templates") / "policies").is_dir()
