"""Modules put aside: imported in the zygote, and yet not imported in a fork until it asks for them.

Some libraries change others when they are imported: evidently gives plotly's default template colours of
its own, pytensor lets Python recurse ten times as deep. In a fork the change must come with the import and
not before. So these are taken out of the table of modules once they are loaded, with what they changed,
and put back by the fork's own import.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

TOGETHER = (("evidently",), ("pymc", "pytensor"))  # libraries known to change others, with what imports them here


def load(name: str) -> None:
    """Import a module; put it aside, and undo what its import changed, where it is known to change something.

    Raises:
        Exception: Whatever its import raises.
    """
    names = next((names for names in TOGETHER if name in names), None)
    if names is None:
        importlib.import_module(name)
        return
    usual = _templates().default
    depth, colours = sys.getrecursionlimit(), _colours(usual)
    importlib.import_module(name)
    change = Change(_if_new(sys.getrecursionlimit(), depth), _if_new(_colours(usual), colours))
    sys.setrecursionlimit(depth)
    if change.colours is not None:
        _templates()[usual].layout.colorway = colours
    modules = {found: sys.modules.pop(found) for found in [*sys.modules] if found.partition(".")[0] in names}
    sys.meta_path.insert(0, Aside(names, modules, change))


@dataclass(frozen=True)
class Change:
    """What an import did to others; None where it did nothing."""

    depth: int | None = None  # that Python may recurse
    colours: tuple[str, ...] | None = None  # of plotly's default template

    def make(self) -> None:
        """Do it again, to what a fork has by now: it may have chosen another template, or none."""
        if self.depth is not None:
            sys.setrecursionlimit(max(self.depth, sys.getrecursionlimit()))
        if self.colours is not None and (chosen := _templates().default) in _templates():
            _templates()[chosen].layout.colorway = self.colours


class Aside(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Puts modules back when the first of their packages is imported."""

    def __init__(self, names: Sequence[str], modules: dict[str, ModuleType], change: Change) -> None:
        self._names = names
        self._modules = modules
        self._change = change

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """This loader, for the packages themselves: they are always imported first."""
        return importlib.machinery.ModuleSpec(fullname, self) if fullname in self._names else None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        """The module as it was."""
        module = self._modules[spec.name]
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do what importing it changes."""
        module.__spec__ = self._spec
        sys.meta_path.remove(self)
        sys.modules.update(self._modules)
        self._change.make()


def _templates() -> Any:
    return importlib.import_module("plotly.io").templates


def _colours(template: str | None) -> Any:
    return _templates()[template].layout.colorway if template in _templates() else None


def _if_new(after: Any, before: Any) -> Any:
    return after if after != before else None
