r"""Files of others, read as plain data: no tag makes an object, and neither size nor an alias fills the memory.

>>> read_yaml("outs: [1, 2]")
{'outs': [1, 2]}
>>> read_yaml("a: &a [1]\nb: *a") is None
True
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

MOST_BYTES = 4_000_000  # of a file that is read; DVC's own are kilobytes


def read_yaml(text: str) -> Any:
    """What a text says; None where it is no YAML, or has an alias, by which a few lines grow without bound."""
    import yaml

    class Plain(yaml.SafeLoader):  # type: ignore[misc]
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("an alias")
            return super().compose_node(parent, index)

    try:
        return yaml.load(text, Plain)  # noqa: S506 (it is a safe loader)
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is a mapping, else none of anything."""
    return value if isinstance(value, dict) else {}


def plain_text(path: Path) -> str | None:
    """A file's text; None where it is no file, not UTF-8, or larger than `MOST_BYTES`."""
    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return None
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
