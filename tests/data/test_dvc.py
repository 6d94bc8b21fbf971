"""What DVC tracks is read from its plain files; what cannot be read says nothing."""

import pytest

from workbench.data.dvc import Tracked, read_dvc_file, read_lock, tracked_by_dvc

BESIDE = "outs:\n- md5: 22a1a2931c8370d3aeedd7183606fd7f\n  size: 14445097\n  hash: md5\n  path: raw.csv\n"
LOCK = """
schema: '2.0'
stages:
  prepare:
    cmd: python prepare.py
    deps:
    - path: data/raw.csv
      hash: md5
      md5: 22a1a2931c8370d3aeedd7183606fd7f
      size: 14445097
    outs:
    - path: data/clean
      hash: md5
      md5: 153aad06d376b6595932470e459ef42a.dir
      size: 8437363
      nfiles: 2
"""


def test_a_file_is_found_by_the_dvc_file_beside_it(tmp_path):
    (tmp_path / "raw.csv.dvc").write_text(BESIDE)
    found = tracked_by_dvc(tmp_path / "raw.csv", tmp_path)
    assert found == Tracked("22a1a2931c8370d3aeedd7183606fd7f", 14445097)
    assert found.as_json() == {"md5": "22a1a2931c8370d3aeedd7183606fd7f", "size": 14445097}


def test_an_output_is_found_in_the_lock_with_the_stage_that_makes_it(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    found = tracked_by_dvc(tmp_path / "data" / "clean", tmp_path)
    assert found == Tracked("153aad06d376b6595932470e459ef42a.dir", 8437363, "prepare")
    assert tracked_by_dvc(tmp_path / "data" / "raw.csv", tmp_path).stage == ""
    assert tracked_by_dvc(tmp_path / "data" / "other.csv", tmp_path) is None


def test_nobody_looks_above_the_workspace(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK.replace("data/raw.csv", "w/data/raw.csv"))
    (tmp_path / "w").mkdir()
    assert tracked_by_dvc(tmp_path / "w" / "data" / "raw.csv", tmp_path / "w") is None


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "outs: 7", "outs: [7]", "outs: [{path: a}]", "outs: [{path: a, md5: '../../x'}]", "\t: {",
        "a: &a [*a]", "!!python/object/apply:os.system ['touch /tmp/owned']",
        "outs: [{path: [], md5: 22a1a2931c8370d3aeedd7183606fd7f}]",
    ],
)  # fmt: skip
def test_what_is_no_file_of_dvc_says_nothing(text, tmp_path):
    assert read_dvc_file(text) == {}
    assert read_lock(text) == {}


@pytest.mark.parametrize(
    "hostile",
    [
        "a: &a {x: 1}\n"
        + "".join(f"k{i}: &k{i} {{<<: [{', '.join([f'*k{i - 1}' if i else '*a'] * 9)}]}}\n" for i in range(9)),
        "a: &a [x]\n" + "".join(f"k{i}: &k{i} [{', '.join([f'*k{i - 1}' if i else '*a'] * 9)}]\n" for i in range(9)),
        "outs: &a\n- *a\n",
        "? [a]\n: b\n",
        "outs: !!python/object/apply:os.system ['true']\n",
    ],
    ids=["merges", "aliases", "a circle", "a list for a key", "a tag"],
)
def test_a_hostile_text_says_nothing_and_takes_no_time(hostile):
    assert read_dvc_file(hostile) == {}
    assert read_lock(hostile) == {}
