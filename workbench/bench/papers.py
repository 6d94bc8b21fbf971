"""What leaves a workspace about one version: certificate, card, documentation; gathered, signed and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError
from workbench.ledger import Ledger

if TYPE_CHECKING:
    from workbench.bench.composition import Bench
    from workbench.evidence.cards import Card
    from workbench.evidence.known import Known

VERIFIER = "verify_certificate.py"


class Papers:
    """The papers of one workspace's versions."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def known(self, model: str, version: int) -> Known:
        """All that the ledger knows of a version.

        Raises:
            Misuse: It is not registered.
        """
        from workbench.evidence.known import gather
        from workbench.evidence.needed import for_card

        self._ledger.version(model, version)  # refused with the names that there are
        return gather(for_card(self._ledger, model, version), model, version, now=self._bench.now())

    def card(self, model: str, version: int) -> Card:
        """The model card of a version."""
        from workbench.evidence.cards import model_card

        return model_card(self.known(model, version))

    def documentation(self, model: str, version: int) -> Card:
        """The technical documentation of a version."""
        from workbench.evidence.cards import documentation

        return documentation(self.known(model, version))

    def certificate(self, model: str, version: int) -> dict[str, Any]:
        """The signed certificate of a version's promotion.

        Raises:
            Misuse: It was never promoted.
            EngineError: Its files are not those that were registered.
        """
        from workbench.data.digests import file_digests
        from workbench.evidence.certificate import Signed, certify, grounds
        from workbench.evidence.needed import for_certificate

        bench = self._bench
        known = self._ledger.version(model, version)
        grounds(for_certificate(self._ledger, model, version), model, version)  # refused before anything is signed
        files = file_digests(bench.store.folder(known))
        key, now = bench.signing_key, bench.now()
        checkpoint = self._ledger.checkpoint(actor=bench.actor, now=now)
        signed = Signed(checkpoint, lambda seq: self._ledger.prove(seq, checkpoint.size))
        found = grounds(for_certificate(self._ledger, model, version), model, version)
        return certify(found, files, ledger=signed, key=key, actor=bench.actor, now=now)

    def write_pack(self, model: str, version: int, folder: Path) -> list[Path]:
        """Write the documentation with card, certificate, verifier, evidence and lineage into a folder.

        Returns:
            The files, in the order of their names.

        Raises:
            EngineError: The folder cannot be written.
        """
        from workbench.bench.workspace import shipped

        known, pages = self.known(model, version), {}
        for name, card in (("documentation", self.documentation(model, version)), ("card", self.card(model, version))):
            pages[f"{name}.html"], pages[f"{name}.md"] = card.as_html(), card.as_markdown()
        part = self._bench.traces.version(model, version)
        pages["lineage.json"] = json.dumps(part.as_json(), indent=1, ensure_ascii=False)
        pages["entries.jsonl"] = "".join(f"{json.dumps(e.as_dict(), ensure_ascii=False)}\n" for e in known.history)
        for kind, entry in known.evidence.items():
            pages[f"evidence-{_plain(kind)}.json"] = json.dumps(entry.body, indent=1, ensure_ascii=False)
        if known.granted is not None:
            pages["certificate.json"] = json.dumps(self.certificate(model, version), indent=1)
            pages[VERIFIER] = (shipped("templates") / VERIFIER).read_text("utf-8")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in pages.items():
                (folder / name).write_text(text, "utf-8")
        except OSError as error:
            raise EngineError(
                f"{folder} cannot be written: {error.strerror or error}", hint="choose another folder"
            ) from error
        return [folder / name for name in sorted(pages)]

    @property
    def _ledger(self) -> Ledger:
        return self._bench.ledger


def _plain(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)[:60] or "evidence"
