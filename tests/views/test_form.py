"""The run form: what a person fills in is checked while they type, run in the background, and told."""

import re
import shlex
import threading
from dataclasses import replace
from datetime import date
from html import unescape
from pathlib import Path

import pytest

from workbench.batch import Outcome
from workbench.batch.lanes import Stopped
from workbench.batch.parameters import declared
from workbench.errors import EngineError, Misuse
from workbench.views.fields import as_text
from workbench.views.form import Doing, Filling, RunForm, run_form
from workbench.views.form_style import FORM_STYLE
from workbench.views.framed import Framed
from workbench.views.inputs import Inputs
from workbench.views.outcome import Change, Place
from workbench.views.style import STYLE

CELL = """
from datetime import date
from pathlib import Path
from typing import Literal
seed: int = 7  # of the draws, 0 to 100
draws: int = 2000  # PyMC's draws a chain, at least 500
alpha: float = 0.05  # significance level, in (0, 1)
name: str = "rand hie"  # name of the experiment
check: bool = True  # whether PyMC is asked too
metric: Literal["visits", "spend"] = "visits"  # what is compared
site: Literal["dayton", "seattle", "fitchburg", "franklin", "charleston"] = "seattle"  # where
since: date = date(2026, 1, 1)  # first day
until: date | None = None  # last day; none: today
data: Path = Path("data.csv")  # the table
arms: list[str] = ["0 %", "25 %"]  # arms that are compared
most: float | None = None  # largest value that counts
"""
OUTCOME = Outcome(
    run_id="run-2",
    name="ab_test",
    status="finished",
    notebook=Path("/w/reports/runs/x/notebook.ipynb"),
    report=Path("/w/reports/runs/x/report.html"),
    metrics={"f1": 0.93125, "rows": 1989.0},
    sentence="Free care raises visits by a third.",
    versions=(("lending", 3),),
    findings=({"kind": "fairness", "subject": "lending/3", "verdict": "not enough evidence", "sentence": "few"},),
)


def parameters(cell=CELL):
    tagged = {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": cell}
    return declared([tagged], "ab_test.ipynb")


class Bench:
    """What a form is joined to, simulated: it remembers what it was asked and answers as it is told to."""

    def __init__(self):
        self.ran, self.afresh, self.kept = [], [], []
        self.answer = OUTCOME
        self.cells = 4
        self.before = "run-1"
        self.changes = [Change("parameter", "seed", 7, 8), Change("metric", "f1", 0.9, 0.93125)]

    def run(self, values, on_cell, stop, *, afresh):
        self.ran.append(values)
        self.afresh.append(afresh)
        for done in range(1, self.cells + 1):
            on_cell(done, self.cells)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def doing(self):
        return Doing(
            run=lambda *given, **more: self.run(*given, **more),
            keep=self.kept.append,
            exists=lambda path: path == Path("data.csv"),
            last=lambda: self.before,
            compare=lambda before, after: self.changes,
            place=lambda outcome: Place("reports/runs/x/report.html", "/files/reports/runs/x/report.html"),
            read_report=lambda outcome: "<h1>Report</h1>",
            read_comparison=lambda before, after: f"<h1>{before} and {after}</h1>",
        )


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def form(bench, reader):
    """Makes a form over the simulated bench, and reads it; runs are done at once unless told otherwise."""

    def made(cell=CELL, *, begin=lambda work: work(), **given):
        filling = Filling("ab_test", parameters(cell), "analyst", bench.doing(), **given)
        opened = RunForm(Inputs(), filling, begin)
        read = reader(opened.widget)
        read.form = opened
        read.put = lambda name, value: setattr(opened.fields[name].input, "value", value)
        return read

    return made


def kinds(read):
    return {name: type(field.input).__name__ for name, field in read.form.fields.items()}


def test_each_type_has_its_input(form):
    assert kinds(form()) == {
        "seed": "Text",
        "draws": "Text",
        "alpha": "Text",
        "name": "Text",
        "check": "Checkbox",
        "metric": "ToggleButtons",
        "site": "Dropdown",
        "since": "DatePicker",
        "until": "DatePicker",
        "data": "Text",
        "arms": "Text",
        "most": "Text",
    }


def test_a_slider_stands_only_where_both_ends_are_known(form):
    read = form()
    with_slider = [w.tooltip for w in read.shown() if type(w).__name__ == "FloatSlider"]
    assert with_slider == ["seed, in [0, 100]", "alpha, in (0, 1)"]


def test_an_end_that_is_left_out_cannot_be_slid_to(form):
    (_, slider) = [w for w in form().shown() if type(w).__name__ == "FloatSlider"]
    assert (slider.min, slider.max) == (0.01, 0.99)


def test_a_slider_writes_what_it_says_and_follows_the_text_without_rounding_it(form):
    read = form()
    (slider, _) = [w for w in read.shown() if type(w).__name__ == "FloatSlider"]
    slider.value = 42
    assert read.form.values["seed"] == 42
    (_, slider) = [w for w in read.shown() if type(w).__name__ == "FloatSlider"]
    read.put("alpha", "0.0123456789")
    assert slider.value == 0.0123456789
    read.put("alpha", "0.001")
    assert slider.value == 0.01
    assert read.form.values["alpha"] == 0.001


def test_every_input_has_its_name_as_label_and_its_meaning_beside_it(form):
    read = form()
    assert all(field.input.description == name for name, field in read.form.fields.items())
    assert "Significance level, in (0, 1). A number in (0, 1); by default 0.05." in read.text
    assert "A list, each a text; by default 0 %, 25 %." in read.text
    assert "A date like 2026-01-31, or none; by default none." in read.text


def test_the_defaults_are_the_notebooks(form):
    read = form()
    assert read.form.values == {p.name: p.default for p in parameters()}
    assert not read.button("Run").disabled


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("alpha", "1.5", "Must be a number in (0, 1)."),
        ("alpha", "", "Must be a number in (0, 1)."),
        ("seed", "7.5", "Must be a whole number in [0, 100]."),
        ("draws", "10", "Must be a whole number at least 500."),
        ("since", None, "Must be a date like 2026-01-31."),
        ("data", "", "Must be a path."),
        ("most", "many", "Must be a number, or none."),
    ],
)
def test_what_does_not_fit_is_said_under_the_field_and_cannot_be_run(form, bench, name, given, said):
    read = form()
    read.put(name, given)
    assert said in read.text
    assert read.button("Run").disabled
    assert f"To run it, mend {name}." in read.text
    read.press("Run")
    assert bench.ran == []


