"""The simulators of batch, and workspaces in which sweeps run over them."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def swept(simulated):
    """The module of simulated sweeps beside this file."""
    if "swept" not in sys.modules:
        spec = importlib.util.spec_from_file_location("swept", HERE / "swept.py")
        sys.modules["swept"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["swept"])
    return sys.modules["swept"]


@pytest.fixture
def place(swept, tmp_path):
    """A workspace of simulators with a notebook to sweep over."""
    with swept.Place(tmp_path) as opened:
        yield opened
