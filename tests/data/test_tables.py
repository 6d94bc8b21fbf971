"""Tables are read from CSV and Parquet, and what is no table is said to be none."""

import pandas as pd
import pytest

from workbench.data import CountCube, Profile, Repeats, read_table
from workbench.data.digests import digest_data
from workbench.errors import Misuse


@pytest.mark.parametrize("suffix", [".csv", ".CSV", ".parquet", ".PARQUET"])
def test_a_table_is_read(tmp_path, suffix):
    path = tmp_path / f"t{suffix}"
    frame = pd.DataFrame({"x": [1, 2], "y": ["a", "b"]})
    frame.to_csv(path, index=False) if suffix.lower() == ".csv" else frame.to_parquet(path)
    pd.testing.assert_frame_equal(read_table(path), frame)


@pytest.mark.parametrize(("name", "separator"), [("t.csv.gz", ","), ("t.tsv", "\t"), ("t.txt", "|"), ("t.csv", ";")])
def test_a_table_of_texts_is_read_whatever_its_separator_and_packed_or_not(tmp_path, name, separator):
    frame = pd.DataFrame({"x": [1, 2], "y": ["a,b", "c"]})
    frame.to_csv(tmp_path / name, index=False, sep=separator)
    pd.testing.assert_frame_equal(read_table(tmp_path / name), frame)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"", "no table that can be read"),
        ("t.csv", b"", "is empty"),
        ("t.csv", "x\nMüller\n".encode("latin-1"), "no text in UTF-8"),
        ("t.csv.gz", b"nonsense", "cannot be read"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00", "cannot be read"),
        ("t.csv", b"x,y\n", "has no rows"),
        ("t.csv", b"x\n" + b"9" * 401, "cannot be read"),
        ("t.parquet", b"nonsense", "cannot be read"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(Misuse, match=message):
        read_table(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Misuse, match="cannot be read"):
        read_table(tmp_path / "none.csv")


def test_a_folder_of_parquet_files_is_one_table_for_every_reader(tmp_path):
    frame = pd.DataFrame({"g": ["a", "b"] * 10, "y": [0, 1, 1, 0] * 5, "p": [1, 1, 0, 0] * 5, "s": [0.5] * 20})
    folder = tmp_path / "d[1]"
    (folder / "day=2").mkdir(parents=True)
    frame[:12].to_parquet(folder / "one.parquet")
    frame[12:].to_parquet(folder / "day=2" / "two.parquet")
    (folder / "_SUCCESS").touch()
    assert len(read_table(folder)) == 20
    cube = CountCube.read(folder, ["g"], label="y", prediction="p")
    assert cube.cells == CountCube.read(frame, ["g"], label="y", prediction="p").cells
    assert cube.data_digest == digest_data(folder)
    assert Profile.scan(folder).columns["g"].counts == {"a": 10, "b": 10}
    assert Repeats.scan(folder).rows == 20


def test_a_folder_without_one_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "large").touch()
    for read in (read_table, digest_data, lambda path: CountCube.read(path, ["g"], label="y", prediction="p")):
        with pytest.raises(Misuse, match="no Parquet file in it"):
            read(tmp_path)


def test_a_folder_kept_by_a_column_has_that_column_for_every_reader(tmp_path):
    frame = pd.DataFrame({"g": ["a", "b"] * 10, "y": [0, 1, 1, 0] * 5, "p": [1, 1, 0, 0] * 5})
    frame.to_parquet(tmp_path / "d", partition_cols=["g"])
    cube = CountCube.read(tmp_path / "d", ["g"], label="y", prediction="p")
    assert cube.cells == CountCube.read(frame, ["g"], label="y", prediction="p").cells
    assert Profile.scan(tmp_path / "d").columns["g"].counts == {"a": 10, "b": 10}
