"""Full-content digests of Arrow streams, made while a scan reads them: one pass, no pandas.

Names, types, nulls and values count, and so does the order of rows; how the rows were cut into
batches does not, nor whether texts lie there plain, as views or as a dictionary. Values are hashed as
they lie in memory, which is little-endian wherever this runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse

if TYPE_CHECKING:
    import pyarrow as pa

Bytes = npt.NDArray[np.uint8]


class Digested:
    """An Arrow stream that is hashed as it is read; `digest` is known once all of it was."""

    def __init__(self, source: Any) -> None:
        import pyarrow as pa

        self._stream = pa.RecordBatchReader.from_stream(source)
        self._columns = [_Column(field.name, field.type) for field in self._stream.schema]
        self._rows = 0
        self._begun = self._whole = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self._columns)

    def reader(self) -> pa.RecordBatchReader:
        """The stream, to be read once."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self._stream.schema, self._batches())

    def digest(self) -> str:
        """SHA-256 of all that was read, in hex; what nobody read yet is read now.

        Raises:
            Misuse: The stream broke off.
        """
        if not self._begun:
            for _ in self._batches():
                pass
        if not self._whole:
            raise Misuse("the stream was not read to its end", hint="give a new one")
        whole = hashlib.sha256(f"arrow {self._rows} x {len(self._columns)}".encode())
        for column in self._columns:
            whole.update(column.digest())
        return whole.hexdigest()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        self._begun = True
        for batch in self._stream:
            self._rows += batch.num_rows
            for column, array in zip(self._columns, batch.columns, strict=True):
                column.update(array)
            yield batch
        self._whole = True


class _Column:
    """What was seen of one column: its nulls, its values, and the lengths of its texts."""

    def __init__(self, name: str, kind: pa.DataType) -> None:
        self.name = name
        self._kind = _plain(kind)
        self._nulls, self._values, self._lengths = (hashlib.sha256() for _ in range(3))

    def update(self, array: pa.Array) -> None:
        import pyarrow as pa

        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        missing = _missing(array)
        self._nulls.update(missing.tobytes())
        kind = array.type
        if pa.types.is_null(kind):
            return
        if pa.types.is_boolean(kind):
            self._values.update((_bits(array.buffers()[1], array) & ~missing & 1).tobytes())
        elif pa.types.is_primitive(kind) or pa.types.is_decimal(kind):
            width = kind.bit_width // 8
            values = np.frombuffer(array.buffers()[1], dtype=np.uint8, count=(array.offset + len(array)) * width)
            values = values.reshape(-1, width)[array.offset :]
            self._values.update((values * (1 - missing[:, None]) if missing.any() else values).tobytes())
        elif self._kind in {"text", "bytes"}:
            texts = array.cast(pa.large_string()) if self._kind == "text" else array
            self._texts(texts.cast(pa.large_binary()))
        else:
            for value in array.to_pylist():
                self._add(repr(value).encode("utf-8", "surrogatepass"))

    def digest(self) -> bytes:
        whole = hashlib.sha256()
        for part in (self.name.encode(), self._kind.encode()):
            whole.update(len(part).to_bytes(8, "little") + part)
        for hashed in (self._nulls, self._values, self._lengths):
            whole.update(hashed.digest())
        return whole.digest()

    def _texts(self, array: pa.Array) -> None:
        if not len(array):
            return
        array = array.fill_null(b"") if array.null_count else array
        _, offsets, content = array.buffers()
        ends = np.frombuffer(offsets, dtype=np.int64, count=array.offset + len(array) + 1)[array.offset :]
        self._lengths.update(np.diff(ends).tobytes())
        if content is not None:
            self._values.update(memoryview(content)[int(ends[0]) : int(ends[-1])])

    def _add(self, value: bytes) -> None:
        self._lengths.update(len(value).to_bytes(8, "little"))
        self._values.update(value)


def _plain(kind: pa.DataType) -> str:
    """A type's name, the same however its values lie in memory."""
    import pyarrow as pa

    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "text"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return "bytes"
    return str(kind)


def _missing(array: pa.Array) -> Bytes:
    """One byte a value: 1 where it is missing."""
    import pyarrow as pa

    if pa.types.is_null(array.type):
        return np.ones(len(array), dtype=np.uint8)
    if not array.null_count:
        return np.zeros(len(array), dtype=np.uint8)
    return np.asarray(1 - _bits(array.buffers()[0], array))


def _bits(buffer: pa.Buffer, array: pa.Array) -> Bytes:
    bits = np.unpackbits(np.frombuffer(buffer, dtype=np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)]
