"""The archive: every finished experiment of a workspace, failures too, as the ledger tells them.

An experiment is what a run hands over as a finding of kind "experiment"; looked at again, under the
same name and hypothesis, it is the same experiment, and its last look counts: an estimate taken
early because it looked good is never what is learned from. Decisions and lessons may come later, and
past experiments from elsewhere may be brought in (`workbench.experiments.imported`). One pass over
the ledger reads all; a run's folder is opened only when its cube is asked for.

    archive = Archive.read(bench.ledger, bench.root)
    [past.key for past in archive.search("free shipping", verdicts=["fail"])]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from workbench.batch.folders import runs_folder
from workbench.errors import Misuse
from workbench.experiments import words
from workbench.experiments.past import ArmEffect, Effects, Past, Verdict, key_of
from workbench.ledger import Entry, Ledger, digest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Archive", "ArmEffect", "Past", "decide"]

IMPORTED = "experiment.imported"
DECIDED = "experiment.decided"
UNSETTLED: Verdict = "not enough evidence"
KINDS = ("run.finished", IMPORTED, DECIDED)
CERTAINTY = 0.95  # of the intervals of a run that does not say which
PREFIX = "experiment/"  # of the subject of a finding, an import and a decision


@dataclass(frozen=True)
class Archive:
    """The finished experiments of a workspace."""

    pasts: tuple[Past, ...]  # newest first

    @classmethod
    def read(cls, ledger: Ledger, root: Path) -> Archive:
        """All that the ledger tells, in one pass.

        Args:
            ledger: Where runs, imports and decisions are told.
            root: The workspace.
        """
        runs, found = runs_folder(root), dict[str, Past]()
        for entry in ledger.entries(kind=KINDS):
            if entry.kind == DECIDED:
                _decide(found, entry)
                continue
            for past in [_brought(entry)] if entry.kind == IMPORTED else _run(entry, runs):
                key = past.key
                found[key] = past if key not in found else _again(found.pop(key), past)
        return cls(tuple(sorted(found.values(), key=lambda past: past.at, reverse=True)))

    def __len__(self) -> int:
        return len(self.pasts)

    def __iter__(self) -> Iterator[Past]:
        return iter(self.pasts)

    @property
    def digest(self) -> str:
        """SHA-256 of what is told of the experiments, in hex."""
        return digest([[p.name, p.run_id, p.at.isoformat(), p.data_digest, p.decision, p.sentence] for p in self])

    @property
    def sentence(self) -> str:
        """How many experiments there are, and how they ended."""
        counts = Counter(past.verdict for past in self)
        ended = f"{counts['pass']} with a better arm, {counts['fail']} failed, {counts[UNSETTLED]} not settled"
        made_up = sum(past.simulated for past in self)
        beside = f"; {made_up} of them on made-up data" if made_up else ""
        return f"{words.counted(len(self), 'experiment')}: {ended}{beside}"

    @property
    def real(self) -> Archive:
        """Those whose data was not made up: what is learned from, and counted."""
        return Archive(tuple(past for past in self if not past.simulated))

    @property
    def metrics(self) -> dict[str, int]:
        """How many experiments measured each metric, the most frequent first."""
        counted: dict[str, int] = {}
        for past in self:
            for name in past.metrics:
                counted[name] = counted.get(name, 0) + 1
        return dict(sorted(counted.items(), key=lambda pair: -pair[1]))

    def table(self) -> pd.DataFrame:
        """One row an experiment, newest first."""
        import pandas as pd

        columns = ["ended", "experiment", "hypothesis", "what came out", "verdict", "decision", "lesson"]
        rows = [(f"{p.at:%Y-%m-%d}", p.name, p.hypothesis, p.sentence, p.outcome, p.decided, p.lesson) for p in self]
        return pd.DataFrame(rows, columns=columns)

    def search(
        self,
        text: str = "",
        *,
        verdicts: Collection[Verdict] = (),
        since: date | None = None,
        until: date | None = None,
        metric: str = "",
    ) -> Archive:
        """Those that match all that is given.

        Args:
            text: Words, each of which stands somewhere in name, hypothesis, decision, lesson, sentence or metrics.
            verdicts: Only those with one of these; empty: with any.
            since: Only those told on this day or later.
            until: Only those told before this day.
            metric: Only those that measured this.
        """
        parts = text.casefold().split()
        wanted = metric.strip().casefold()
        return Archive(
            tuple(
                past
                for past in self
                if (not verdicts or past.verdict in verdicts)
                and (since is None or past.at.date() >= since)
                and (until is None or past.at.date() < until)
                and (not wanted or wanted in map(str.casefold, past.metrics))
                and all(part in _text(past) for part in parts)
            )
        )

    def named(self, name: str) -> Past:
        """The one experiment of a key, of the run that looked at it last, or of a name.

        Raises:
            Misuse: There is none, or there are several of the name.
        """
        found = [past for past in self if name in (past.key, past.run_id)] or [p for p in self if p.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            told = "; ".join(f"{past.key} ({past.hypothesis or 'no hypothesis'})" for past in found)
            raise Misuse(f"{len(found)} experiments are called {name!r}: {told}", hint=f"say which: {found[0].key}")
        import difflib

        near = difflib.get_close_matches(name, {past.name for past in self}, n=1)
        hint = f"did you mean {near[0]}?" if near else "workbench archive lists all"
        raise Misuse(f"the archive has no experiment {name!r}", hint=hint)


def decide(
    ledger: Ledger, past: Past, decision: str, *, why: str, lesson: str = "", actor: str, now: datetime
) -> Entry:
    """Tell what was decided after an experiment, and what it taught.

    Raises:
        Misuse: The decision or its reason is empty.
    """
    if not (decision.strip() and why.strip()):
        raise Misuse("a decision needs its word and its reason", hint='e.g. ship --why "the gain pays for itself"')
    body: dict[str, Any] = {
        "decision": decision.strip(),
        "why": why.strip(),
        "lesson": lesson.strip(),
        "place": past.place,
    }
    body |= {"simulated": True} if past.simulated else {}
    return ledger.append(DECIDED, subject=PREFIX + past.name, actor=actor, why=why.strip(), body=body, now=now)


def _text(past: Past) -> str:
    parts = (past.name, past.hypothesis, past.decision, past.why, past.lesson, past.sentence, *past.metrics)
    return "\n".join(parts).casefold()


def _decide(found: dict[str, Past], entry: Entry) -> None:
    key = key_of(entry.subject.removeprefix(PREFIX), entry.body["place"], simulated=bool(entry.body.get("simulated")))
    if key in found:
        past, body = found[key], entry.body
        found[key] = replace(past, decision=body["decision"], why=body["why"], lesson=body.get("lesson") or past.lesson)


def _again(before: Past, now: Past) -> Past:
    """An experiment looked at once more: the last look counts, what was said before is kept beside it."""
    same = before.data_digest == now.data_digest and before.design_digest == now.design_digest
    return replace(
        now,
        decision=now.decision or before.decision,  # told once, they hold until others are told
        why=now.why or before.why,
        lesson=now.lesson or before.lesson,
        earlier=before.earlier if same else (*before.earlier, before.metrics),
    )


def _run(entry: Entry, runs: Path) -> list[Past]:
    """The experiments that a run told of; a rerun tells nothing new."""
    body = entry.body
    if body.get("reproduces"):
        return []
    return [_told(entry, finding, runs) for finding in body.get("findings", ()) if finding["kind"] == "experiment"]


def _told(entry: Entry, finding: Mapping[str, Any], runs: Path) -> Past:
    """What a run's finding says of its experiment."""
    body = entry.body
    given, decided, about = body["parameters"], body.get("decision") or {}, body.get("about") or {}
    details = finding.get("details") or {}
    metrics = _ordered(_effects(details.get("metrics", {}), given.get("certainty", CERTAINTY)), details.get("order"))
    return Past(
        name=finding["subject"].removeprefix(PREFIX),
        run_id=entry.subject.partition("/")[2],
        at=entry.at,
        owner=str(about.get("owner") or entry.actor),
        hypothesis=str(about.get("hypothesis") or given.get("hypothesis") or ""),
        decision=str(decided.get("decision", "")),
        why=str(decided.get("why", "")),
        lesson=" ".join(body.get("lessons", ())),
        sentence=finding["sentence"],
        verdict=finding["verdict"],
        metrics=metrics,
        control=_control(details["metrics"]) if metrics else "",
        earlier=(),
        design_digest=str(details.get("design_digest", "")),
        data_digest=finding["data_digest"],
        folder=runs / str(body["folder"]),
        simulated=details.get("simulated") is True,
        sound=not metrics or (details.get("sample_ratio") or {}).get("passed") is not False,
    )


