"""The story of one version, told once for the tests of this room."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench.bench import open_bench

TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).with_name("told.py"))))


@pytest.fixture(scope="session")
def tale():
    """The words that the story is told with."""
    return TOLD


@pytest.fixture(scope="session")
def told(tmp_path_factory):
    """A workspace with the whole story; nobody writes into it."""
    return TOLD.tell(tmp_path_factory.mktemp("told") / "w")


@pytest.fixture(scope="session")
def certified(told):
    """The certificate of the story's version."""
    with open_bench(told) as bench:
        return bench.papers.certificate("lending", 1)
