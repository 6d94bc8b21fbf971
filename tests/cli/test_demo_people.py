"""The demo's steps with people may be cut off before any of their commits, and told again."""

import importlib
import itertools
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

from workbench import open_bench
from workbench.bench import create
from workbench.bench.engines import Engines
from workbench.ledger import Ledger

demo = importlib.import_module("workbench.cli.demo")  # the package has the command by this name
TOLD = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[1] / "evidence" / "told.py")))


class Registry(TOLD.Registry):
    """Aliases in memory, of files that are whole."""

    def damage(self, version):
        return None


@pytest.mark.slow
def test_the_steps_with_people_may_be_cut_off_before_any_of_their_commits(tmp_path, monkeypatch):
    """Told again they end as if they had not been: asked once, approved by each once, moved once."""
    start = tmp_path / "start"
    create(start)
    with open_bench(start) as bench:
        TOLD.register(bench)
        TOLD.audit(bench)
        TOLD.append(bench, "note", "lending/1", "w", {"version": 1}, key="demo/train-fairer/version/lending")
    registries = {}
    monkeypatch.setattr(Engines, "store", property(lambda it: registries.setdefault(it.root, Registry())))
    begin = Ledger.transaction

    def tell(root, last=0):
        left = itertools.count(1)

        def cut(ledger):
            if next(left) == last:
                raise KeyboardInterrupt
            return begin(ledger)

        monkeypatch.setattr(Ledger, "transaction", cut)
        try:
            with open_bench(root) as bench:
                steps = [demo._ask(bench, "fairer", demo.FAIRER), demo._approved(bench, "fairer", demo.FAIRER)]
                kinds = [entry.kind for entry in bench.ledger.entries() if entry.actor != "analyst"]
            return [step.outcome for step in steps], kinds
        except KeyboardInterrupt:
            return None
        finally:
            monkeypatch.setattr(Ledger, "transaction", begin)

    whole = tell(TOLD.copied(start, tmp_path / "whole"))
    assert whole[0] == ["waits", "promoted"]
    assert tell(tmp_path / "whole") == whole
    for last in itertools.count(1):
        root = TOLD.copied(start, tmp_path / f"cut-{last}")
        if tell(root, last) is not None:
            break
        assert tell(root) == whole, f"before commit {last}"
    assert last > 6
