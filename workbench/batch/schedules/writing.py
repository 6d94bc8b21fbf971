"""Writes a schedule down for the scheduler that a machine has: cron, systemd or Kubernetes.

The texts are templates that a person can read and change; every value that is put in is quoted by the
rules of the format, so that no name and no parameter can say more than itself.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from string import Template

from workbench.batch.schedules.cron import Cron
from workbench.batch.schedules.schedule import FOLDER, Schedule
from workbench.errors import Misuse

LONGEST = 990  # characters of a line that Debian's cron takes
CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff\\ufffe\\uffff]")  # no format holds them as they are


def written(schedule: Schedule, *, workspace: Path, program: Sequence[str], templates: Path) -> dict[str, str]:
    """A schedule's files.

    Args:
        schedule: One that was checked.
        workspace: Its path on the machine that runs it.
        program: How workbench is started there, e.g. ("/opt/venv/bin/python", "-m", "workbench").
        templates: The folder of the templates.

    Returns:
        Texts by file name.

    Raises:
        Misuse: A value cannot be said in the format.
    """
    cron = Cron.parse(schedule.cron)
    command = [*program, *schedule.command(workspace)]
    values = {"name": schedule.name, "words": cron.words}
    files: dict[str, tuple[str, dict[str, str]]]
    if schedule.system == "cron":
        log = shlex.quote(str(workspace / FOLDER / f"{schedule.name}.log"))
        line = for_cron(f"{shlex.join(command)} >> {log} 2>&1")
        files = {f"{schedule.name}.cron": ("crontab", {"cron": cron.text, "command": line})}
    elif schedule.system == "systemd":
        unit = f"workbench-{schedule.name}"
        memory = f"MemoryMax={schedule.memory.removesuffix('i')}\n" if schedule.memory else ""
        calendar = "\n".join(f"OnCalendar={when}" for when in cron.on_calendar)
        files = {
            f"{unit}.service": ("systemd.service", {"command": for_systemd(command), "memory": memory}),
            f"{unit}.timer": ("systemd.timer", {"calendar": calendar}),
        }
    else:
        files = {f"{schedule.name}.yaml": ("cronjob.yaml", _for_kubernetes(schedule, cron, command, workspace))}
    return {
        file: Template((templates / template).read_text("utf-8")).substitute(values | more)
        for file, (template, more) in files.items()
    }


def for_cron(command: str) -> str:
    r"""A shell's command as cron's table has it: there a bare % is a new line.

    Raises:
        Misuse: It has a line break or another control character, or is too long.

    >>> print(for_cron("date '+%G'"))
    date '+\%G'
    """
    if CONTROL.search(command):
        raise Misuse(
            "a value has a line break or a control character, which a crontab cannot hold",
            hint="use --as systemd or --as kubernetes",
        )
    line = command.replace("%", "\\%")
    if len(line.encode()) > LONGEST:
        raise Misuse(f"the command has {len(line)} characters; cron takes {LONGEST}", hint="use --as systemd")
    return line


def for_systemd(command: Sequence[str]) -> str:
    r"""A command as an ExecStart line: the colon keeps $ as it is, %% stands for %.

    >>> print(for_systemd(["/bin/echo", 'say "100%"']))
    :"/bin/echo" "say \"100%%\""
    """
    return ":" + " ".join(f'"{_escaped(word)}"' for word in command)


def for_yaml(value: str | Sequence[str]) -> str:
    r"""A text, or a list of texts, as YAML in one line that is a text for every parser.

    >>> for_yaml(["1e3", "no", 'a "b"'])
    '["1e3", "no", "a \\"b\\""]'
    """
    if not isinstance(value, str):
        return f"[{', '.join(for_yaml(word) for word in value)}]"
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))


def _escaped(word: str) -> str:
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return CONTROL.sub(lambda found: "".join(f"\\x{byte:02x}" for byte in found[0].encode()), word)


def _for_kubernetes(schedule: Schedule, cron: Cron, command: Sequence[str], workspace: Path) -> dict[str, str]:
    """What the manifest's template asks for.

    Raises:
        Misuse: Kubernetes can mount nothing at the workspace's path, or the notebook lies outside of it.
    """
    if schedule.container is None:  # never: it was checked
        raise Misuse("a schedule on Kubernetes needs --image and --claim")
    if ":" in str(workspace):
        raise Misuse(f"the workspace {workspace} has a colon; Kubernetes mounts no such path", hint="move it")
    notebook = Path(schedule.notebook)
    if notebook.is_absolute() and not notebook.is_relative_to(workspace):
        raise Misuse(
            f"the notebook {notebook} lies outside of the workspace, which is all that a pod sees",
            hint=f"copy it to {workspace / 'notebooks'}",
        )
    return {
        "quoted_name": for_yaml(schedule.name),
        "cron": for_yaml(cron.in_numbers),
        "image": for_yaml(schedule.container.image),
        "claim": for_yaml(schedule.container.claim),
        "workspace": for_yaml(str(workspace)),
        "memory": for_yaml(schedule.memory or "2Gi"),
        # Kubernetes puts variables in for $(NAME), and reads $$ as $
        "command": for_yaml([word.replace("$", "$$") for word in command]),
    }
