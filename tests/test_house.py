"""What the whole house keeps: no addresses of registries, no paths of a machine, a small top level."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOP = {"README.md", "pyproject.toml", "LICENSE", "notebooks", "workbench", "templates", "tests", "reports"}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_the_top_level_is_fixed():
    for path in tracked():
        top = path.relative_to(ROOT).parts[0]
        assert top in TOP or top.startswith("."), f"{top} does not belong at the top level"


def test_constraints_are_names_and_versions_only():
    for line in (ROOT / ".ci" / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+|#.*|", line), line


def test_no_registry_address_is_written_down():
    for path in tracked():
        if path.suffix in {".py", ".toml", ".txt", ".md", ".sh", ".json", ".ipynb", ".cfg"} or path.name == "run":
            text = path.read_text("utf-8")
            assert not re.search(r"(extra-)?index-url[= ]+http|files\.python" + "hosted", text), path


def test_files_stay_small():
    for path in tracked():
        assert path.stat().st_size < 600_000, f"{path} has {path.stat().st_size} bytes"