def test_it_can_be_run_once_all_is_mended(form, bench):
    read = form()
    read.put("alpha", "2")
    read.put("seed", "x")
    assert "To run it, mend seed and alpha." in read.text
    read.put("alpha", "0.1")
    read.put("seed", "8")
    read.press("Run")
    assert bench.ran[0]["alpha"] == 0.1
    assert bench.ran[0]["seed"] == 8


def test_values_arrive_as_their_types(form, bench):
    read = form()
    read.put("check", False)
    read.put("metric", "spend")
    read.put("since", date(2026, 2, 3))
    read.put("until", date(2026, 3, 4))
    read.put("data", "a b.csv")
    read.put("arms", "0 %, 95 %")
    read.put("most", "1e3")
    read.press("Run")
    (ran,) = bench.ran
    assert (ran["check"], ran["metric"], ran["since"], ran["until"]) == (
        False,
        "spend",
        date(2026, 2, 3),
        date(2026, 3, 4),
    )
    assert (ran["data"], ran["arms"], ran["most"]) == (Path("a b.csv"), ["0 %", "95 %"], 1000.0)


def test_an_optional_field_may_be_empty(form, bench):
    read = form()
    read.put("most", "5")
    read.put("most", "")
    read.press("Run")
    assert bench.ran[0]["most"] is None


@pytest.mark.parametrize(
    ("line", "value"),
    [('x: str | None = ""', ""), ("x: list[str] | None = []", []), ("x: str | None = None", None)],
)
def test_a_form_changes_no_default_by_being_opened(form, line, value):
    read = form(line)
    assert read.form.values == {"x": value}
    assert read.form.line == "workbench run ab_test"


def test_an_empty_option_is_an_option(form):
    read = form('x: Literal["", "a"] | None = None')
    read.put("x", "")
    assert read.form.values == {"x": ""}


def test_an_empty_text_is_a_text(form, bench):
    read = form()
    read.put("name", "")
    read.press("Run")
    assert bench.ran[0]["name"] == ""


def test_a_path_says_whether_something_is_there(form):
    read = form()
    assert "It is there." in read.text
    read.put("data", "other.csv")
    assert "Nothing is there now." in read.text


