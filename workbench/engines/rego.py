"""Rego by regopy (rego-cpp), each evaluation in a child process of its own, some 70 ms each.

The child has an empty environment, a time limit and a limit on memory; a crash, a time-out or an answer
that cannot be read come back as a ruling with an error, which is a denial. Built-ins that regopy is known
to get wrong, or that reach outside, are refused by name before anything runs. What regopy also gets
wrong, and `decide` and the shipped policies guard against: to it, null, true, lists and objects are
greater than every number, and a text is smaller (OPA orders null < booleans < numbers < texts).
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.engines.rego_child import MEMORY, TOO_MUCH
from workbench.policy import Ruling

CHILD = Path(__file__).with_name("rego_child.py")
REFUSED = {  # built-in, or family of them, to why it is refused
    "opa.runtime": "it shows the process to the policy",
    "http.send": "a policy reaches no network",
    "net.": "a policy reaches no network",
    "time.": "a policy reads no clock, and regopy parses dates wrongly; compare what the input says",
    "rand.": "a policy throws no dice",
    "uuid.": "a policy throws no dice",
    "io.": "signed tokens are judged by the clock, and are no evidence",
    "trace": "regopy breaks its own answer on it",
}
COMMENT_OR_TEXT = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|#[^\n]*')
PARSE_ERROR = re.compile(r"\(errormsg \d+:(.*?)\)\s*\n?\s*\(errorast \|?(\d+)", re.DOTALL)


class RegoEngine:
    """Evaluates policies by regopy; safe to share between threads."""

    def __init__(self, *, seconds: float = 5.0) -> None:
        self._seconds = seconds  # wall time one evaluation may take

    def evaluate(self, source: str, package: str, document: Mapping[str, Any]) -> Ruling:
        """The values of `allow`, `deny` and `people` in a package, for one input."""
        refused = refused_builtin(source)
        if refused is not None:
            return Ruling(None, error=f"it uses {refused.rstrip('.')}: {REFUSED[refused]}", code="policy-refused")
        question = json.dumps({"source": source, "package": package, "document": dict(document)}, allow_nan=False)
        try:
            done = subprocess.run(
                [sys.executable, "-I", str(CHILD)],
                input=question,
                capture_output=True,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=self._seconds,
                env={},
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Ruling(None, error=f"it took more than {self._seconds:g} seconds", code="policy-timeout")
        except OSError as error:
            return Ruling(None, error=f"the interpreter cannot be started: {error}", code="policy-crash")
        if done.returncode == TOO_MUCH:
            return Ruling(None, error=f"it used more than {MEMORY >> 20} MB of memory", code="policy-memory")
        if done.returncode:
            return Ruling(None, error=_death(done), code="policy-crash")
        return _read(done.stdout, source)


def refused_builtin(source: str) -> str | None:
    """The first built-in of a policy that this engine refuses, comments and texts left aside."""
    code = COMMENT_OR_TEXT.sub(" ", source)
    return next((name for name in REFUSED if _spelled(name).search(code)), None)


def _spelled(name: str) -> re.Pattern[str]:
    """The ways to write a built-in: `opa.runtime`, `opa . runtime`, `opa["runtime"]` (texts are gone by then)."""
    family, dot, member = name.partition(".")
    last = rf"\s*(?:\.\s*{member or '[A-Za-z_]'}|\[)" if dot else r"\s*\("
    return re.compile(rf"(?<![\w.]){family}{last}")


def _read(text: str, source: str) -> Ruling:
    try:
        answer = json.loads(text)
        deny = answer.get("deny", [])
    except (json.JSONDecodeError, AttributeError):
        return Ruling(None, error="its answer cannot be read", code="policy-crash")
    if "error" in answer:
        return Ruling(None, error=_parse_error(str(answer["error"]), source))
    if not isinstance(deny, list):
        return Ruling(None, error=f"deny must be a set of reasons; it is a {type(deny).__name__}")
    return Ruling(answer.get("allow"), tuple(deny), people=answer.get("people"))


def _parse_error(text: str, source: str) -> str:
    """The interpreter's errors as "line 3: this is unclosed", each once."""
    told: list[str] = []
    for message, offset in PARSE_ERROR.findall(text):
        line = source.encode()[: int(offset)].count(b"\n") + 1
        sentence = f"line {line}: {' '.join(message.split())}"
        if sentence not in told:
            told.append(sentence)
    return "; ".join(told[:3]) or " ".join(text.split())[:300]


def _death(done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode < 0:
        return f"the interpreter died of {signal.Signals(-done.returncode).name}"
    last = done.stderr.strip().splitlines()[-1:] or ["no word"]
    return f"the interpreter failed: {last[0][:300]}"
