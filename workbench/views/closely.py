"""One experiment closely: the sentence, the picture, two sliders that ask again, days, segments, the lesson."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.evidence import Figure
from workbench.experiments.looking import ACCEPTED, EXPECTATIONS, Look, amount, look, signed
from workbench.views.acting import failed
from workbench.views.curves import belief, evolution
from workbench.views.drawing import Scale, interval, scale_over
from workbench.views.evidence import folded, mark
from workbench.views.inputs import Inputs
from workbench.views.parts import show
from workbench.views.words import counted, safe, sentence, share

if TYPE_CHECKING:
    from workbench.experiments.opened import Opened
    from workbench.stats.effects import Scale as Kind

CHOSEN = {
    "take": ("yes", "pass", "Take it"),
    "keep": ("no", "fail", "Keep what there is"),
    "wait": ("open", "not enough evidence", "Wait"),
}
START = 0.0005  # share of the control's mean that one accepts to lose, where the plan names none: near 95 % certainty


class Closely:
    """The parts of one experiment's page, and what they hold."""

    def __init__(self, parts: Inputs, opened: Opened) -> None:
        self._opened = opened
        self.warning = parts.html()
        self.told = parts.html(_told(opened))
        metrics = opened.metrics
        self.metric = parts.choice("What is measured", [(name, name) for name in metrics])
        self.arm = parts.choice("Compared with " + opened.past.control, [])
        self.belief = parts.steps(
            "What if, before the data, you had believed effects up to …",
            [(e.words, e) for e in EXPECTATIONS],
        )
        self.accepted = parts.steps(
            "… and a wrong choice may cost on average", [(amount(a, "relative"), a) for a in _costs(opened.accepted)]
        )
        self.asking = parts.row(self.belief, self.accepted, look="wb-asking")
        self.answer = parts.html()
        self.picture = parts.html()
        self.days = parts.html()
        self.segments = parts.html()
        self.rest = parts.html(_rest(opened))
        self.widget = parts.column(
            self.warning,
            self.told,
            parts.row(self.metric, self.arm, look="wb-filters"),
            self.answer,
            self.picture,
            self.asking,
            self.days,
            self.segments,
            self.rest,
            look="wb-closely",
        )
        self.warning.value = _warning(opened)
        show(self.warning, shown=bool(self.warning.value))
        show(self.metric, shown=len(metrics) > 1)
        self.accepted.value = opened.accepted or START
        self.arm.observe(lambda _: self._all(), "value")
        self._arms()
        self.metric.observe(lambda _: self._arms(), "value")
        for slider in (self.belief, self.accepted):
            slider.observe(lambda _: self._ask(), "value")

    def _arms(self) -> None:
        arms = self._opened.arms(self.metric.value)
        expected = [*EXPECTATIONS, *self._opened.expectations(self.metric.value)]
        self.belief.options = [(e.words, e) for e in expected]
        self.arm.options = [(arm, arm) for arm in arms]  # clears the choice, so that the next line is always news
        self.arm.value = arms[0] if arms else None
        show(self.arm, shown=len(arms) > 1)

    def _all(self) -> None:
        if self.arm.value is None:
            return
        self._ask()
        known = bool(self.picture.value)
        self.days.value = _days(self._opened, self.metric.value, self.arm.value) if known else ""
        self.segments.value = _segments(self._opened, self.metric.value, self.arm.value) if known else ""

    def _ask(self) -> None:
        """What follows from the data under what the sliders say."""
        try:
            reading = self._opened.reading(self.metric.value, self.arm.value)
        except WorkbenchError as error:
            self.answer.value, self.picture.value = failed(error), ""
            show(self.asking, shown=False)
            return
        show(self.asking, shown=True)
        relative = reading.scale == "relative"
        show(self.belief, shown=relative)
        prior = self.belief.value.prior if relative else EXPECTATIONS[0].prior
        accepted = self.accepted.value * (1.0 if relative else self._opened.level(self.metric.value))
        found = look(reading, prior, accepted=accepted, trivial=self._opened.trivial if relative else None)
        self.answer.value = _answer(found, self._opened.objection(self.metric.value, self.arm.value))
        self.picture.value = _picture(found)


def _told(opened: Opened) -> str:
    past = opened.past
    asked = f'<p class="wb-quiet">Expected: {safe(sentence(past.hypothesis))}</p>' if past.hypothesis else ""
    return f'<p class="wb-sentence">{safe(sentence(past.sentence))}</p>{asked}'


def _warning(opened: Opened) -> str:
    if not opened.warning:
        return ""
    return f'<div class="wb-told wb-no">{mark("fail")}<div><b>{safe(opened.warning)}</b></div></div>'


def _costs(planned: float | None) -> list[float]:
    """The costs that can be chosen among, the plan's own included."""
    return sorted({*ACCEPTED, *([planned] if planned else [])})


def _answer(found: Look, objection: str) -> str:
    """What follows; whatever an arm promises, what speaks against it comes first."""
    if objection:
        return (
            f'<div class="wb-verdict wb-no"><p class="wb-says">{mark("fail")}Do not take it</p>'
            f"<p>{safe(sentence(objection))}</p></div>"
        )
    looks, sign, word = CHOSEN[found.choice]
    return (
        f'<div class="wb-verdict wb-{looks}"><p class="wb-says">{mark(sign)}{word}</p>'
        f"<p>{safe(found.sentence)}</p></div>"
    )


