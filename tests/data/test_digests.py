"""A digest covers everything that is in a table, a file or a folder, and nothing that is not."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from workbench.data import digest_file, digest_folder, digest_frame
from workbench.data.digests import digest_data, steady
from workbench.errors import Misuse


def table():
    return pd.DataFrame(
        {
            "income": [1.5, np.nan, 3.0, 4.0],
            "age": [31, 42, 53, 64],
            "plan": ["a", "b", None, "ü"],
            "at": pd.to_datetime(["2026-01-01", None, "2026-01-03", "2026-01-04"]),
            "yes": [True, False, True, True],
            "kind": pd.Categorical(["x", "y", "x", None]),
            "whole": pd.array([1, None, 3, 4], dtype="Int64"),
        }
    )


CHANGES = {
    "a number": lambda t: t.assign(income=[1.5, np.nan, 3.0, 4.000001]),
    "a null that becomes zero": lambda t: t.assign(income=t["income"].fillna(0.0)),
    "a text": lambda t: t.assign(plan=["a", "b", None, "u"]),
    "a null that becomes an empty text": lambda t: t.assign(plan=["a", "b", "", "ü"]),
    "a letter that moves to the next text": lambda t: t.assign(plan=["ab", "", None, "ü"]),
    "a time": lambda t: t.assign(at=t["at"] + pd.Timedelta("1us")),
    "a truth value": lambda t: t.assign(yes=[True, True, True, True]),
    "a category": lambda t: t.assign(kind=pd.Categorical(["x", "y", "y", None])),
    "a nullable number": lambda t: t.assign(whole=pd.array([1, 0, 3, 4], dtype="Int64")),
    "a type": lambda t: t.assign(age=t["age"].astype("float64")),
    "a smaller type": lambda t: t.assign(age=t["age"].astype("int32")),
    "a column's name": lambda t: t.rename(columns={"age": "Age"}),
    "the order of columns": lambda t: t[t.columns[::-1]],
    "the order of rows": lambda t: t.iloc[::-1],
    "a row more": lambda t: pd.concat([t, t.tail(1)]),
    "a row less": lambda t: t.head(3),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_frames_digest_changes_with(change):
    assert digest_frame(change(table())) != digest_frame(table())


def test_a_frames_digest_does_not_depend_on_its_index_or_memory():
    other = table().set_index(pd.Index([9, 8, 7, 6]))
    assert digest_frame(other) == digest_frame(table())
    assert digest_frame(table()[["age"]].copy()) == digest_frame(table()[["age"]])
    swapped = table().assign(age=table()["age"].to_numpy().astype(">i8"))
    assert digest_frame(swapped) == digest_frame(table())


def test_texts_kept_as_objects_or_as_strings_have_one_digest():
    texts = ["a", "b", None]
    one, other = (pd.DataFrame({"x": pd.Series(texts, dtype=dtype)}) for dtype in ("object", "str"))
    assert digest_frame(one) == digest_frame(other)


def test_a_number_among_texts_is_not_its_spelling():
    one, other = (pd.DataFrame({"x": pd.Series([value, "b"], dtype="object")}) for value in (1, "1"))
    assert digest_frame(one) != digest_frame(other)


def test_a_moment_has_one_digest_in_every_zone_but_a_zone_is_not_none():
    here = pd.DataFrame({"at": pd.to_datetime(["2026-01-01 12:00"]).tz_localize("UTC")})
    there = here.assign(at=here["at"].dt.tz_convert("Asia/Tokyo"))
    assert digest_frame(here) == digest_frame(there)


def test_rows_beyond_the_first_ten_thousand_count():
    frame = pd.DataFrame({"x": np.zeros(20_000)})
    changed = frame.copy()
    changed.loc[19_999, "x"] = 1.0
    assert digest_frame(frame) != digest_frame(changed)


@pytest.mark.slow
def test_a_frames_digest_is_the_same_in_another_process():
    frame = pd.DataFrame({"x": [1.0, None], "y": ["a", "ü"]})
    code = "import pandas as pd; from workbench.data import digest_frame; "
    code += "print(digest_frame(pd.DataFrame({'x': [1.0, None], 'y': ['a', 'ü']})))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == digest_frame(frame)


def test_a_file_has_the_digest_that_sha256sum_gives(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert digest_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_folders_digest_changes_with_names_and_contents(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "one").write_text("1")
    (tmp_path / "a" / "two").write_text("2")
    first = digest_folder(tmp_path / "a")
    assert digest_folder(tmp_path / "a") == first
    (tmp_path / "a" / "note").write_text("n")
    assert digest_folder(tmp_path / "a", leave_out=["note"]) == first
    (tmp_path / "a" / "two").rename(tmp_path / "a" / "three")
    assert digest_folder(tmp_path / "a", leave_out=["note"]) != first


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        digest_file(tmp_path / "none")
    with pytest.raises(Misuse, match="no folder with files"):
        digest_folder(tmp_path)


def test_a_table_that_is_written_to_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": [1]}).to_parquet(path)
    with steady(path), steady("no file"), steady(pd.DataFrame()):
        digest_data(path)
    with pytest.raises(Misuse, match="changed while it was read"), steady(path):
        pd.DataFrame({"x": [1, 2]}).to_parquet(path)
    with pytest.raises(Misuse, match="changed while it was read"), steady(tmp_path):
        pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "more.parquet")
