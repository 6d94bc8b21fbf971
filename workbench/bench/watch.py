"""The watch of a workspace: passes over what is served, incidents, and thresholds tried on what is stored."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from workbench.bench.canaries import Canaries
from workbench.errors import Misuse
from workbench.monitoring.canary_status import CanaryStatus, canary_status, driven
from workbench.monitoring.declared import Objectives, objectives
from workbench.monitoring.glance import Glance, glance
from workbench.monitoring.incidents import Incident, acknowledge, incident, incidents, resolve
from workbench.monitoring.passes import Keeping, Looked, Pass, one_pass
from workbench.monitoring.replay import Limits, Replay, replay

if TYPE_CHECKING:
    from workbench.bench.engines import Engines
    from workbench.data import Profile
    from workbench.ledger import Head, ModelVersion
    from workbench.monitoring.alerts import Alert, Heard
    from workbench.monitoring.automatic import Acted
    from workbench.monitoring.close import Close

PATIENCE = 300.0  # seconds that a pass in a process of its own may take
AT_FIRST = 5.0  # seconds that a scrape waits for the first of them
FRESH = timedelta(minutes=1)  # for which a pass is told again to whoever scrapes
CURRENT = timedelta(seconds=20)  # for which a look is not taken again for a page
AT_ONCE = 0.15  # seconds that a glance spends on looks; the rest is left for the next


class Watch:
    """What a bench watches."""

    def __init__(self, bench: Engines, profile_of: Callable[[ModelVersion], Profile | None]) -> None:
        self._bench = bench
        self._profile_of = profile_of
        self._one = threading.Lock()
        self._last: Pass | None = None  # that a scrape was told
        self._told = ""  # what a process of its own told last
        self._told_at: datetime | None = None  # when it was begun
        self._looking: threading.Thread | None = None  # that waits for it
        self._looks: dict[str, Looked] = {}  # the last at each model, for pages
        self._problems: dict[str, tuple[str, ...]] = {}
        self._canaries: dict[str, CanaryStatus] = {}

    @property
    def window(self) -> timedelta:
        """How far a pass looks back."""
        return timedelta(hours=self._bench.settings.monitoring_hours)

    def once(
        self,
        *,
        models: Sequence[str] = (),
        hours: float | None = None,
        write: bool = True,
        summarise: bool = True,
        labels: bool = True,
        tell: Callable[[str], None] = lambda _: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> Pass:
        """One pass over every champion, worst first.

        Args:
            models: Only these, in this order; empty: all.
            hours: How far to look back; None: as the settings say.
            write: Whether incidents are opened and resolved.
            summarise: Whether the summaries are brought up to date first; a notebook only reads.
            labels: Whether hours of more than two days ago are made anew where labels came for them.
            tell: Is told what is looked at.
            enough: Is asked after each model; where it says so, the rest is left for another pass.
        """
        bench = self._bench
        keeping = Keeping(
            timedelta(days=bench.settings.summary_hours_days), timedelta(days=bench.settings.summary_days)
        )
        return one_pass(
            bench.ledger,
            bench.log,
            bench.summaries,
            self._profile_of,
            now=bench.now(),
            window=self.window if hours is None else timedelta(hours=hours),
            keeping=keeping,
            models=models,
            write=write,
            summarise=summarise,
            share_of=bench.log_policy.share_of,
            killed=lambda head: bench.loads.killed(head),
            labels=labels,
            tell=tell,
            enough=enough,
        )

    def act(self, done: Pass | None = None, *, models: Sequence[str] = (), dry_run: bool = False) -> list[Acted]:
        """Roll back the champions whose incidents call for it, where their declarations allow it.

        Args:
            done: The pass that has just looked, for the figures of what failed.
            models: Only these; empty: all.
            dry_run: Only say what would be done.
        """
        from workbench.monitoring.automatic import act

        signals = {one.watched.subject.model: one.watched.failing for one in done.models} if done else {}
        bench = self._bench
        return act(bench.ledger, bench.gate, now=bench.now(), models=models, signals=signals, dry_run=dry_run)

    def hear(self, alerts: Iterable[Alert]) -> Heard:
        """Keep what Alertmanager tells, as incidents; the same again changes nothing."""
        from workbench.monitoring.alerts import hear

        return hear(self._bench.ledger, alerts, now=self._bench.now())

    def acts_for(self, models: Iterable[str]) -> list[str]:
        """Those of the models that may be rolled back without a person."""
        from workbench.monitoring.automatic import allowed
        from workbench.promotion import declaration

        return [model for model in models if allowed(declaration(self._bench.ledger, model))]

    def exposition(self) -> str:
        """What a scrape is told, from a pass that is at most a minute old; opens no incident."""
        from workbench.monitoring.exposition import exposition

        with self._one:
            if self._last is None or self._bench.now() - self._last.at > FRESH:
                self._last = self.once(write=False)
            return exposition(self._last)

    def exposition_aside(self) -> str:
        """The same from a process of its own, so that whoever answers requests meanwhile is not held up.

        A scrape is told the last pass that is done; where that was begun more than a minute ago, the next one is
        begun. The first is waited for, no longer than whoever scrapes waits.
        """
        with self._one:
            now = self._bench.now()
            over = self._looking is None or not self._looking.is_alive()
            if over and (self._told_at is None or now - self._told_at >= FRESH):
                self._told_at = now
                self._looking = threading.Thread(target=self._look_aside, daemon=True)
                self._looking.start()
            looking = self._looking
        if not self._told and looking is not None:
            looking.join(AT_FIRST)
        return self._told or "# the first look at what is served is not over yet\n"

    def _look_aside(self) -> None:
        program = [sys.executable, "-m", "workbench", "monitor", "metrics", "--workspace", str(self._bench.root)]
        try:
            done = subprocess.run(
                program, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
            )
            said = done.stdout if not done.returncode else ""
            why = " ".join(done.stderr.split())[:300]
        except (OSError, subprocess.TimeoutExpired) as error:
            said, why = "", str(error)
        self._told = said or f"# the watch failed: {why}\n"

    # what the page shows

    def glance(self, seconds: float = AT_ONCE) -> Glance:
        """All that is served, worst first; opens no incident.

        Models are looked at again in turn, those that were not looked at for longest first, and no more of them
        than there is time for; of the others the last look is told, and what has been stored since. Labels that
        come late are left to a pass (`once`), and to whoever looks at a model closely.

        Args:
            seconds: To be spent on looks.
        """
        bench, now = self._bench, self._bench.now()
        heads = [head for head in bench.ledger.heads() if head.slot == "champion" and head.version is not None]
        served = [head.model for head in heads]
        self._looks = {model: look for model, look in self._looks.items() if model in set(served)}
        due = [head.model for head in heads if not self._is_current(head, now)]
        if due:
            never = now - timedelta(days=36500)
            due.sort(key=lambda model: self._looks[model].watched.at if model in self._looks else never)
            end = perf_counter() + seconds
            self._take(self.once(models=due, write=False, labels=False, enough=lambda: perf_counter() > end))
        told = [
            problem for model, problems in sorted(self._problems.items()) if model in served for problem in problems
        ]
        return glance(bench.ledger, bench.summaries, self._looks, now=now, window=self.window, problems=told)

    def close(self, model: str) -> Close:
        """One model closely, looked at anew.

        Raises:
            Misuse: It has no champion.
        """
        from workbench.monitoring.close import closely

        bench = self._bench
        head = bench.ledger.head(model)
        if head is None or not self._is_current(head, bench.now()):
            self._take(self.once(models=[model], write=False))
        if model not in self._looks:
            raise Misuse(f"{model} has no champion", hint="workbench models")
        return closely(
            bench.ledger, bench.summaries, self._looks[model], canary=self.canary(model), way_back=self._way_back(model)
        )

    def canary(self, model: str) -> CanaryStatus | None:
        """What the judge has seen of a model's canary; None where there is none."""
        bench, head = self._bench, self._bench.ledger.head(model)
        if head is not None and head.version is not None:
            for planned in Canaries(bench).status(model, alive=True):
                if (known := driven(planned, head.version)) is not None:
                    return known
        kept = objectives(bench.ledger).get(model, Objectives())
        found = canary_status(
            bench.ledger, bench.log, model, kept, now=bench.now(), before=self._canaries.pop(model, None)
        )
        if found is not None:
            self._canaries[model] = found
        return found

    def _is_current(self, head: Head, now: datetime) -> bool:
        look = self._looks.get(head.model)
        if look is None or look.watched.subject.version != head.version:
            return False
        return now - look.watched.at < CURRENT

    def _take(self, done: Pass) -> None:
        for looked in done.models:
            model = looked.watched.subject.model
            self._looks[model] = looked
            self._problems[model] = tuple(one for one in done.problems if one.startswith(f"{model}: "))

    def _way_back(self, model: str) -> int | None:
        try:
            return self._bench.gate.before(model)
        except Misuse:
            return None

    def rebuild(self, models: Sequence[str] = ()) -> None:
        """Forget summaries, so that the next pass makes them anew from the prediction log."""
        store = self._bench.summaries
        for model in models or store.models():
            store.forget(model)

    def replay(self, limits: Limits, *, since: datetime, until: datetime, models: Sequence[str] = ()) -> Replay:
        """Which alarms these limits would have raised; writes nothing."""
        return replay(
            self._bench.ledger,
            self._bench.summaries,
            self._profile_of,
            limits,
            since=since,
            until=until,
            window=self.window,
            models=models,
        )

    # incidents

    def incidents(self, model: str | None = None, *, alive: bool = True) -> list[Incident]:
        """Incidents, those to act on first."""
        return incidents(self._bench.ledger, model, alive=alive)

    def incident(self, id_: str) -> Incident:
        """One incident by its id or the beginning of it."""
        return incident(self._bench.ledger, id_)

    def acknowledge(self, id_: str, why: str) -> Incident:
        """Take an incident on."""
        return acknowledge(self._bench.ledger, id_, actor=self._bench.actor, why=why, now=self._bench.now())

    def resolve(self, id_: str, why: str) -> Incident:
        """Say that an incident is over, and why."""
        done = resolve(self._bench.ledger, id_, actor=self._bench.actor, why=why, now=self._bench.now())
        self._looks.pop(done.model, None)  # how it stands is told anew
        return done
