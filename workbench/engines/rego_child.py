"""The child process in which policies are evaluated; imports nothing of ours.

It answers one question after another: from stdin a line with a policy, its package and the rules that are asked
for, and a line with the input, both JSON; to the descriptor that was stdout a line with their values, or with the
error. A policy is compiled at its first question and kept; an empty line in its place asks the last one again.
Several policies may be asked together, if no two have one package: the first line is then a list of them, and
the answer a list too, or one error where any of them has one. The process has an empty environment, leaves no
core file, writes no more than a little to disk, ends with its parent, and is the first to go when the
machine's memory runs short. A limit on memory would stop every policy, because the interpreter reserves
256 GB of addresses at once; so a thread watches what is really used, and ends the process in time. A policy
that crashes, loops or eats memory takes nothing else with it.
"""

import contextlib
import json
import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

MEMORY = 1 << 30  # bytes the process may use
TOO_MUCH = 77  # exit code of a policy that needed more
GLANCE = 0.02  # seconds between two looks at the memory
WRITES = 1 << 20  # bytes that may be written to a file
KEPT = 16  # compiled policies
SAME = b"\n"  # the policy of the question before
RULES = ("allow", "deny", "people")
ERROR = re.compile(r"\(errormsg \d+:(.*?)\)\s*\n", re.DOTALL)

Answer = dict[str, Any]


def main() -> None:
    """Answer questions until there are no more."""
    answer_to = os.dup(1)
    os.dup2(2, 1)  # the interpreter prints its parse errors; they must not mix with the answer
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(ImportError):  # no such thing on Windows
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (WRITES, WRITES))
        threading.Thread(target=watch, daemon=True).start()
    questions, known, policy = sys.stdin.buffer, {}, b""  # type: ignore[var-annotated]
    with os.fdopen(answer_to, "wb") as answers:
        while line := questions.readline():
            policy = policy if line == SAME else line
            document = questions.readline().decode()
            answers.write(json.dumps(answered(known, policy, document)).encode() + b"\n")
            answers.flush()


def watch() -> None:
    """End the process when it uses too much memory; where the system does not tell, it is not watched."""
    page = os.sysconf("SC_PAGE_SIZE")
    # not `ru_maxrss`: after a spawn that one begins with the parent's memory
    with contextlib.suppress(OSError), Path("/proc/self/statm").open("rb", buffering=0) as statm:
        while int(statm.read().split()[1]) * page < MEMORY:
            time.sleep(GLANCE)
            statm.seek(0)
        os._exit(TOO_MUCH)


def answered(known: dict[bytes, "Compiled"], policy: bytes, document: str) -> Answer | list[Answer]:
    """The answer to a question; a policy that was asked before is not compiled again."""
    compiled = known.pop(policy, None) or Compiled(json.loads(policy))
    known[policy] = compiled  # the last asked stands last
    if len(known) > KEPT:
        del known[next(iter(known))]
    return compiled.ask(document)


class Compiled:
    """A policy ready to be asked, or several in one interpreter, so that an input is read once for all."""

    def __init__(self, policy: list[Any]) -> None:
        from regopy import Interpreter
        from regopy.rego_shared import RegoError

        self.error: Answer | None = None
        self.together = isinstance(policy[0], list)
        policies = policy if self.together else [policy]
        self.names = [{rule: f"{rule}_{number}" for rule in rules} for number, (_, _, rules) in enumerate(policies)]
        self.rego = Interpreter()
        self.rego.strict_built_in_errors = True
        query = "; ".join(  # a comprehension is empty where the rule is undefined
            f"{name} = [value | value = data.{package}.{rule}]"
            for (_, package, _), names in zip(policies, self.names, strict=True)
            for rule, name in names.items()
        )
        try:
            for number, (source, _, _) in enumerate(policies):
                self.rego.add_module(f"policy_{number}" if self.together else "policy", source)
            self.bundle = self.rego.build(query)
            if not self.bundle.ok():  # built again, as a query it says why
                self.error = {"error": _complaint(str(self.rego.query(query)))}
        except RegoError as error:
            self.error = {"error": str(error)}

    def ask(self, document: str) -> Answer | list[Answer]:
        """The values of the rules; an undefined one is left out."""
        from regopy.rego_shared import RegoError

        if self.error is not None:
            return self.error
        try:
            # as a term: `set_input` rounds numbers to six decimals, wraps integers at 64 bits, and leaves
            # the quotes of a text unescaped in the answer
            self.rego.set_input_term(document)
            text = str(self.rego.query_bundle(self.bundle))
            if text == "undefined":
                return {"error": "undefined"} if self.together else {}
            found = json.loads(text, object_pairs_hook=_once)["bindings"]
            asked = {name for names in self.names for name in names.values()}
            if set(found) != asked or any(len(values) > 1 for values in found.values()):
                return {"error": "the interpreter's answer cannot be read (it has more than was asked)"}
            answers = [{rule: found[name][0] for rule, name in names.items() if found[name]} for names in self.names]
        except RegoError as error:
            return {"error": str(error)}
        except json.JSONDecodeError as error:
            return {"error": _complaint(error.doc)}
        except (KeyError, TypeError, RecursionError) as error:
            return {"error": f"the interpreter's answer cannot be read ({type(error).__name__})"}
        return answers if self.together else answers[0]


def evaluate(source: str, package: str, document: Any) -> Answer | list[Answer]:
    """The answer to one question, in this process."""
    return Compiled([source, package, RULES]).ask(json.dumps(document, ensure_ascii=False, allow_nan=False))


def _complaint(text: str) -> str:
    """What the interpreter says where its answer should be."""
    if text == "<error>":
        return "a rule has two values at once, or a built-in was given what it cannot take"
    told = [" ".join(message.split()) for message in ERROR.findall(text)]
    return "; ".join(told) or (
        "the interpreter's answer cannot be read (it is no JSON); where sprintf is given a text that concat made, "
        "or a default text of object.get, join them by concat or name a default rule"
    )


def _once(pairs: list[tuple[str, Any]]) -> Answer:
    """An object of the answer.

    Raises:
        KeyError: A key comes twice; it was put there by a text that broke out of its quotes.
    """
    found = dict(pairs)
    if len(found) != len(pairs):
        raise KeyError("a key comes twice")
    return found


if __name__ == "__main__":
    main()
