"""A worker takes its own values of secrets out of what its attempt leaves, before the runner sees it."""

import json

import pytest

from workbench.batch.lanes import Ended, Failure, Job
from workbench.bench import attempt
from workbench.errors import Misuse

VALUE = "the worker's own value"


class OfThisMachine:
    """A bench whose lane prints a secret, writes it into a file where told to, and fails with it."""

    ran = 0
    file = ""

    def __init__(self, root, *, environ):
        self.environ = environ

    def lane(self):
        return self

    def __call__(self, job, on_cell=None):
        type(self).ran += 1
        content = json.loads(job.notebook.read_text("utf-8"))
        content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": self.environ["T"]}]
        job.notebook.write_text(json.dumps(content), "utf-8")
        if self.file:
            (job.run_folder / self.file).write_text(self.environ["T"])
        return Ended(Failure("ValueError", f"no entry with {self.environ['T']}", 1), lane="cold")


@pytest.fixture
def tried(tmp_path, monkeypatch):
    """Tries a job that refers to a secret, on a machine with an environment."""
    notebook = tmp_path / "notebook.ipynb"
    cell = {"cell_type": "code", "source": "token = Secret('env:T')", "outputs": []}
    notebook.write_text(json.dumps({"cells": [cell]}))
    monkeypatch.setattr(attempt.sys, "argv", ["attempt"])

    def call(environ, file=""):
        machine = type("Machine", (OfThisMachine,), {"file": file})
        monkeypatch.setattr(attempt, "Bench", machine)
        try:
            return attempt.here(Job(notebook, tmp_path, tmp_path, environ, secrets={"token": "env:T"}))
        finally:
            call.ran = machine.ran

    return call


def test_a_value_that_only_the_worker_has_is_replaced_there(tried, tmp_path):
    ended = tried({"T": VALUE})
    assert ended == Ended(Failure("ValueError", "no entry with [secret: token]", 1), lane="cold")
    kept = (tmp_path / "notebook.ipynb").read_text()
    assert VALUE not in kept and "[secret: token]" in kept


def test_a_file_that_holds_it_does_not_leave_the_worker(tried, tmp_path):
    ended = tried({"T": VALUE}, file="rows.csv")
    assert ended.failure == Failure("SecretLeaked", "rows.csv held the secret token and was removed")
    assert not (tmp_path / "rows.csv").exists()


@pytest.mark.parametrize(("environ", "said"), [({}, "has no T"), ({"T": "short"}, "too short to be redacted")])
def test_a_worker_that_lacks_a_secret_or_cannot_keep_it_runs_nothing(tried, environ, said):
    with pytest.raises(Misuse, match=said):
        tried(environ)
    assert tried.ran == 0