def test_the_command_does_the_same(form):
    read = form()
    assert read.form.line == "workbench run ab_test"
    read.put("arms", "a, it's; rm -rf /")
    read.put("check", False)
    words = shlex.split(read.form.line)
    assert words[:3] == ["workbench", "run", "ab_test"]
    given = dict(word.split("=", 1) for word in words[4::2])
    assert parameters().validate(given) == read.form.values


@pytest.mark.parametrize("value", [["a, b"], [""], ["[x"], [" a"], [], ["a", "b"], ["é\"'"]])
def test_a_list_is_written_so_that_it_reads_the_same(value):
    (parameter,) = parameters('x: list[str] = ["q"]')
    assert parameter.kind.read(as_text(parameter, value)) == value


def test_reset_brings_back_the_defaults(form, bench):
    read = form()
    read.put("seed", "x")
    read.put("metric", "spend")
    read.press("Reset to defaults")
    assert read.form.values == {p.name: p.default for p in parameters()}
    assert "To run it" not in read.text


def test_what_is_right_is_kept_at_every_change(form, bench):
    read = form()
    read.put("seed", "8")
    read.put("alpha", "no")
    assert bench.kept[-1]["seed"] == "8"
    assert "alpha" not in bench.kept[-1]


def test_what_stands_at_its_default_is_not_kept(form, bench):
    """A default that is changed in the notebook later is then the form's too."""
    read = form()
    read.put("seed", "8")
    assert bench.kept[-1] == {"seed": "8"}
    read.put("seed", "7")
    assert bench.kept[-1] == {}
    newer = CELL.replace("draws: int = 2000", "draws: int = 4000")
    assert form(newer, kept={"seed": "8"}).form.values["draws"] == 4000


def test_what_was_kept_stands_in_the_fields_again(form):
    read = form(kept={"seed": "9", "arms": "x, y"})
    assert read.form.values["seed"] == 9
    assert read.form.fields["arms"].input.value == "x, y"
    assert "These are the values of the last time." in read.text


def test_what_no_longer_fits_is_dropped_with_a_word(form):
    read = form(kept={"seed": "900", "gone": "1", "draws": "600"})
    assert read.form.values["seed"] == 7
    assert read.form.values["draws"] == 600
    assert "seed was left out: it must be a whole number in [0, 100]" in read.text
    assert "gone is no parameter of ab_test and was left out" in read.text


def test_what_the_address_asks_for_goes_before_and_is_checked_too(form):
    read = form(kept={"seed": "9"}, asked={"seed": "11", "alpha": "5"})
    assert read.form.values["seed"] == 11
    assert read.form.values["alpha"] == 0.05
    assert "Of the address of this page, alpha was left out: it must be a number in (0, 1)." in read.text


def test_values_that_cannot_be_kept_are_no_reason_not_to_run(form, bench):
    def full(values):
        raise EngineError("the disk is full")

    bench.kept = type("Full", (), {"append": staticmethod(full)})
    read = form()
    read.put("seed", "8")
    assert "The values cannot be kept for the next time: the disk is full." in read.text
    assert not read.button("Run").disabled


def test_a_secret_is_given_by_reference_and_never_kept(form, bench):
    read = form('from workbench import Secret\ntoken: Secret = Secret("env:TOKEN")  # opens the warehouse')
    assert read.form.fields["token"].input.value == "env:TOKEN"
    read.put("token", "hunter2")
    assert "Must be a reference, env:NAME or file:/PATH." in read.text
    assert read.button("Run").disabled
    assert "hunter2" not in read.html
    read.put("token", "env:OTHER")
    assert read.form.line == "workbench run ab_test -p token=env:OTHER"
    assert not any(bench.kept)
    read.press("Run")
    assert bench.ran[0]["token"].reference == "env:OTHER"


def test_what_came_out_is_told(form):
    read = form()
    read.press("Run")
    assert "Free care raises visits by a third." in read.text
    assert "0.9313" in read.text
    assert "1,989" in read.text
    assert "not enough evidence" in read.text
    assert "Registered: lending 3" in read.text
    assert 'href="/files/reports/runs/x/report.html"' in read.html
    assert "run-2" in read.text


def test_why_it_ran_is_told(form, bench):
    bench.answer = replace(OUTCOME, because="ran because: data.csv changed")
    read = form()
    read.press("Run")
    assert "Ran because: data.csv changed." in read.text
    assert "Run it all the same" not in read.buttons


