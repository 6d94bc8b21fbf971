"""The canaries of a workspace: started and stopped by whoever acts, gone on with by the controller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from workbench.errors import WorkbenchError
from workbench.monitoring.canaries import Canary, Controller, Done, Plan
from workbench.monitoring.canaries.reading import running
from workbench.monitoring.declared import Objectives, objectives
from workbench.promotion import declaration

if TYPE_CHECKING:
    from workbench.bench.engines import Engines
    from workbench.policy import Decision


class Canaries:
    """What is tried on a part of the traffic."""

    def __init__(self, bench: Engines) -> None:
        self._bench = bench
        self._controller = Controller(bench.ledger, bench.gate, bench.log, bench.canary_store, bench.loads)

    def plan(self, model: str, given: Mapping[str, Any] | None = None) -> Plan:
        """The plan of a model's canary: as declared, and as given where something is.

        Raises:
            Misuse: What is declared or given is none.
        """
        declared = Plan.declared(declaration(self._bench.ledger, model))
        return Plan.of({**declared.as_dict(), **(given or {})})

    def problems(self, model: str) -> tuple[str, ...]:
        """What of a model's declaration cannot be kept to, in words."""
        return objectives(self._bench.ledger).get(model, Objectives()).problems

    def start(self, model: str, version: int, why: str, *, given: Mapping[str, Any] | None = None) -> Done:
        """Plan a canary and give it its first share."""
        bench = self._bench
        return self._controller.start(
            model, version, self.plan(model, given), actor=bench.actor, why=why, now=bench.now()
        )

    def first_step(self, model: str, version: int, why: str, plan: Plan) -> Decision:
        """What the policy would say to the first step; writes nothing.

        Raises:
            Misuse: The canary cannot be started.
        """
        bench = self._bench
        bench.ledger.version(model, version)
        self._controller.check(model, version, plan, bench.now())
        return bench.gate.judge(
            model, version, action="stage", now=bench.now(), actor=bench.actor, why=why, slot="canary",
            weight=plan.steps[0],
        )  # fmt: skip

    def stop(self, model: str, why: str) -> Done:
        """End a model's canary and take it off the traffic."""
        return self._controller.stop(model, actor=self._bench.actor, why=why, now=self._bench.now())

    def status(self, model: str | None = None, *, alive: bool = False) -> list[Canary]:
        """The canary in progress of each model, or its last one, with what its judge says."""
        return self._controller.canaries(self._bench.now(), model, alive=alive)

    def once(
        self,
        *,
        models: Sequence[str] = (),
        dry_run: bool = False,
        tell: Callable[[str], None] = lambda _: None,
    ) -> list[Done]:
        """One pass over the canaries in progress."""
        return self._controller.once(self._bench.now(), models=models, dry_run=dry_run, tell=tell)

    def run(self, told: Callable[[Done], None], *, asked: Event, until_idle: bool = False) -> None:
        """Pass after pass, until it is asked to stop; what fails is tried again at the next.

        Args:
            told: Is told of each act and of each new problem.
            asked: Is set when it is to stop.
            until_idle: Stop as well where no canary is in progress any more.
        """
        before: dict[str, str] = {}
        while not asked.is_set():
            try:
                done = self.once()
                for one in done:
                    if one.act != "hold" or before.get(one.model) != one.problem:
                        told(one)
                    before[one.model] = one.problem
                if until_idle and not running(self._bench.ledger):
                    return
            except WorkbenchError as error:  # the ledger is out of reach: nothing is known, nothing is done
                if before.get("") != error.message:
                    told(Done("", 0, "hold", error.message, problem=error.message))
                before[""] = error.message
            asked.wait(self._bench.settings.canary_seconds)