def _picture(found: Look) -> str:
    r = found.reading
    side = "right" if r.better == "higher" else "left"
    keys = ['<span class="wb-key wb-key-good">truly better</span>', '<span class="wb-key wb-key-harm">worse</span>']
    if found.trivial:
        size = amount(found.trivial, r.scale)
        keys.insert(1, f'<span class="wb-key wb-key-same">too small to matter (under {safe(size)})</span>')
    if found.before:
        keys.append('<span class="wb-key wb-key-before">what was believed before</span>')
    chances = [("truly better", found.chance_better)]
    if found.chance_trivial is not None and found.chance_harm is not None:
        chances = [
            ("clearly better", max(0.0, 1 - found.chance_trivial - found.chance_harm)),
            ("too small to matter", found.chance_trivial),
            ("clearly worse", found.chance_harm),
        ]
    parts = "".join(f'<div class="wb-part"><b>{share(value)}</b><span>{words}</span></div>' for words, value in chances)
    parts = parts.replace(" %", "\u00a0%")
    parts += _part(f"{signed(found.after.value, r.scale)}", "the effect, best guess")
    parts += _part(f"{signed(found.after.low, r.scale)} to {signed(found.after.high, r.scale)}", "95 % sure within")
    parts += _part(f"{signed(found.raw.value, r.scale)}", "nothing believed beforehand")
    title = f"How {r.arm} compares with {r.control}: {r.metric}"
    return (
        f"<h3>{safe(title)}</h3>"
        f'<p class="wb-quiet">The higher the curve, the likelier the effect; better is to the {side}.</p>'
        f'<p class="wb-legend">{"".join(keys)}</p>{belief(found)}'
        f'<div class="wb-parts">{parts}</div>'
    )


def _part(value: str, words: str) -> str:
    return f'<div class="wb-part"><b>{safe(value)}</b><span>{safe(words)}</span></div>'


def _days(opened: Opened, metric: str, arm: str) -> str:
    days = opened.days(metric, arm)
    if len(days) < 2:
        return ""
    kind = opened.reading(metric, arm).scale
    last = days[-1]
    words = (
        f"The effect at the end of each of {len(days)} days; at the end {signed(last.value, kind)}, "
        f"between {signed(last.low, kind)} and {signed(last.high, kind)}"
    )
    bound = ""
    if any(day.bound_high is not None for day in days):
        bound = '<span class="wb-key wb-key-bound">what it had to pass on the days of the rule</span>'
    if any(day.stopped for day in days):
        bound += '<span class="wb-key wb-key-stop">the rule stopped</span>'
    keys = f'<span class="wb-key wb-key-band">95 % sure within</span>{bound}'
    told = f'<p class="wb-quiet">{safe(opened.stopping)}</p>' if opened.stopping else ""
    return f'<h3>Day by day</h3><p class="wb-legend">{keys}</p>{evolution(days, kind, words)}{told}'


def _segments(opened: Opened, metric: str, arm: str) -> str:
    found = opened.segments(metric, arm)
    if not found.rows:
        return ""
    kind = found.scale
    figures = [Figure(r.shrunk.value, r.shrunk.low, r.shrunk.high, target=0.0) for r in found.rows]
    raws = [Figure(r.raw.value, r.raw.low, r.raw.high) for r in found.rows]
    around = scale_over([*figures, *(Figure(raw.value) for raw in raws)])  # one wild interval squeezes no other
    rows = "".join(
        f'<tr><th scope="row">{safe(r.name)}<span class="wb-gloss">{safe(counted(r.n, "unit"))}</span></th>'
        f'<td class="wb-plot">{interval(figure, around, raw)}</td>'
        f'<td class="wb-number"><b>{safe(signed(r.shrunk.value, kind))}</b></td>'
        f'<td class="wb-number">{safe(signed(r.raw.value, kind))}</td></tr>'
        for r, figure, raw in zip(found.rows, figures, raws, strict=True)
    )
    axis = _axis(around, kind)
    return (
        f"<h3>In each group</h3><p>{safe(found.sentence)} "
        '<span class="wb-quiet">From the data alone, whatever is set above.</span></p>'
        '<table class="wb-figures"><thead><tr><th scope="col">Group</th><th scope="col" class="wb-plot">'
        '<span class="wb-legend"><span class="wb-key wb-key-ours">all groups taken together</span>'
        '<span class="wb-key wb-key-theirs">this group alone</span>'
        f'<span class="wb-key wb-key-limit">no difference</span></span>{axis}</th>'
        '<th scope="col">Best guess</th><th scope="col">Alone</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _axis(around: Scale, kind: Kind) -> str:
    ends = (signed(around.low, kind), signed(around.high, kind))
    return f'<span class="wb-axis"><span>{safe(ends[0])}</span><span>{safe(ends[1])}</span></span>'


def _rest(opened: Opened) -> str:
    past = opened.past
    learned = f"<h3>What we learned</h3><p>{safe(sentence(past.lesson))}</p>" if past.lesson else ""
    decided = f"{sentence(past.decision)} {sentence(past.why)}".strip()
    decision = f"<h3>What was decided</h3><p>{safe(decided)}</p>" if past.decision else ""
    rows = [
        ("Owner", past.owner or "not named"),
        ("Looks", counted(1 + len(past.earlier), "time")),
        ("Run", past.run_id or "brought in from elsewhere"),
        ("Plan", past.design_digest or "none kept"),
        ("Data", past.data_digest or "not known"),
    ]
    cells = "".join(f"<dt>{safe(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return decision + learned + folded("Where it comes from", f'<dl class="wb-particulars">{cells}</dl>')
