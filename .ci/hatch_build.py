"""Ships the notebooks and templates inside a wheel; an editable install reads them from the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ShippedFolders(BuildHookInterface):  # type: ignore[type-arg]
    """Adds `notebooks/` and `templates/` as package data of a standard wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it builds; `version` is "standard" or "editable"."""
        if version == "standard":
            for name in ("notebooks", "templates"):
                build_data["force_include"][name] = f"workbench/shipped/{name}"
