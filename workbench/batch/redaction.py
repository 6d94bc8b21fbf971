"""Takes the values of secrets out of what a run leaves behind, before anything else reads it.

    redaction = Redaction.of({"token": "env:WAREHOUSE_TOKEN"}, environ, content)
    ended = redaction.around(lane, job)

In the notebook, the record and the failure's message a value becomes `[secret: token]`. Any other file that
holds one is removed, and the run fails: half of a file is no result. A value is found as it is, escaped
for Python, JSON, HTML or an address, as base64 at any offset, and in hex; in a file as UTF-16 and UTF-32
too. A part of a value is not found, nor what a notebook compresses, encrypts, draws or spells backwards;
and a runner that is killed with its kernel's outputs half written cleans nothing.
"""

from __future__ import annotations

import base64
import html
import json
import mmap
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from workbench.batch.folders import NOTEBOOK, RECORD, write_whole
from workbench.batch.lanes import Ended, Failure, Job, Lane, OnCell
from workbench.batch.secrets import Secret
from workbench.errors import Misuse

SHORTEST = 6  # characters of a secret that can be told from chance
LEAKED = "SecretLeaked"
BASE64 = (base64.b64encode, base64.urlsafe_b64encode)
ENCODINGS = ("utf-8", "utf-16-le", "utf-32-le")  # of texts in files; numpy keeps UTF-32