def test_where_nothing_was_run_it_is_told_why_and_it_can_be_run_all_the_same(form, bench):
    bench.answer = replace(OUTCOME, reused=True, because="run 1f3a5c7e of 2026-03-02 09:30 UTC had the same cells")
    read = form()
    read.put("seed", "8")
    read.press("Run")
    assert "Nothing was run: run 1f3a5c7e of 2026-03-02 09:30 UTC had the same cells." in read.text
    assert read.form.line == "workbench run ab_test -p seed=8"
    bench.answer = replace(OUTCOME, because="ran because it was asked to run afresh")
    read.press("Run it all the same")
    assert bench.afresh == [False, True]
    assert bench.ran[0] == bench.ran[1]
    assert read.form.line == "workbench run ab_test -p seed=8 --fresh"
    assert "Run it all the same" not in read.buttons


def test_a_run_is_afresh_only_where_it_was_asked_for(form, bench):
    """Other values, or *Run* again, and the command says no more that it does."""
    bench.answer = replace(OUTCOME, reused=True)
    read = form()
    read.press("Run")
    read.press("Run it all the same")
    assert read.form.line.endswith("--fresh")
    read.put("seed", "8")
    assert read.form.line == "workbench run ab_test -p seed=8"
    assert "Run it all the same" not in read.buttons
    read.press("Run")
    read.press("Run it all the same")
    read.press("Run")
    assert bench.afresh == [False, True, False, True, False]
    assert read.form.line == "workbench run ab_test -p seed=8"


def test_many_metrics_are_folded(form, bench):
    read = form()
    read.press("Run")
    assert "<details class='wb-more' open>" in read.html
    bench.answer = replace(OUTCOME, metrics={f"m{n}": 0.5 for n in range(60)})
    read.press("Run")
    assert "<details class='wb-more'><summary>60 metrics" in read.html


def test_a_finding_does_not_say_again_what_the_run_says(form, bench):
    bench.answer = replace(OUTCOME, findings=({**OUTCOME.findings[0], "sentence": OUTCOME.sentence},))
    read = form()
    read.press("Run")
    assert read.text.count(OUTCOME.sentence) == 1


def test_what_changed_since_the_last_run_is_told(form):
    read = form()
    read.press("Run")
    assert "Since the last run: 2 changes" in read.text
    assert "seed 7 8 +1" in read.text
    assert "f1 0.9000 0.9313 +0.031" in read.text


def test_a_first_run_is_compared_with_nothing(form, bench):
    bench.before = None
    read = form()
    read.press("Run")
    assert "Since the last run" not in read.text


def test_the_same_again_is_said_to_be_the_same(form, bench):
    bench.changes = []
    read = form()
    read.press("Run")
    assert "The same parameters and the same metrics as in the last run." in read.text


def test_a_failure_is_told_in_words(form, bench):
    bench.answer = replace(OUTCOME, status="failed", sentence="cell 3 failed: KeyError: 'plan'")
    read = form()
    read.press("Run")
    assert "Cell 3 failed: KeyError: 'plan'." in read.text
    assert "What helps: it is kept as far as it came in reports/runs/x/notebook.ipynb" in read.text
    assert not read.button("Run").disabled


def test_a_refusal_is_told_with_its_way_out(form, bench):
    bench.answer = Misuse("ab_test.ipynb has changed", hint="save it again")
    read = form()
    read.press("Run")
    assert "Ab_test.ipynb has changed. What helps: save it again" in read.text


def test_what_breaks_off_leaves_the_form_usable(form, bench):
    bench.answer = RuntimeError("secret internals")
    read = form()
    read.press("Run")
    assert "It broke off unexpectedly." in read.text
    assert "secret internals" not in read.text
    assert not read.button("Run").disabled


def test_the_report_is_shown_in_a_frame_that_reaches_nothing(form):
    read = form()
    read.press("Run")
    assert "<iframe" not in read.html
    read.press("Show the report here")
    assert 'sandbox="allow-scripts" srcdoc="&lt;h1&gt;Report&lt;/h1&gt;"' in read.html
    read.press("Hide the report")
    assert "<iframe" not in read.html


def test_the_whole_comparison_with_the_last_run_is_shown_when_it_is_wanted(form, bench):
    read = form()
    read.press("Run")
    read.press("Show the whole comparison here")
    assert 'sandbox="allow-scripts" srcdoc="&lt;h1&gt;run-1 and run-2&lt;/h1&gt;"' in read.html
    read.press("Hide the whole comparison")
    assert "<iframe" not in read.html
    bench.before = None
    read.press("Run")
    assert "Show the whole comparison here" not in read.buttons


