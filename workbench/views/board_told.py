"""What stands around the board in words: who looks, what waits elsewhere and for others, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.views.asked import line
from workbench.views.deciding import Reading, Trouble, Waiting, You
from workbench.views.evidence import folded, mark
from workbench.views.words import counted, listed, safe, sentence

SOURCES = {"os": "this machine", "jupyterhub": "the JupyterHub", "proxy": "the proxy before the pages"}
MOST = 8  # questions in a line each; the rest is folded away
FEW = 3  # names that something wrong is told of; how many more is said


def you_told(you: You) -> str:
    """Who looks, in which role, and who vouches for it."""
    roles = f" ({safe(listed(list(you.roles)))})" if you.roles else ""
    look = "" if "ask" in you.may or "approve" in you.may else " You may look; deciding is for others."
    source = safe(SOURCES.get(you.source, you.source))
    return (
        f'<span class="wb-you">You act as <b>{safe(you.name)}</b>'
        f'<span class="wb-quiet">{roles}, told by {source}.{look}</span></span>'
    )


def answers_told(reading: Reading) -> str:
    """Where the answers that are held are decided; nothing where none is."""
    if not reading.answers:
        return ""
    told = counted(reading.answers, "held answer waits", "held answers wait")
    return f'<p>{told} on the page <a href="review.ipynb">Review</a>, with what was asked.</p>'


def more_told(left: int) -> str:
    """Where the questions are that are not on this page; nothing where there are none."""
    if left <= 0:
        return ""
    told = counted(left, "more question waits", "more questions wait")
    return f'<p>{told} for your answer on the page <a href="approvals.ipynb">Approvals</a>.</p>'


def lines(waiting: Sequence[Waiting]) -> str:
    """Questions in a line each, the most of many folded away."""
    told = [line(one) for one in waiting]
    most = MOST if len(told) > MOST + 1 else len(told)
    shown = f"<ul class='wb-asks'>{''.join(told[:most])}</ul>"
    rest = f"<ul class='wb-asks'>{''.join(told[most:])}</ul>" if told[most:] else ""
    return shown + (folded(counted(len(told) - most, "more question"), rest) if rest else "")


def wrong_told(wrong: Sequence[Trouble]) -> str:
    """What is wrong, each with what helps; nothing where all is well."""
    if not wrong:
        return ""
    alike: dict[tuple[str, str], list[str]] = {}
    for one in wrong:
        alike.setdefault((one.sentence, one.hint), []).append(one.about)
    items = "".join(
        f"<li>{mark('fail')} <b>{safe(listed(_some(about)))}</b>: {safe(sentence(said))}"
        + (f' <span class="wb-gloss">What helps: <code>{safe(hint)}</code></span>' if hint else "")
        + "</li>"
        for (said, hint), about in alike.items()
    )
    return f'<div class="wb-verdict wb-no wb-wrong"><p class="wb-says">What is wrong</p><ul>{items}</ul></div>'


def _some(names: Sequence[str]) -> list[str]:
    """The first of many names, and how many more there are.

    >>> _some(["a", "b"]), _some(list("abcdef"))
    (['a', 'b'], ['a', 'b', 'c', '3 others'])
    """
    most = FEW if len(names) > FEW + 1 else len(names)
    return [*names[:most], *([f"{len(names) - most} others"] if len(names) > most else [])]
