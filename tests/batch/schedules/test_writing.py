"""Whatever is put into a schedule's text comes out of its reader's parser as it went in, and nothing else."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from workbench.batch.schedules.schedule import Container, Schedule
from workbench.batch.schedules.writing import for_cron, for_systemd, for_yaml, written
from workbench.errors import Misuse

TEMPLATES = Path(__file__).parents[3] / "templates" / "schedules"
PROGRAM = [sys.executable, "-m", "workbench"]
WORKSPACE = Path('/srv/team\'s 100% "w" $HOME')
HOSTILE = {
    "path": "/a b/c'd\"e.csv",
    "date": "%Y-%m %% %n",
    "shell": "$(touch /tmp/x); `id` && ${HOME} $$ \\ \\n | > #",
    "yaml": "no: [1, {a}] # & * ! |",
    "unicode": "実験 é 😀",
    "empty": "",
}
SCHEDULE = Schedule("weekly", f"{WORKSPACE}/a b.ipynb", "0 6 * * 1", "cron", "week", HOSTILE, ("n=1,2", "x=0:1:5"))
ON_KUBERNETES = replace(SCHEDULE, system="kubernetes", container=Container("reg/w:1", "work"), memory="3Gi")
TEXTS = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def files(schedule, workspace=WORKSPACE):
    return written(schedule, workspace=workspace, program=PROGRAM, templates=TEMPLATES)


def expected(schedule):
    return [*PROGRAM, *schedule.command(WORKSPACE)]


def from_systemd(line):
    """The words of a quoted ExecStart, by systemd.syntax: C's escapes in quotes, then %% for %."""
    assert line[0] == ":"
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"', line)
    assert line == ":" + " ".join(quoted)
    words = [re.sub(r"(?:\\x[89a-f][0-9a-f]){2,}", lambda found: as_text(found[0]), word) for word in quoted]
    unquoted = [ast.literal_eval(word) for word in words]
    assert not any(re.search(r"(?<!%)(%%)*%(?!%)", word) for word in unquoted)
    return [word.replace("%%", "%") for word in unquoted]


def as_text(escapes):
    return bytes.fromhex(escapes.replace("\\x", "")).decode()


# laws


@given(some.lists(TEXTS, min_size=1))
def test_a_command_comes_out_of_systemd_as_it_went_in(words):
    line = for_systemd(words)
    assert "\n" not in line
    assert from_systemd(line) == words


@given(some.lists(TEXTS))
def test_texts_come_out_of_yaml_as_they_went_in(words):
    assert yaml.safe_load(f"a: {for_yaml(words)}") == {"a": words}


@given(some.lists(some.text(some.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=30), max_size=5))
def test_a_command_comes_out_of_cron_and_the_shell_as_it_went_in(words):
    line = for_cron(shlex.join(words))
    assert not re.search(r"(?<!\\)%", line)
    assert shlex.split(line.replace("\\%", "%")) == words


# the files


def test_the_line_for_cron_is_run_by_a_shell_as_it_was_meant():
    (text,) = files(SCHEDULE).values()
    comment, line = text.splitlines()
    assert comment == "# workbench schedule weekly: at 06:00 on Monday, by this machine's clock"
    when, command = " ".join(line.split()[:5]), line.split(maxsplit=5)[5].replace("\\%", "%")
    assert when == "0 6 * * 1"
    words, _, log = command.rpartition(" >> ")
    assert shlex.split(log) == [str(WORKSPACE / "schedules" / "weekly.log"), "2>&1"]
    printed = subprocess.run(["/bin/sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, text=True, check=True)
    assert printed.stdout.split("\0")[:-1] == expected(SCHEDULE)


def test_systemd_gets_a_service_and_a_timer():
    told = files(replace(SCHEDULE, system="systemd", memory="2Gi"))
    assert list(told) == ["workbench-weekly.service", "workbench-weekly.timer"]
    service, timer = ([line for line in text.splitlines() if "=" in line] for text in told.values())
    command = next(line for line in service if line.startswith("ExecStart="))
    assert from_systemd(command.removeprefix("ExecStart=")) == expected(SCHEDULE)
    assert "MemoryMax=2G" in service
    assert "OnCalendar=Mon *-*-* 6:0:00" in timer
    assert "Persistent=true" in timer


def test_systemd_finds_no_fault_in_them(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    told = files(replace(SCHEDULE, system="systemd", cron="0 6 1 * 1", memory="2Gi"))
    for file, text in told.items():
        (tmp_path / file).write_text(text, "utf-8")
    command = ["systemd-analyze", "--man=no", "verify", *(str(tmp_path / file) for file in told)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_kubernetes_gets_a_cron_job_that_never_overlaps():
    (text,) = files(ON_KUBERNETES).values()
    manifest = yaml.safe_load(text)
    assert (manifest["apiVersion"], manifest["kind"]) == ("batch/v1", "CronJob")
    spec = manifest["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 6 * * 1", "Etc/UTC", "Forbid")
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 2
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert [word.replace("$$", "$") for word in container["command"]] == expected(ON_KUBERNETES)
    assert not any(re.search(r"(?<!\$)(\$\$)*\$\(", word) for word in container["command"])
    assert container["image"] == "reg/w:1"
    assert container["resources"]["limits"] == {"memory": "3Gi"}
    assert container["volumeMounts"] == [{"name": "workspace", "mountPath": str(WORKSPACE)}]
    assert pod["volumes"] == [{"name": "workspace", "persistentVolumeClaim": {"claimName": "work"}}]


@pytest.mark.parametrize("sign", ["\n", "\r", "\x00", "\x1b", "\x85", "\u2028"])
def test_no_line_break_or_control_character_gets_into_a_crontab(sign):
    with pytest.raises(Misuse, match="line break"):
        for_cron(shlex.join([f"a{sign}b"]))


def test_what_a_crontab_cannot_hold_is_refused():
    with pytest.raises(Misuse, match="line break"):
        files(replace(SCHEDULE, parameters={"a": "1\n* * * * * root id"}))
    with pytest.raises(Misuse, match="cron takes 990"):
        files(replace(SCHEDULE, parameters={"a": "x" * 1000}))


def test_kubernetes_mounts_no_path_with_a_colon():
    with pytest.raises(Misuse, match="has a colon"):
        files(ON_KUBERNETES, Path("/srv/a:b"))


def test_a_pod_is_given_no_notebook_that_it_cannot_see():
    with pytest.raises(Misuse, match="lies outside of the workspace") as told:
        files(replace(ON_KUBERNETES, notebook="/home/ann/a.ipynb"))
    assert "notebooks" in told.value.hint
