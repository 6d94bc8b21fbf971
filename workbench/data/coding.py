"""Columns as codes: one small integer a case, and the texts that the integers stand for.

Texts are hashed once, by Arrow, straight from the buffers of a data frame; a column that is a
dictionary already (pandas' and polars' categories) is taken as it is. What is missing has the code
of `UNKNOWN`, so that nobody drops out of a count unseen; a text "unknown" is one like any other.

>>> coded(["b", None, "b"])
Coded(codes=array([0, 1, 0], dtype=int32), texts=['b', '(unknown)'])
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from workbench.errors import Misuse
from workbench.stats.groups import UNKNOWN as UNKNOWN  # who counts groups spells what is missing so

MOST_COMBINATIONS = 1_000_000  # of values of crossed columns


class Coded(NamedTuple):
    """A column of categories."""

    codes: npt.NDArray[np.int32]  # one a case, a place in `texts`
    texts: list[str]  # may name values that no case has, and one text twice


def coded(values: Any) -> Coded:
    """The codes of a list, an array, or a column of pandas, polars or Arrow.

    Raises:
        Misuse: The values are no list of single values.
    """
    import pyarrow as pa

    array = _as_arrow(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries() if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        array = array.combine_chunks()
    elif not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    codes, texts = array.indices, [UNKNOWN if text is None else str(text) for text in array.dictionary.to_pylist()]
    if codes.null_count:
        codes, texts = codes.cast(pa.int32()).fill_null(len(texts)), [*texts, UNKNOWN]
    return Coded(codes.to_numpy(zero_copy_only=False).astype(np.int32, copy=False), texts)


def coded_all(columns: Mapping[str, Any]) -> dict[str, Coded]:
    """The codes of several columns, each hashed by a thread of its own.

    Raises:
        Misuse: The values of one are no list of single values.
    """
    if len(columns) < 2:
        return {str(name): coded(values) for name, values in columns.items()}
    with ThreadPoolExecutor(len(columns)) as threads:
        return dict(zip(map(str, columns), threads.map(coded, columns.values()), strict=True))


def crossed(
    columns: list[Coded], *, most: int = MOST_COMBINATIONS
) -> tuple[npt.NDArray[np.int64], list[tuple[str, ...]]]:
    """A place a case among the combinations of several columns, and the combinations.

    Args:
        columns: Of one length.
        most: Combinations that there may be.

    Raises:
        Misuse: The columns' lengths differ, or there are more combinations of values.

    >>> crossed([coded(["a", "b", "a"]), coded([1, 1, 2])])
    (array([0, 2, 1]), [('a', '1'), ('a', '2'), ('b', '1'), ('b', '2')])
    """
    lengths = sorted({len(column.codes) for column in columns})
    if len(lengths) != 1:
        raise Misuse(f"groups have the lengths {lengths}; they need one and the same")
    shape = [len(column.texts) for column in columns]
    if np.prod(shape, dtype=float) > most:
        raise Misuse(
            f"the groups have {' × '.join(map(str, shape))} combinations of values",
            hint="is one of the columns a number of the case? name columns of few values",
        )
    place = columns[0].codes.astype(np.int64)
    for column in columns[1:]:
        place *= len(column.texts)
        place += column.codes
    names = [tuple(column.texts[i] for column, i in zip(columns, at, strict=True)) for at in np.ndindex(*shape)]
    return place, names


def places_of(wanted: Iterable[str], attributes: tuple[str, ...]) -> tuple[tuple[str, ...], list[int]]:
    """The wanted attributes of a cube, and where each stands among all of them.

    Raises:
        Misuse: The cube does not have one, or none is wanted.
    """
    names = tuple(wanted)
    unknown = [name for name in names if name not in attributes]
    if unknown or not names:
        raise Misuse(f"the cube has no attribute {unknown}; it has {', '.join(attributes)}")
    return names, [attributes.index(name) for name in names]


def read_group(group: Iterable[str], content: Mapping[str, Any]) -> tuple[str, ...]:
    """A group of a stored cube; cubes of old, which do not say how they spell it, call what is missing "unknown"."""
    old = content.get("unknown", "unknown")
    return tuple(UNKNOWN if value == old else str(value) for value in group)


def _as_arrow(values: Any) -> Any:
    """An Arrow array; values of several kinds become texts.

    Raises:
        Misuse: The values are no list of single values.
    """
    import pyarrow as pa

    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values
    if hasattr(values, "to_arrow"):
        return values.to_arrow()
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        pass
    flat = np.asarray(values, dtype=object)
    if flat.ndim != 1:
        raise Misuse(f"a group has the shape {flat.shape}; it needs one value a case")
    return pa.array([None if value is None or value != value else str(value) for value in flat.tolist()])
