"""Whole numbers come back from their text, and no text from anywhere makes more of them than are allowed."""

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data.packing import VERSION, packed, unpacked


@given(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=50))
def test_numbers_come_back(numbers):
    assert unpacked(packed(numbers), most=50).tolist() == numbers


def test_more_numbers_than_are_allowed_are_refused_before_they_are_unpacked():
    bomb = packed(np.zeros(1_000_000, np.int64))
    assert len(bomb) < 20_000
    with pytest.raises(ValueError, match="more than 10"):
        unpacked(bomb, most=10)


@pytest.mark.parametrize(
    "content", [b"", bytes([VERSION + 1]), bytes([VERSION]) + b"no", bytes([VERSION]) + zlib.compress(b"seven b")]
)
def test_what_is_no_packed_list_is_refused(content):
    with pytest.raises(ValueError, match=r"packed|cut off"):
        unpacked(base64.b85encode(content).decode(), most=10)