def test_what_cannot_be_shown_is_told_where_it_would_stand(bench, reader):
    def gone():
        raise EngineError("the report is gone")

    shown = Framed(Inputs(), "the report")
    shown.offer(gone)
    shown.button.click()
    assert "The report is gone." in shown.frame.value
    shown.offer(None)
    assert shown.frame.value == ""


def test_the_kernel_stays_free_while_it_runs(form, bench):
    """The run is another thread's; meanwhile fields and button are closed, and its progress is shown."""
    at_cell, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def slowly(values, on_cell, stop, *, afresh):
        on_cell(1, 4)
        at_cell.set()
        assert go_on.wait(10)
        on_cell(4, 4)
        return OUTCOME

    def begin(work):
        threading.Thread(target=lambda: (work(), over.set()), daemon=True).start()

    bench.run = slowly
    read = form(begin=begin)
    read.press("Run")
    assert at_cell.wait(10)
    assert "1 of 4 cells" in read.text
    assert read.button("Run").disabled
    assert "It runs now; you can go on working." in read.text
    assert read.form.fields["seed"].input.disabled
    assert read.form.running.clock.running
    go_on.set()
    assert over.wait(10)
    assert "Free care raises visits by a third." in read.text
    assert not read.form.fields["seed"].input.disabled
    assert not read.form.running.clock.running


def test_a_run_that_is_over_at_once_leaves_no_field_closed(form):
    """The form is closed before the work begins, so that nothing closes it after it has ended."""
    seen = []

    def begin(work):
        seen.append(read.form.run.disabled)
        work()
        seen.append(read.form.run.disabled)

    read = form(begin=begin)
    read.press("Run")
    assert seen == [True, False]
    assert not read.form.fields["seed"].input.disabled


def test_what_is_run_is_kept_too(form, bench):
    read = form(asked={"seed": "11"})
    read.press("Run")
    assert bench.kept[-1]["seed"] == "11"


def test_it_can_be_stopped_in_the_middle_of_a_cell(form, bench):
    """The run is handed an event; a cell that ends while the stop is on its way changes no word of it."""
    read = form()
    heard = []

    def stopped_by_hand(values, on_cell, stop, *, afresh):
        on_cell(1, 4)
        heard.append(stop.is_set())
        read.press("Stop")
        heard.append(stop.is_set())
        on_cell(2, 4)
        assert "Stopping …" in read.text
        raise Stopped

    bench.run = stopped_by_hand
    read.press("Run")
    assert heard == [False, True]
    assert "It was stopped. What was not finished is committed nowhere." in read.text
    assert not read.button("Run").disabled


def test_a_stop_holds_for_one_run_only(form, bench):
    read = form()

    def stopped_by_hand(values, on_cell, stop, *, afresh):
        read.press("Stop")
        raise Stopped

    heard = []
    bench.run = stopped_by_hand
    read.press("Run")
    bench.run = lambda values, on_cell, stop, *, afresh: heard.append(stop.is_set()) or OUTCOME
    read.press("Run")
    assert heard == [False]
    assert "Free care raises visits by a third." in read.text


def test_a_stop_after_the_last_cell_comes_too_late(form, bench):
    read = form()

    def last(values, on_cell, stop, *, afresh):
        on_cell(3, 4)
        read.press("Stop")
        on_cell(4, 4)
        return OUTCOME

    bench.run = last
    read.press("Run")
    assert "Free care raises visits by a third." in read.text


def test_a_notebook_without_parameters_can_be_run(form, bench):
    read = form("# none")
    assert "it takes no parameters" in read.text
    read.press("Run")
    assert bench.ran == [{}]


def test_the_form_is_a_page_with_its_style(bench):
    page = run_form(Filling("ab_test", parameters(), "analyst", bench.doing()), begin=lambda work: work())
    assert "wb-page" in page._dom_classes
    assert ".wb-field" in unescape(page.children[0].value + page.children[1].value)


def test_what_a_form_is_made_of_is_laid_out_by_its_own_style_sheet_alone():
    """A rule of the pages that meets a part of a form by its name would move its inputs about."""
    shared = {"wb-page", "wb-wrong"}  # the page itself, and words about what is wrong
    names = [set(re.findall(r"\.(wb-[a-z-]+)", sheet)) for sheet in (STYLE, FORM_STYLE)]
    assert names[0] & names[1] == shared
