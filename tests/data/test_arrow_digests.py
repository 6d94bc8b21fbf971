"""A stream's digest is of its content, however that lies in memory and was cut into batches."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from workbench.data.arrow_digests import Digested
from workbench.data.moments import Measure, MomentCube
from workbench.errors import Misuse

COLUMNS = {
    "arm": ["a", "b", None, "ünï", "a", ""],
    "number": [1, None, 3, 4, 5, 6],
    "real": [0.5, float("nan"), None, -1.0, 2.0, 3.0],
    "truth": [True, False, None, True, True, False],
    "day": [datetime.date(2026, 1, day) for day in range(1, 6)] + [None],
    "at": [datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC) for hour in range(6)],
    "bytes": [b"a", b"", None, b"\\0", b"x", b"y"],
    "list": [[1], [], None, [2, 3], [4], [5]],
    "nothing": [None] * 6,
}
TABLE = pa.table(COLUMNS)


def digest(source) -> str:
    return Digested(source).digest()


def test_it_does_not_depend_on_batches_slices_or_the_way_texts_lie():
    whole = digest(TABLE)
    assert len(whole) == 64
    for size in (1, 2, 4):
        assert digest(pa.Table.from_batches(TABLE.to_batches(max_chunksize=size))) == whole
    twice = pa.concat_tables([TABLE, TABLE, TABLE])
    assert digest(twice.slice(6, 6)) == whole
    for kind in (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())):
        place = TABLE.column_names.index("arm")
        assert digest(TABLE.set_column(place, "arm", TABLE["arm"].combine_chunks().cast(kind))) == whole, kind


def test_polars_and_arrow_agree():
    polars = pytest.importorskip("polars")
    plain = TABLE.drop_columns(["list"])
    assert digest(polars.from_arrow(plain)) == digest(plain)


@pytest.mark.parametrize("name", [name for name in COLUMNS if name != "nothing"])
@pytest.mark.parametrize("place", [0, 5])
def test_one_changed_cell_changes_it(name, place):
    values = list(COLUMNS[name])
    values[place] = next(v for v in values if v not in (None, values[place]) and v == v)
    changed = TABLE.set_column(TABLE.column_names.index(name), name, pa.array(values, TABLE[name].type))
    assert digest(changed) != digest(TABLE)
    values[place] = None
    missing = TABLE.set_column(TABLE.column_names.index(name), name, pa.array(values, TABLE[name].type))
    assert digest(missing) not in {digest(changed), digest(TABLE)} or COLUMNS[name][place] is None


def test_names_types_and_the_order_of_rows_count():
    others = [
        TABLE.rename_columns(["arms", *TABLE.column_names[1:]]),
        TABLE.set_column(1, "number", TABLE["number"].cast(pa.int32())),
        TABLE.take(pa.array([1, 0, 2, 3, 4, 5])),
        TABLE.slice(0, 5),
    ]
    assert len({digest(TABLE), *map(digest, others)}) == 5


def test_what_a_missing_value_hides_does_not_count():
    shown, hidden = np.array([1, 2, 3]), np.array([1, 9, 3])
    mask = np.array([False, True, False])
    assert digest(pa.table({"x": pa.array(shown, mask=mask)})) == digest(pa.table({"x": pa.array(hidden, mask=mask)}))


def test_a_reader_is_read_once_by_scan_and_digest_together():
    rows = pa.table({"arm": ["a", "a", "b"], "x": [1.0, 3.0, 5.0], "other": ["p", "q", "r"]})
    reader = pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(max_chunksize=1))
    cube = MomentCube.scan(reader, arm="arm", measures=[Measure("x", "x")])
    assert cube.sample("x", "a").mean == 2 and cube.digest == digest(rows)


def test_a_stream_that_broke_off_has_no_digest():
    def batches():
        yield TABLE.slice(0, 3).to_batches()[0]
        raise OSError("the line went dead")

    stream = Digested(pa.RecordBatchReader.from_batches(TABLE.schema, batches()))
    with pytest.raises(OSError, match="went dead"):
        stream.reader().read_all()
    with pytest.raises(Misuse, match="not read to its end"):
        stream.digest()
