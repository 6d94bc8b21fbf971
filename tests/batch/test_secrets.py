"""A secret is a reference wherever it is written, and what was given in its place is never said."""

import json
from pathlib import Path

import pytest

import workbench
from workbench.batch.kinds import plain, source
from workbench.batch.lanes import Job, kernel_environment
from workbench.batch.notebook import content_of, injected
from workbench.batch.parameters import declared
from workbench.batch.secrets import Secret
from workbench.errors import Misuse

RAW = "hunter2-hunter2"  # no password; stands for one
LINE = "token: Secret = Secret('env:A_TOKEN')  # how it is reached"


def of(text):
    """The parameters that one cell declares."""
    cell = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": text}
    return declared([cell], "trial.ipynb")


def refusal(call, *arguments):
    with pytest.raises(Misuse) as caught:
        call(*arguments)
    assert caught.value.hint, "a refusal names the way out"
    assert RAW not in caught.value.told()
    shown, error = [], caught.value
    while error is not None:  # as a traceback would show it
        shown.append(str(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert RAW not in "".join(shown)
    return caught.value.message


@pytest.mark.parametrize("reference", ["env:B_TOKEN", "file:/run/secrets/b token"])
def test_a_reference_is_read_from_a_text(reference):
    values = of(LINE).validate({"token": reference})
    assert values == {"token": Secret(reference)}
    assert plain(values["token"]) == reference


@pytest.mark.parametrize(
    "given",
    [RAW, "", "env:", "env:A B", f"env:{RAW}", f"file:{RAW}", "file:/a\nb", f"https://{RAW}", RAW.encode(), [RAW], 7],
)
def test_a_value_in_place_of_a_reference_is_refused_and_not_said(given):
    message = refusal(of(LINE).validate, {"token": given})
    assert message == "token is a value that is not shown; it must be a reference, env:NAME or file:/PATH"


@pytest.mark.parametrize(
    "line",
    [
        f"token: Secret = Secret({RAW!r})",
        f"token = Secret({RAW!r})",
        f"token: Secret = {RAW!r}",
        f"token: Secret | None = {RAW!r}",
        f"token: Secret = f'{RAW}'",
        f"token: Secret = [{RAW!r} + '']",
        f"token: Secret = Secret({RAW!r}, 1)",
        f"token: Secret = Secret(reference={RAW!r})",
    ],
)
def test_a_cell_that_holds_the_value_is_refused_and_not_quoted(line):
    assert "line 1" in refusal(of, line)


def test_a_secret_may_be_left_out_but_not_listed():
    parameters = of("token: Secret | None = None  # how it is reached")
    assert parameters.validate({}) == {"token": None}
    assert parameters.validate({"token": "env:A_TOKEN"}) == {"token": Secret("env:A_TOKEN")}
    assert "is no type" in refusal(of, "tokens: list[Secret] = []")


def test_forms_and_schemas_show_the_reference():
    schema = of(LINE).schema()["properties"]["token"]
    assert (schema["type"], schema["default"]) == ("string", "env:A_TOKEN")
    assert next(iter(of(LINE))).described["default"] == "env:A_TOKEN"


def test_the_injected_cell_makes_a_secret_that_only_reveals_on_demand(tmp_path, write_notebook, monkeypatch):
    content = content_of(write_notebook(tmp_path / "n.ipynb", f"#parameters\n{LINE}"))
    made = injected(content, of(LINE).validate({}))
    assert made["cells"][1]["source"].splitlines()[1:] == [
        "from workbench import Secret",
        "token = Secret('env:A_TOKEN')",
    ]
    monkeypatch.setenv("A_TOKEN", RAW)
    found = {}
    exec(made["cells"][1]["source"], found)
    token = found["token"]
    assert token.reveal() == RAW
    assert RAW not in json.dumps([str(token), repr(token), f"{token}", str(vars(token))])
    assert source(token) == str(token) == "Secret('env:A_TOKEN')"


def test_a_file_is_read_without_its_last_line_end(tmp_path):
    (tmp_path / "token").write_text(f"{RAW}\n")
    assert workbench.Secret(f"file:{tmp_path / 'token'}").reveal() == RAW


def test_a_reference_to_nothing_is_told_when_it_is_revealed(tmp_path):
    assert "has no WORKBENCH_NO_SUCH" in refusal(workbench.Secret("env:WORKBENCH_NO_SUCH").reveal)
    assert "No such file" in refusal(workbench.Secret(f"file:{tmp_path}/none").reveal)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "no text" in refusal(workbench.Secret(f"file:{tmp_path}/bytes").reveal)
    assert "no text" in refusal(Secret("env:A_TOKEN").value_in, {"A_TOKEN": "\udcff" * 6})


def test_a_kernel_sees_the_variables_that_its_secrets_name_and_no_other():
    environ = {"A_TOKEN": RAW, "B_TOKEN": "other", "WORKBENCH_RUN": "elsewhere"}
    secrets = {"token": "env:A_TOKEN", "key": "file:/B_TOKEN", "sly": "env:WORKBENCH_RUN", "gone": "env:NONE"}
    seen = kernel_environment(Job(Path("n"), Path("/w"), Path("/r"), environ, secrets=secrets))
    assert seen["A_TOKEN"] == RAW
    assert "B_TOKEN" not in seen and "NONE" not in seen
    assert seen["WORKBENCH_RUN"] == str(Path("/r")), "what a kernel is told stays as it is"


def test_workbench_has_no_attribute_that_is_not_there():
    with pytest.raises(AttributeError, match="Sekret"):
        workbench.Sekret  # noqa: B018