def imported(name: str, body: Mapping[str, Any], *, owner: str, at: datetime) -> Past:
    """A past experiment from elsewhere, as an entry has it; owner and time where it names none."""
    return Past(
        name=name,
        run_id="",
        at=datetime.fromisoformat(body["at"]) if body["at"] else at,
        owner=body["owner"] or owner,
        hypothesis=body["hypothesis"],
        decision=body["decision"],
        why="",
        lesson=body["lesson"],
        sentence=body["sentence"],
        verdict=body["verdict"],
        metrics={
            metric: {arm: ArmEffect(**e) for arm, e in body["metrics"][metric].items()} for metric in body["order"]
        },
        control="",
        earlier=(),
        design_digest="",
        data_digest="",
        folder=None,
    )


def _brought(entry: Entry) -> Past:
    return imported(entry.subject.removeprefix(PREFIX), entry.body, owner=entry.actor, at=entry.at)


def _ordered(effects: Effects, order: Any) -> Effects:
    """Metrics as the design has them, the first one decides; the ledger sorts them by name."""
    first = [name for name in order if name in effects] if isinstance(order, list) else []
    return {name: effects[name] for name in (*first, *(name for name in effects if name not in first))}


def _control(metrics: Mapping[str, Any]) -> str:
    return next((arm for arms in metrics.values() for arm, r in arms.items() if r.get("verdict") == "control"), "")


