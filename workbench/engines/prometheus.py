"""Prometheus and Alertmanager as they are installed: files checked by their own tools, servers started, queries asked.

Their programs are those of the machine (Debian: `prometheus`, `prometheus-alertmanager`); where they are absent,
an error names the package.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from workbench.engines.servers import Server
from workbench.errors import EngineError, Misuse

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}  # Debian's, by program
SECONDS = 60.0  # that a tool may take, and an answer


class Series(NamedTuple):
    """One series' newest value."""

    labels: Mapping[str, str]
    value: float


def installed() -> bool:
    """Whether all four programs are there."""
    return all(shutil.which(name) for name in PACKAGES)


def check(folder: Path) -> str:
    """Have written files checked: rules' syntax, rules' tests and both configurations; what the tools say.

    Args:
        folder: With the files that `workbench monitor rules` wrote.

    Raises:
        EngineError: A tool is not installed.
        Misuse: A file is wrong; carries what the tool found.
    """
    from workbench.monitoring.rules import ALERTMANAGER, PROMETHEUS, RULES, TESTS

    said = []
    for tool, *arguments in (
        ("promtool", "check", "rules", RULES),
        ("promtool", "check", "config", PROMETHEUS),
        ("promtool", "test", "rules", TESTS),
        ("amtool", "check-config", ALERTMANAGER),
    ):
        done = subprocess.run(
            [_program(tool), *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        if done.returncode:
            raise Misuse(f"{tool} {' '.join(arguments)} finds fault:\n{done.stdout}{done.stderr}".rstrip())
        said.append(done.stdout.strip())
    return "\n".join(said)


def servers(folder: Path, *, port: int, alert_port: int, environ: Mapping[str, str]) -> list[Server]:
    """The two servers over the files in a folder, on the loopback; their data and logs lie there too.

    Args:
        folder: With the files that `workbench monitor rules` wrote.
        port: Of Prometheus.
        alert_port: Of Alertmanager.
        environ: All that they see.

    Raises:
        EngineError: A program is not installed.
    """
    from workbench.monitoring.rules import ALERTMANAGER, PROMETHEUS

    prometheus = [
        _program("prometheus"),
        f"--config.file={folder / PROMETHEUS}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    alertmanager = [
        _program("prometheus-alertmanager"),
        f"--config.file={folder / ALERTMANAGER}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{alert_port}",
        "--cluster.listen-address=",  # one alone: no port to others
    ]
    return [
        _server("Prometheus", prometheus, port, folder, environ),
        _server("Alertmanager", alertmanager, alert_port, folder, environ),
    ]


def ask(address: str, expr: str) -> list[Series]:
    """What Prometheus answers to an expression now.

    Args:
        address: Of Prometheus, e.g. "http://127.0.0.1:9090".
        expr: In its language.

    Raises:
        EngineError: It does not answer.
        Misuse: It does not understand the expression.
    """
    if not address.startswith(("http://", "https://")):
        raise Misuse(f"{address!r} is no address of a Prometheus", hint="http://127.0.0.1:9090")
    url = f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            raise Misuse(f"{expr!r} is not understood: {error.read(500).decode('utf-8', 'replace')}") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise EngineError(f"Prometheus at {address} does not answer: {error}", hint="is it started?") from error
    data = told.get("data", {})
    if data.get("resultType") == "scalar":
        return [Series({}, float(data["result"][1]))]
    return [Series(each["metric"], float(each["value"][1])) for each in data.get("result", ())]


def _server(name: str, argv: list[str], port: int, folder: Path, environ: Mapping[str, str]) -> Server:
    return Server(name, argv, f"http://127.0.0.1:{port}/-/ready", environ, folder, folder / f"{name.lower()}.log")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise EngineError(f"{name} is not installed", hint=f"apt-get install {PACKAGES[name]}")
    return found
