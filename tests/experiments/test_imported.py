"""Past experiments from elsewhere: a table is checked row by row, told whole or not at all, and told once."""

from datetime import UTC, datetime

import pytest

from workbench.errors import Misuse
from workbench.experiments.archive import Archive, decide
from workbench.experiments.imported import import_pasts, read_pasts
from workbench.ledger import Ledger

NOW = datetime(2026, 1, 5, tzinfo=UTC)
HEAD = "experiment,metric,effect,error,scale,date,hypothesis,decision,lesson,arm\n"
ROWS = (
    "form,conversion,0.05,0.01,relative,2025-03-01,Fewer fields help,ship,They do,short\n"
    "form,conversion,-0.05,0.01,relative,2025-03-01,Fewer fields help,ship,They do,long\n"
    "button,revenue,-3.5,1.0,absolute,,,,,\n"
)


@pytest.fixture
def ledger(tmp_path):
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as opened:
        yield opened


@pytest.fixture
def bring(tmp_path, ledger):
    def in_(text, **more):
        path = tmp_path / "past.csv"
        path.write_text(text)
        return import_pasts(ledger, path, actor="ada", now=NOW, **more)

    return in_


def test_a_table_becomes_past_experiments(bring, ledger, tmp_path):
    done = bring(HEAD + ROWS)
    assert (done.added, done.known, done.effects) == (("form", "button"), (), 3)
    button, form = Archive.read(ledger, tmp_path)
    assert (form.at, form.owner, form.verdict) == (datetime(2025, 3, 1, tzinfo=UTC), "ada", "pass")
    assert (form.hypothesis, form.decision, form.lesson) == ("Fewer fields help", "ship", "They do")
    assert sorted(form.estimates("conversion", "relative")) == [(-0.05, 0.01), (0.05, 0.01)]
    assert form.estimates("conversion", "absolute") == []
    assert (button.at, button.verdict) == (NOW, "fail")
    assert button.estimates("revenue", "absolute") == [(-3.5, 1.0)]
    assert button.sentence == "treated: revenue −3.5 (standard error 1)."
    assert ledger.verify().valid


def test_the_same_table_again_adds_nothing_and_a_changed_row_tells_its_experiment_anew(bring, ledger, tmp_path):
    bring(HEAD + ROWS)
    assert bring(HEAD + ROWS).known == ("form", "button")
    changed = bring(HEAD + ROWS.replace("-3.5", "-2.5"))
    assert (changed.added, changed.known) == (("button",), ("form",))
    bring(HEAD + ROWS)  # and back
    archive = Archive.read(ledger, tmp_path)
    assert len(archive) == 2
    assert archive.named("button").estimates("revenue", "absolute") == [(-3.5, 1.0)]
    assert archive.named("button").looks == 1


def test_the_metric_of_the_first_row_decides(bring, ledger, tmp_path):
    bring("experiment,metric,effect,error\na,sales,0.1,0.01\na,bounces,-0.1,0.01\n")
    (found,) = Archive.read(ledger, tmp_path)
    assert list(found.metrics) == ["sales", "bounces"] and found.verdict == "pass"


def test_a_dry_run_says_the_same_and_writes_nothing(bring, ledger):
    assert bring(HEAD + ROWS, dry_run=True).added == ("form", "button")
    assert ledger.entries() == []


def test_a_decision_on_an_imported_experiment_holds(bring, ledger, tmp_path):
    bring(HEAD + ROWS)
    found = Archive.read(ledger, tmp_path).named("button")
    decide(ledger, found, "stop", why="it lost", actor="ada", now=NOW)
    assert Archive.read(ledger, tmp_path).named("button").decided == "stop: it lost"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,m,x,0.1", "row 1: effect is 'x'; it must be a number"),
        ("a,m,inf,0.1", "row 1: effect is 'inf'"),
        ("a,m,0.1,0", "row 1: error is 0; a standard error is above zero"),
        ("a,m,0.1,", "row 1: error is ''"),
        ("a,m,0.1,0.1,percent", "scale is 'percent'"),
        ("a,m,0.1,0.1,,yesterday", "date is 'yesterday'; it must be like 2026-01-31"),
        (",m,0.1,0.1", "the experiment or the metric has no name"),
        ("a,m,0.1,0.1\na,m,0.2,0.1", "row 2: a has m of treated twice"),
        ("a,m,0.1,0.1,,2026-01-01\na,k,0.2,0.1,,2026-01-02", "row 2: a had another date before"),
        (f"a,m,0.1,0.1,,,{'x' * 1001}", "hypothesis is longer than 1000 characters"),
        ("a\x1b[31m,m,0.1,0.1", "holds control characters"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_and_nothing_is_told(bring, ledger, row, said):
    with pytest.raises(Misuse) as refused:
        bring(f"{HEAD}{row}\n")
    assert said in str(refused.value)
    assert ledger.entries() == []


@pytest.mark.parametrize(
    ("head", "said"), [("experiment,metric,effect\n", "no column 'error'"), (HEAD.replace("arm", "arms"), "'arms'")]
)
def test_columns_are_needed_and_known(bring, head, said):
    with pytest.raises(Misuse, match=said) as refused:
        bring(head + "a,m,0.1\n")
    assert refused.value.hint.startswith("the columns are experiment, metric, effect, error, arm")


def test_less_may_be_better(tmp_path):
    (tmp_path / "p.csv").write_text("experiment,metric,effect,error,lower\nfast,latency,-0.1,0.01,true\n")
    (found,) = read_pasts(tmp_path / "p.csv", now=NOW)
    assert (found.verdict, found.at, found.metrics["latency"]["treated"].verdict) == ("pass", NOW, "better")
