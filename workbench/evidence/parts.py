"""What there is to say of a version, part by part: statements with their entries, and holes where nothing is.

Each function is one part; a model card and a technical documentation are two choices of them.

Rule: no sentence here says more than an entry does. What nobody recorded is a hole, with the command that
fills it where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from shlex import quote
from typing import Any

from workbench.data.holds import over_answers, over_data, over_logs
from workbench.data.retention import DATA, LOGS, PREDICTIONS, Window
from workbench.evidence.blocks import Block, Hole, Quoted, Said, Section, Table
from workbench.evidence.known import Known
from workbench.evidence.retention import span
from workbench.ledger import Entry

MOST_FIGURES = 40  # rows of one table
TITLES = {
    "performance": "How well it does",
    "fairness": "Fairness",
    "calibration": "Calibration",
    "drift": "Drift of what it is asked",
    "quality": "Quality of the data",
    "comparison": "Against another version",
    "skew": "Training against serving",
}
FILL = {
    "performance": "performance_audit",
    "fairness": "fairness_audit",
    "drift": "drift_check",
}
OUTSIDE = "No notebook can find this out; whoever answers for the system keeps it beside this documentation."


def identity(known: Known) -> Section:
    """Which version this is."""
    version, entry = known.version, known.registered
    mlflow = entry.body.get("mlflow") or {}
    rows = [
        ("Model and version", f"{version.model} {version.version}"),
        ("Stage", known.stage),
        ("Registered", f"{_day(version.registered_at)} by {version.registered_by}"),
        ("Answers yes from a score of", "no threshold" if version.threshold is None else f"{version.threshold:g}"),
        ("Feature set", version.feature_set),
        ("Kind of model", ", ".join(mlflow.get("flavors", ())) or "not recorded"),
        ("Model files, SHA-256", version.model_digest),
        ("Kept by MLflow at", version.source),
    ]
    blocks: list[Block] = [Table("What it is", ("", ""), tuple(rows), (entry.seq,)), Said(entry.why, (entry.seq,))]
    return Section("General description", (*blocks, *_purpose(known)))


def _purpose(known: Known) -> Iterator[Block]:
    about = known.trained.body.get("about") if known.trained else None
    if about and known.trained:
        words = "; ".join(f"{name}: {value}" for name, value in about.items())
        yield Said(f"What the notebook that trained it says it is for: {words}", (known.trained.seq,))
    else:
        name = quote(known.version.model)
        yield Hole(
            "the purpose it was trained for, its hypothesis and its owner",
            f'workbench new model --hypothesis "…" -p model={name}',
        )


def data(known: Known) -> Section:
    """What it learned from."""
    blocks: list[Block] = []
    if known.trained is None or not known.data:
        blocks.append(Hole("the data it was trained on", _train(known)))
    else:
        rows = [(str(d["name"]), f"{d['rows']:,}", str(d["digest"])) for d in known.data]
        blocks.append(
            Table("What was read", ("Data", "Rows", "SHA-256 of all content"), tuple(rows), (known.trained.seq,))
        )
        blocks += _sources(known.trained)
    quality = known.evidence.get("quality")
    blocks += _finding(quality) if quality else [Hole("an audit of the data's quality", _run("data_quality", known))]
    blocks += _windows(known)
    return Section("Data", tuple(blocks))


def _sources(run: Entry) -> Iterator[Block]:
    for source in run.body.get("sources", ()):
        dvc = source.get("dvc")
        if dvc:
            yield Said(f"{source['path']} is tracked by DVC: md5 {dvc['md5']}", (run.seq,))
        for view in source.get("feast", ()):
            yield Said(f"{source['path']} feeds the feature view {view['project']}.{view['view']}", (run.seq,))


def _windows(known: Known) -> Iterator[Block]:
    named = [f"{DATA}{d['digest']}" for d in known.data]
    wanted = {
        **dict.fromkeys(named, "the training data"),
        f"{PREDICTIONS}{known.version.model}": "its answers",
        LOGS: "logs",
    }
    model = known.version.model
    for subject, words in wanted.items():
        hold = (
            over_data(known.holds, subject, model)
            if subject.startswith(DATA)
            else over_logs(known.holds)
            if subject == LOGS
            else over_answers(known.holds, model)
        )
        if hold is not None:
            yield Said(f"{words[0].upper()}{words[1:]} ({subject}) may not be removed: {hold.sentence}", (hold.seq,))
        window = known.retention.get(subject) or (
            known.retention.get(f"{PREDICTIONS}*") if subject.startswith(PREDICTIONS) else None
        )
        if window is None:
            way = "--days 365" if not subject.startswith(DATA) else "--until DATE"
            yield Hole(
                f"how long {words} may be kept ({subject})",
                f'workbench retention declare {quote(subject)} {way} --why "…"',
            )
        else:
            yield Said(f"{words[0].upper()}{words[1:]} ({subject}): {_kept(window, known)}")


def _kept(window: Window, known: Known) -> str:
    left = window.days_left(known.at)
    told = f"{window.days:g} days" if window.days is not None else ""
    if left is None:
        return f"kept for {told}"
    state = f"{span(left)} left" if left >= 0 else f"expired {span(-left)} ago"
    return f"until {_day(window.end.isoformat() if window.end else '')}, {state}"


def training(known: Known) -> Section:
    """How it was made, so that it can be made again."""
    if known.trained is None:
        return Section("How it was made", (Hole("the run that trained it", _train(known)),))
    run = known.trained
    rows = [
        ("Notebook", str(run.body.get("name"))),
        ("Notebook's cells, SHA-256", str(run.body.get("notebook_digest"))),
        ("Environment, SHA-256", str(run.body.get("environment") or "not recorded")),
        ("Run", known.version.run_id),
        ("Design registered before data was read", str(run.body.get("design") or "none")),
    ]
    given = tuple((name, str(value)) for name, value in sorted(run.body.get("parameters", {}).items()))
    blocks: list[Block] = [Table("The run", ("", ""), tuple(rows), (run.seq,))]
    if given:
        blocks.append(Table("Parameters", ("Parameter", "Value"), given, (run.seq,)))
    blocks.append(Said(f"Again: workbench rerun {known.version.run_id}"))
    return Section("How it was made", tuple(blocks))


def findings(known: Known, *kinds: str, needed: tuple[str, ...] = ()) -> Iterator[Section]:
    """The newest evidence of some kinds, or of all others where none is named; a hole for each that is needed."""
    for kind in kinds or [kind for kind in known.evidence if kind not in TITLES]:
        entry = known.evidence.get(kind)
        title = TITLES.get(kind, kind.capitalize())
        if entry is not None:
            yield Section(title, tuple(_finding(entry)))
        elif kind in needed:
            yield Section(
                title, (Hole(f"{kind} evidence about {known.subject}", _run(FILL.get(kind, f"{kind}_audit"), known)),)
            )


def _finding(entry: Entry) -> Iterator[Block]:
    body = entry.body
    yield Said(f"{str(body['verdict']).capitalize()}: {body['sentence']}", (entry.seq,))
    rows = [
        (
            name,
            _number(figure.get("value")),
            f"{_number(figure.get('low'))} to {_number(figure.get('high'))}" if figure.get("low") is not None else "",
            f"{figure['probability']:.3f} to reach {_number(figure.get('target'))}"
            if figure.get("probability") is not None
            else "",
            "" if figure.get("n") is None else f"{figure['n']:,}",
        )
        for name, figure in sorted(body["figures"].items())
    ]
    if rows:
        heads = ("Figure", "Value", "95 % interval", "Probability", "Cases")
        yield Table(f"Measured {_day(str(body['at']))}", heads, tuple(rows[:MOST_FIGURES]), (entry.seq,))
    yield from _groups(entry)


def _groups(entry: Entry) -> Iterator[Block]:
    groups = (entry.body.get("details") or {}).get("groups")
    if not isinstance(groups, list) or not groups:
        return
    rows = [
        (
            f"{group.get('by')}: {', '.join(map(str, group.get('group', ())))}",
            f"{group.get('n', 0):,}",
            _number((group.get("rates", {}).get("selection_rate") or {}).get("value")),
            "yes" if group.get("compared") else "no: too few",
        )
        for group in groups[:MOST_FIGURES]
    ]
    yield Table("By group", ("Group", "Cases", "Selection rate", "Compared"), tuple(rows), (entry.seq,))


def oversight(known: Known) -> Section:
    """Who decided, by which rules, and who had to agree."""
    blocks: list[Block] = []
    for entry in known.decisions:
        said = entry.body["decision"]
        verdict = f"the policy {said.get('policy')!r} says {said.get('decision')}"
        blocks.append(
            Said(f"{_day(entry.at.isoformat())}: {entry.kind} by {entry.actor}; {verdict}. {entry.why}", (entry.seq,))
        )
        if entry.seq in known.doubts:
            blocks.append(Said(f"Doubted: {known.doubts[entry.seq]}.", (entry.seq,)))
        blocks += [Said(f"Reason: {reason['message']}", (entry.seq,)) for reason in said.get("reasons", ())]
    if not known.decisions:
        subject = f"{quote(known.version.model)} {known.version.version}"
        blocks.append(Hole("a decision about it", f'workbench promote {subject} --why "…"'))
    blocks += [Said(f"{e.kind} by {e.actor}: {e.why}", (e.seq,)) for e in known.approvals]
    granted = known.granted
    if granted is not None and not (granted.body.get("approvals") or ()):
        blocks.append(Said("The policy asked for no approval by a further person.", (granted.seq,)))
    return Section("Human oversight", tuple(blocks))


def rules(known: Known) -> Section:
    """The rules that it had to meet, in full."""
    granted = known.granted
    if granted is None or not granted.body.get("policy_source"):
        subject = f"{quote(known.version.model)} {known.version.version}"
        return Section("Rules", (Hole("the policy that judged it", f'workbench promote {subject} --why "…"'),))
    said = granted.body["decision"]
    title = f"The policy {said['policy']!r}, SHA-256 {said['policy_digest']}, as it was when it judged:"
    return Section("Rules", (Quoted(title, granted.body["policy_source"], (granted.seq,)),))


def limits(known: Known) -> Section:
    """What was learned where it fails, as the notebooks noted it."""
    lessons = [(lesson, known.trained.seq) for lesson in known.trained.body.get("lessons", ())] if known.trained else []
    blocks: list[Block] = [Said(lesson, (seq,)) for lesson, seq in lessons]
    blocks += [
        Said(f"{kind}: {entry.body['sentence']}", (entry.seq,))
        for kind, entry in known.evidence.items()
        if entry.body["verdict"] != "pass"
    ]
    return Section("Known limits", tuple(blocks) or (Hole("what was learned of its limits", _train(known)),))


def monitoring(known: Known) -> Section:
    """How it is watched."""
    drift = known.evidence.get("drift")
    blocks: list[Block] = (
        [*_finding(drift)] if drift else [Hole("a look at what it is asked", _run("drift_check", known))]
    )
    moves = [entry for entry in known.history if entry.kind.startswith("rollback.")]
    blocks += [Said(f"{entry.kind} to {entry.subject} by {entry.actor}: {entry.why}", (entry.seq,)) for entry in moves]
    return Section("Monitoring", tuple(blocks))


def changes(known: Known) -> Section:
    """What happened to the model, in order."""
    rows = [
        (str(entry.seq), _day(entry.at.isoformat()), entry.kind, entry.subject, entry.actor, entry.why)
        for entry in known.history
    ]
    return Section("Change log", (Table("", ("Entry", "When", "What", "Of what", "Who", "Why"), tuple(rows)),))


def outside(title: str, missing: str) -> Section:
    """A part that no evidence can fill."""
    return Section(title, (Hole(missing, otherwise=OUTSIDE),))


def _train(known: Known) -> str:
    return f"workbench run train -p model={quote(known.version.model)}"


def _run(notebook: str, known: Known) -> str:
    if notebook == "data_quality":
        return "workbench run data_quality"
    return f"workbench run {notebook} -p {quote(f'model={known.version.model}')} -p version={known.version.version}"


def _number(value: Any) -> str:
    if value is None:
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _day(at: str) -> str:
    return at.replace("T", " ")[:16]


def digests(known: Known) -> Mapping[str, str]:
    """The digests that name everything it came of."""
    version = known.version
    return {
        "model": version.model_digest,
        "data": version.data_digest,
        "notebook": version.notebook_digest,
        "environment": str(known.trained.body.get("environment") or "") if known.trained else "",
        "feature set": str(known.registered.body.get("feature_set_digest") or ""),
    }