@dataclass(frozen=True)
class Redaction:
    """The secrets of one run and the forms in which their values are looked for."""

    forms: Mapping[str, str] = field(repr=False)  # how values may be written, longest first, and whose each is

    @classmethod
    def of(cls, secrets: Mapping[str, str], environ: Mapping[str, str], content: Mapping[str, Any]) -> Redaction:
        """The redaction of a run, its secrets known to be usable.

        Args:
            secrets: References by parameter.
            environ: The environment that they refer to.
            content: The notebook with its parameters injected, which is to hold none of the values.

        Raises:
            Misuse: A reference cannot be resolved, or its value cannot be kept out of what is written.
        """
        forms: dict[str, str] = {}
        for name, reference in secrets.items():
            try:
                value = Secret(reference).value_in(environ)
            except Misuse as error:
                raise Misuse(f"the secret {name} has no value: {error.message}", hint=error.hint) from None
            if len(value.strip()) < SHORTEST:
                raise Misuse(
                    f"the value of {reference} for {name} is too short to be redacted safely",
                    hint=f"use a secret of at least {SHORTEST} characters",
                )
            forms |= dict.fromkeys(_forms(value), name)
        made = cls(dict(sorted(forms.items(), key=lambda form: -len(form[0]))))
        if secrets:
            _check_absent(made, secrets, content)
        return made

    def around(self, lane: Lane, job: Job, on_cell: OnCell | None = None) -> Ended:
        """Run a job in a lane and redact all that it leaves, however it ends."""
        if not self.forms:
            return lane(job, on_cell)
        try:
            ended = lane(job, on_cell)
        finally:
            leaks = self._clean(job.run_folder)
        if leaks:
            return replace(ended, failure=Failure(LEAKED, _told(leaks)))
        if ended.failure:
            told = ended.failure
            error, message, hint = (self.text(part) for part in (told.error, told.message, told.hint))
            return replace(ended, failure=replace(told, error=error, message=message, hint=hint))
        return ended

    def text(self, text: str) -> str:
        """A text in which each value is replaced by the name of its secret."""
        if not self.held_by(text):
            return text
        pattern = "|".join(re.escape(form) for form in self.forms)
        return re.sub(pattern, lambda found: _mark(self.forms[found[0]]), text)

    def held_by(self, text: str) -> list[str]:
        """The names of the secrets whose values a text holds."""
        return sorted({name for form, name in self.forms.items() if form in text})

    def _clean(self, folder: Path) -> list[tuple[str, list[str]]]:
        """Redact a run's folder; the files that had to go, and the secrets they held."""
        for name, deep in ((NOTEBOOK, True), (RECORD, False)):
            path = folder / name
            if path.is_file() and not path.is_symlink():
                before = path.read_text("utf-8", errors="replace")
                after = self._document(before, deep=deep)
                if after != before:
                    write_whole(path, after)
        found = ((path, self._held_by_file(path, folder)) for path in sorted(folder.rglob("*"), reverse=True))
        leaks = [(path, names) for path, names in found if names]
        for path, _ in leaks:  # what a folder holds comes before the folder
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        return [(self.text(path.relative_to(folder).as_posix()), names) for path, names in reversed(leaks)]

    def _document(self, text: str, *, deep: bool) -> str:
        """A JSON document, redacted as what it means rather than as it is written."""
        try:
            content = json.loads(text)
            if deep:
                self._join_streams(content)
            cleaned = self._value(content, deep=deep)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):  # a cell has written over it
            return self.text(text)
        return text if cleaned == content else json.dumps(cleaned, indent=1)

    def _value(self, value: Any, *, deep: bool) -> Any:
        """A JSON value; deep, in the names and numbers too, where nobody computes with them."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            items = [self._value(item, deep=deep) for item in value]
            whole = "".join(items) if all(isinstance(item, str) for item in items) else ""
            return self.text(whole).splitlines(keepends=True) if self.held_by(whole) else items  # lines of one text
        if isinstance(value, dict):
            return {self.text(key) if deep else key: self._value(item, deep=deep) for key, item in value.items()}
        return self.text(repr(value)) if deep and self.held_by(repr(value)) else value

    def _join_streams(self, content: Any) -> None:
        """Put what a cell printed piece by piece into the first piece, where only the whole holds a secret."""
        for cell in content["cells"]:
            for name in ("stdout", "stderr"):
                pieces = [output for output in cell.get("outputs", ()) if output.get("name") == name]
                texts = ["".join(piece["text"]) for piece in pieces]
                if self.text("".join(texts)) != "".join(self.text(text) for text in texts):
                    pieces[0]["text"] = "".join(texts)
                    for piece in pieces[1:]:
                        piece["text"] = ""

    def _held_by_file(self, path: Path, folder: Path) -> list[str]:
        names = set(self.held_by(path.relative_to(folder).as_posix()))
        if path.is_file() and path.stat().st_size:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                for form, name in self.forms.items():
                    if any(content.find(form.encode(encoding)) >= 0 for encoding in ENCODINGS):
                        names.add(name)
        return sorted(names)


def _forms(value: str) -> set[str]:
    """The texts in which a value may show itself.

    >>> sorted(_forms("s&same"))
    ['732673616D65', '732673616d65', 'Mmc2FtZ', 'cyZzYW1l', 's%26same', 's&amp;same', 's&same', 'zJnNhbW']
    """
    data = value.encode("utf-8")
    texts = {value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], repr(value)[1:-1]}
    texts |= {html.escape(value), quote(value, safe=""), data.hex(), data.hex().upper()}
    for offset in range(3):  # base64 of more than the value: only what the value alone decides
        first, last = -(-8 * offset // 6), 8 * (offset + len(data)) // 6
        texts |= {encode(bytes(offset) + data).decode()[first:last] for encode in BASE64}
    return texts


def _mark(name: str) -> str:
    return f"[secret: {name}]"


def _check_absent(redaction: Redaction, secrets: Mapping[str, str], content: Mapping[str, Any]) -> None:
    """Refuse what would show a secret whatever the cells do.

    Raises:
        Misuse: A value stands in the notebook, in its parameters or in the mark that replaces it.
    """
    cells = ["".join(cell["source"]) for cell in content["cells"]]
    held = redaction.held_by("\n".join((*cells, json.dumps(content), *map(_mark, secrets))))
    if held:
        raise Misuse(
            f"the value of the secret {', '.join(held)} stands in the notebook or its parameters",
            hint="refer to it only, and use a secret that is no common word",
        )


def _told(leaks: Sequence[tuple[str, list[str]]]) -> str:
    """Which files were removed, and why."""
    return "; ".join(f"{file} held the secret {', '.join(names)} and was removed" for file, names in leaks)
