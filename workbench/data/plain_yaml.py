r"""YAML of others, read as plain data: no tag makes an object, and no alias makes a small file large.

>>> read_yaml("outs: [1, 2]")
{'outs': [1, 2]}
>>> read_yaml("a: &a [1]\nb: *a") is None
True
"""

from __future__ import annotations

from typing import Any


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
