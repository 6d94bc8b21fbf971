"""Typed parameters: what a notebook takes, read from its `parameters` cell and checked before a kernel starts.

    for parameter in read(Path("ab_test.ipynb")):
        print(parameter.name, parameter.type_name, parameter.default, parameter.help)

One source, the cell, serves validation, the command line, forms and MLflow. All that is wrong in a
call is said at once, with the nearest right name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from workbench.batch.declaration import declared
from workbench.batch.notebook import parameters_source, read_notebook
from workbench.batch.parameter import Bounds, Parameter, checked
from workbench.errors import Misuse

__all__ = ["Bounds", "Parameter", "Parameters", "read"]

OUT_OF_RANGE = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
LONGEST = 80  # characters of a wrong value that a message shows


class Parameters:
    """All parameters of one notebook, in the order of its cell."""

    def __init__(self, notebook: str, found: Sequence[Parameter]) -> None:
        self.notebook = notebook
        self._found = {parameter.name: parameter for parameter in found}

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self._found.values())

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, name: str) -> Parameter:
        return self._found[name]

    def validate(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """All parameters with their values: the given ones checked, the others by default.

        Args:
            given: Values by name, of their types or as texts from a command line ("0.1", "a,b").

        Returns:
            Values of the declared types, in the order of the cell.

        Raises:
            Misuse: A name is unknown or a value does not fit; all of it is said at once.
        """
        from pydantic import ValidationError

        try:
            read = self._model.model_validate(dict(given))
        except ValidationError as error:
            problems: dict[str, str] = {}
            for problem in sorted(error.errors(), key=lambda one: one["type"] not in OUT_OF_RANGE):
                name = str(problem["loc"][0])
                problems.setdefault(name, self._told(name, given[name], problem["type"]))
            said = "\n".join(problems[name] for name in map(str, given) if name in problems)
            raise Misuse(said, hint=f"workbench params {self.notebook}") from error
        return {name: getattr(read, field) for field, name in self._fields.items()}

    def schema(self) -> dict[str, Any]:
        """The parameters as JSON Schema, for forms and schedulers."""
        schema: dict[str, Any] = self._model.model_json_schema(by_alias=True)
        properties = {name: _untitled(entry) for name, entry in schema.get("properties", {}).items()}
        return {**schema, "title": Path(self.notebook).stem, "properties": properties}

    @cached_property
    def _fields(self) -> dict[str, str]:
        """Field of the model to name of the parameter: no name can collide with one of pydantic's."""
        return {f"parameter_{number}": name for number, name in enumerate(self._found)}

    @cached_property
    def _model(self) -> Any:
        from pydantic import ConfigDict, Field, create_model

        fields: dict[str, Any] = {}
        for field, name in self._fields.items():
            found = self._found[name]
            described = Field(default=found.default, alias=name, description=found.help)
            fields[field] = (Annotated[checked(found.type, found.bounds), described], found.default)
        return create_model("Parameters", __config__=ConfigDict(extra="forbid"), **fields)

    def _told(self, name: str, value: Any, problem: str) -> str:
        """What is wrong with one name or value, in a line."""
        if name not in self._found:
            near = difflib.get_close_matches(name, self._found, n=1)
            way_out = f"did you mean {near[0]}?" if near else f"it takes {', '.join(self._found) or 'none'}"
            return f"{name} is no parameter of {self.notebook}; {way_out}"
        found = self._found[name]
        if problem in OUT_OF_RANGE:
            words = found.bounds.words
            return f"{name} is {_number(found, value)}; it must {'lie' if words.startswith('in') else 'be'} {words}"
        shown = repr(value)
        return f"{name} is {shown if len(shown) <= LONGEST else shown[:LONGEST] + '…'}; it must be {found.needs}"


def read(notebook: Path) -> Parameters:
    """What a notebook takes.

    Raises:
        Misuse: The file is no notebook, has no parameters cell, or its cell holds more than typed
            assignments of plain values.
    """
    source = parameters_source(read_notebook(notebook), notebook.name)
    return Parameters(notebook.name, declared(source, notebook.name))


def _number(found: Parameter, value: Any) -> Any:
    """A value out of range as the number it is: "2" given for a float is 2.0."""
    return found.type(value) if found.type in {int, float} and isinstance(value, str | int | float) else value


def _untitled(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "title"}