def _effects(metrics: Any, certainty: float) -> Effects:
    """What an analysis told of its arms; nothing where a notebook told it in a form of its own."""
    try:
        return _read_effects(metrics, certainty)
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _read_effects(metrics: Mapping[str, Any], certainty: float) -> Effects:
    """The arms' effects as the data alone has them, before a prior; their errors taken from the intervals."""
    reach = 2 * float(special.ndtri((1 + certainty) / 2))
    found: dict[str, dict[str, ArmEffect]] = {}
    for name, arms in metrics.items():
        base = next((r["mean"] for r in arms.values() if r.get("verdict") == "control"), None)
        for arm, r in arms.items():
            if r.get("verdict") == "control":
                continue
            raw = r.get("raw") or dict(zip(("low", "high"), r["interval"], strict=True)) | r
            error, relative = (raw["high"] - raw["low"]) / reach, raw.get("relative")
            found.setdefault(name, {})[arm] = ArmEffect(
                effect=raw["effect"],
                error=error,
                relative=relative,
                relative_error=_relative_error(error, relative, base) if relative is not None and base else None,
                n=None if r.get("n") is None else int(r["n"]),
                chance_to_win=r.get("chance_to_win"),
                verdict=str(r.get("verdict", "")),
            )
    return found


def _relative_error(error: float, relative: float, base: float) -> float:
    """By the delta method, the error of the difference shared equally by both arms."""
    return float(error * np.sqrt((1 + (1 + relative) ** 2) / 2) / abs(base))
