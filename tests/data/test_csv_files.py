"""A CSV file that is not what it seems is refused with its reason in one line and the way out."""

import gzip

import pandas as pd
import pytest

from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse

LINES = [f"{'ab'[i % 2]},{i % 3}" for i in range(300)]


def scan(path, column: str = "y") -> MomentCube:
    return MomentCube.scan(path, arm="arm", measures=[Measure("y", column)])


def text(*, head: str = "arm,y", at: int = 200, line: str | None = None) -> str:
    lines = [*LINES[:at], line, *LINES[at + 1 :]] if line is not None else LINES
    return "\n".join([head, *lines]) + "\n"


REFUSED = {
    "a line too long": (text(line="a,1,more").encode(), "row 202 of it.csv has 3 fields, its header 2: arm,y", "mend"),
    "a line too short": (text(line="a").encode(), "row 202 of it.csv has 1 field, its header 2: arm,y", "mend"),
    "no bytes": (b"", "it.csv is empty", "header line"),
    "no signs": (b"\xef\xbb\xbf\r\n \n", "it.csv is empty", "header line"),
    "UTF-16": (text().encode("utf-16"), "no text in UTF-8; it is UTF-16", "iconv -f UTF-16"),
    "Latin-1": (text(line="é,1").encode("latin-1"), "line 202 has the byte 0xe9, perhaps of Latin-1", "iconv"),
    "a name twice": (b"arm,y,y\na,1,2\nb,2,3\n", "there are 2 columns 'y'", "rename"),
    "capitals": (b"arm,y,Y\na,1,2\nb,2,3\n", "columns 'y' and 'Y' have one name", "rename"),
    "capitals, in quotes": (b'"arm";"Y";"y"\na;1;2\nb;2;3\n', "columns 'Y' and 'y' have one name", "rename"),
    "missing": (text(line="a,NA").encode(), "column 'y' holds 'NA', which is no number", "fill or drop"),
    "thousands": (text(line='a,"1,426"').encode(), "column 'y' holds '1,426'", "write 1426 or 1.426"),
    "money": (text(line="a,$0.38").encode(), "column 'y' holds '\\$0.38'", "currency"),
    "decimals": (text(line='a,"0,85"').encode(), "column 'y' holds '0,85'", "write 0.85"),
    "a word": (text(line="a,many").encode(), "column 'y' holds 'many'", "true and false"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_is_wrong_with_a_file_is_told_in_one_line_with_the_way_out(tmp_path, case, zipped):
    content, said, hint = REFUSED[case]
    path = tmp_path / ("it.csv.gz" if zipped else "it.csv")
    path.write_bytes(gzip.compress(content) if zipped else content)
    with pytest.raises(Misuse, match=said.replace("it.csv", path.name)) as refusal:
        scan(path)
    assert hint in refusal.value.hint and "\n" not in str(refusal.value)


def test_a_byte_that_is_no_text_far_into_a_file_is_told_by_duckdb_in_one_line(tmp_path):
    lines = [f"a,{i}" for i in range(60_000)]
    (tmp_path / "it.csv").write_bytes("\n".join(["arm,y", *lines, "é,1", "b,2"]).encode("latin-1"))
    with pytest.raises(Misuse, match="not utf-8 encoded") as refusal:
        scan(tmp_path / "it.csv")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "content",
    ["arm,y\na,1\nb,2\n", "arm;y\r\na;1\r\nb;2\r\n", "\ufeffarm\ty\na\t1\nb\t2\n", 'arm|y|"y|z"\na|1|3\nb|2|4\n'],
)
def test_what_is_well_formed_is_read(tmp_path, content):
    (tmp_path / "it.csv").write_text(content, "utf-8", newline="")
    assert scan(tmp_path / "it.csv").counts() == {"a": 1, "b": 1}


def test_values_that_are_alike_are_no_names_twice(tmp_path):
    (tmp_path / "it.csv").write_text("1,1\n2,2\n3,3\n")
    cube = MomentCube.scan(tmp_path / "it.csv", arm="column0", measures=[Measure("y", "column1")])
    assert cube.counts() == {"1": 1, "2": 1, "3": 1}


@pytest.mark.parametrize("names", [["arm", "y", "y"], ["arm", "y", "Y"]])
def test_a_frame_with_one_name_for_two_columns_is_refused(names):
    with pytest.raises(Misuse, match=r"2 columns 'y'|have one name"):
        scan(pd.DataFrame([["a", 1.0, 9.0], ["b", 2.0, 7.0]], columns=names))
