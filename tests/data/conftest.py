"""A PostgreSQL of the tests' own: started once, in a folder and on a port that nobody else has."""

import contextlib
import getpass
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "max_connections": "20",
    "shared_buffers": "16MB",
}


def as_postgres(command):
    """PostgreSQL refuses root; Debian's package brings a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else command


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """Where it is, as a driver's `connect` takes it."""
    if not BINARIES:
        pytest.skip("PostgreSQL is not installed: there is no /usr/lib/postgresql/*/bin")
    folder = Path("/tmp") if os.geteuid() == 0 else tmp_path_factory.mktemp("postgres")
    folder = Path(
        subprocess.check_output(as_postgres(["mktemp", "-d", f"{folder}/wb-postgres-XXXXXX"]), text=True).strip()
    )
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    user = "postgres" if os.geteuid() == 0 else getpass.getuser()

    def run(program, *options):
        command = as_postgres([str(BINARIES[-1] / program), "-D", str(folder / "data"), *options])
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    try:
        run("initdb", "--auth", "trust", "--username", user, "--encoding", "UTF8", "--no-sync")
        options = " ".join(f"-c {name}='{value}'" for name, value in {**SETTINGS, "port": port}.items())
        run("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "--options", options)
        try:
            yield {"host": "127.0.0.1", "port": port, "user": user, "database": "postgres"}
        finally:
            run("pg_ctl", "stop", "--mode", "immediate")
    finally:
        shutil.rmtree(folder)
