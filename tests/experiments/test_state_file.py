"""Of two changes at once neither is lost, and a process that dies leaves the file as it was."""

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.errors import EngineError, Misuse
from workbench.experiments.bandits.state import BanditDesign, BanditState
from workbench.experiments.bandits.state_json import state_file as bandit_file
from workbench.experiments.prices.design import PricingDesign
from workbench.experiments.prices.state import PricingState, Sales
from workbench.experiments.prices.state import state_file as price_file

DESIGN = PricingDesign("plans", (19.0, 29.0), {"small": 19.0})
MONDAY, TUESDAY = (Sales(f"2026-03-0{day}", "small", 19.0, 10, 1) for day in (2, 3))
MAKERS: dict[str, Callable[[Path], object]] = {"bandit": bandit_file, "prices": price_file}


@pytest.fixture
def kept(tmp_path):
    file = price_file(tmp_path / "state.json")
    file.begin(PricingState(DESIGN))
    return file


def test_of_two_changes_at_once_neither_is_lost(kept):
    """Each waits until the other has read too, which it may only do once the first has written."""
    both = threading.Barrier(2)

    def change(sales):
        def slowly(before):
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(timeout=0.3)
            return before.updated([sales])

        kept.change(slowly)

    threads = [threading.Thread(target=change, args=(sales,)) for sales in (MONDAY, TUESDAY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept.read().days == ("2026-03-02", "2026-03-03")


DIES = """
import os, signal, sys
from pathlib import Path
from workbench.experiments.prices.state import Sales, state_file
Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
state_file(Path(sys.argv[1])).change(lambda s: s.updated([Sales("2026-03-02", "small", 19.0, 10, 1)]))
"""


@pytest.mark.slow
def test_killed_between_write_and_rename_it_leaves_the_file_as_it_was(kept):
    before = kept.path.read_bytes()
    died = subprocess.run([sys.executable, "-c", DIES, str(kept.path)], check=False, timeout=60)
    assert died.returncode == -signal.SIGKILL and kept.path.read_bytes() == before
    assert len(list(kept.path.parent.glob(".state.json.*"))) == 1, "what it had written lies beside"
    kept.change(lambda state: state.updated([MONDAY]))
    assert kept.read().days == ("2026-03-02",)


def test_a_change_that_is_refused_writes_nothing(kept):
    before = kept.path.read_bytes()
    with pytest.raises(Misuse, match="no segment"):
        kept.change(lambda state: state.updated([MONDAY._replace(segment="tiny")]))
    assert kept.path.read_bytes() == before


def test_a_state_is_not_begun_over_another(kept):
    with pytest.raises(Misuse, match="there already"):
        kept.begin(PricingState(DESIGN))
    with pytest.raises(EngineError, match="there is no folder"):
        price_file(kept.path.parent / "no" / "s.json").begin(PricingState(DESIGN))


@pytest.mark.parametrize("made", MAKERS)
@pytest.mark.parametrize("content", [None, "", "{", "[]", '"text"', "null", b"\xff\xfe", '{"format": "x"}'])
def test_a_file_that_holds_no_state_is_told_with_a_way_out(tmp_path, made, content):
    path = tmp_path / "nope.json"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    for act in (lambda f: f.read(), lambda f: f.change(lambda state: state)):
        with pytest.raises(Misuse, match=r"nope\.json") as refused:
            act(MAKERS[made](path))
        assert refused.value.hint.startswith("make one with `workbench ")
        assert "[Errno" not in refused.value.message and "Error(" not in refused.value.message
    assert not (tmp_path / "nope.json.lock").exists()


def test_a_bandit_is_kept_in_the_same_way(tmp_path):
    state = BanditState.start(BanditDesign("shop", ("a", "b"), "binary"))
    bandit_file(tmp_path / "b.json").begin(state)
    assert bandit_file(tmp_path / "b.json").change(lambda same: same) == state
