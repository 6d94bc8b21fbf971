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


# as DVC 3.67 writes them: what `dvc add`, `dvc import-url`, `dvc import` and `dvc repro` left behind


MD = "7c400e70b4d2d9b07f904202fd9ac386"
IMPORTED = f"""
md5: {MD}
frozen: true
deps:
- etag: '"0a1b"'
  size: 6
  hash: md5
  path: https://analyst:secret@example.org/loans.csv
outs:
- md5: {MD}
  size: 6
  hash: md5
  path: loans.csv
"""
FROM_REPOSITORY = f"""
md5: {MD}
frozen: true
deps:
- path: data/loans.csv
  repo:
    url: https://example.org/registry
    rev_lock: 15e29ffe7dd5d1dd8e9a8c3a0e2cbb0c9e6d3d11
outs:
- md5: {MD}
  size: 6
  hash: md5
  path: loans.csv
"""
PIPELINE = """
stages:
  prep:
    foreach: [a, b]
    do:
      cmd: make ${item}
      outs:
      - out/${item}
  sub:
    wdir: data
    cmd: cp raw.csv made.csv
    deps: [raw.csv]
    outs: [made.csv]
  templated:
    wdir: ${where}
    cmd: x
    outs: [there.csv]
"""
LOCKED = f"""
schema: '2.0'
stages:
  prep@a:
    cmd: make a
    outs:
    - path: out/a
      hash: md5
      md5: {MD}.dir
      size: 4
      nfiles: 1
  sub:
    cmd: cp raw.csv made.csv
    deps:
    - {{path: raw.csv, hash: md5, md5: {MD}, size: 4}}
    outs:
    - {{path: made.csv, hash: md5, md5: {MD}, size: 4}}
  templated:
    cmd: x
    outs:
    - {{path: there.csv, hash: md5, md5: {MD}, size: 4}}
"""


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        (IMPORTED, "https://example.org/loans.csv"),
        (FROM_REPOSITORY, "https://example.org/registry@15e29ffe7dd5d1dd8e9a8c3a0e2cbb0c9e6d3d11:data/loans.csv"),
    ],
)
def test_an_import_says_where_it_came_from_and_no_password(tmp_path, text, origin):
    (tmp_path / "loans.csv.dvc").write_text(text)
    assert tracked_by_dvc(tmp_path / "loans.csv", tmp_path) == Tracked(MD, 6, "", origin)


def test_paths_of_a_stage_begin_in_its_own_folder(tmp_path):
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "dvc.lock").write_text(LOCKED)
    assert tracked_by_dvc(tmp_path / "data" / "made.csv", tmp_path) == Tracked(MD, 4, "sub")
    assert tracked_by_dvc(tmp_path / "data" / "raw.csv", tmp_path) == Tracked(MD, 4)
    assert tracked_by_dvc(tmp_path / "out" / "a", tmp_path) == Tracked(f"{MD}.dir", 4, "prep@a")
    for other in ("made.csv", "raw.csv", "there.csv"):
        assert tracked_by_dvc(tmp_path / other, tmp_path) is None
    (tmp_path / "dvc.yaml").write_text("stages: [")  # then nobody knows where its paths begin
    assert tracked_by_dvc(tmp_path / "out" / "a", tmp_path) is None


def test_a_file_of_a_tracked_folder_is_found_by_the_listing_in_the_cache(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "dir.dvc").write_text(f"outs:\n- md5: {MD}.dir\n  size: 4\n  nfiles: 1\n  path: dir\n")
    file = tmp_path / "data" / "dir" / "sub" / "two.csv"
    assert tracked_by_dvc(file, tmp_path) is None  # the cache is not at hand
    cache = tmp_path / ".dvc" / "cache" / "files" / "md5" / MD[:2]
    cache.mkdir(parents=True)
    listing = cache / f"{MD[2:]}.dir"
    listing.write_text('[{"md5": "401b30e3b8b5d629635a5c613cdb7919", "relpath": "sub/two.csv"}]')
    assert tracked_by_dvc(file, tmp_path) == Tracked("401b30e3b8b5d629635a5c613cdb7919", None)
    assert tracked_by_dvc(file.with_name("other.csv"), tmp_path) is None
    for damaged in ("[", "7", '[7, {"relpath": "sub/two.csv", "md5": "../../x"}]'):
        listing.write_text(damaged)
        assert tracked_by_dvc(file, tmp_path) is None
