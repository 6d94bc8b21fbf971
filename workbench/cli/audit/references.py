"""What the audits of data compare with, and the page they write."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import EngineError, Misuse

if TYPE_CHECKING:
    from workbench.data import Profile

VERSION = re.compile(r"([^/\s]+)/(\d+)")


def reference_profile(named: str, workspace: Path | None, *, moments: Sequence[str] = ()) -> Profile:
    """The profile of a table, of a .json file, or of the training data of MODEL/VERSION.

    Args:
        named: Path, or MODEL/VERSION.
        workspace: Where the version is registered.
        moments: Columns of a table whose texts are moments.

    Raises:
        Misuse: There is none.
    """
    from workbench.data import Profile
    from workbench.data.digests import digest_data, steady

    path = Path(named)
    if path.suffix == ".json" and path.is_file():
        return Profile.from_json(read_text(path))
    if not path.exists() and (version := VERSION.fullmatch(named)):
        from workbench import open_bench

        with open_bench(workspace) as bench:
            found = bench.profile(version[1], int(version[2]))
        if found is None:
            raise Misuse(
                f"{named} has no profile of its training data", hint="register it with record.model(profile=…)"
            )
        return found
    with steady(path):
        return Profile.scan(path, source=digest_data(path), moments=moments)


def read_text(path: Path) -> str:
    """A text file's content.

    Raises:
        Misuse: It cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{path} cannot be read: {error}", hint="give the path of a JSON file") from error


def write_page(path: Path, page: str) -> None:
    """Write an HTML page.

    Raises:
        EngineError: It cannot be written.
    """
    try:
        path.write_text(page, "utf-8")
    except OSError as error:
        raise EngineError(f"{path} cannot be written: {error.strerror or error}", hint="choose another file") from error
