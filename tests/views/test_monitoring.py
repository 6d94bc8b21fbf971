"""The monitoring page: what is wrong and why first, every model in one line, one of them closely, acts with reasons."""

import time
from dataclasses import replace

import numpy as np

from workbench.errors import EngineError, Misuse
from workbench.policy import Decision, Reason
from workbench.policy.decision import People
from workbench.stats.canary_judge import Judge
from workbench.stats.canary_kpi import Units


def open_page(reader, estate, **given):
    return reader(estate.page(**given))


def lines(page):
    """The list of models."""
    return next(widget for widget in page.shown() if type(widget).__name__ == "ModelLines")


def choose(page, model):
    found = lines(page)
    found.chosen = model
    found.asked += 1


def test_the_first_line_says_what_is_wrong_and_why(reader, estate):
    text = open_page(reader, estate).text
    assert text.startswith("lending: Income moved. Accuracy fell. 1 model needs action: lending; 1 is worth watching;")
    assert "3 models are served, 18,616 requests in the last 24 hours" in text


def test_all_well_is_said_where_it_is_so_and_not_before_all_was_looked_at(reader, estate, line):
    estate.lines, estate.incidents = [line()], []
    assert open_page(reader, estate).text.startswith("All is well. 1 model is served, 412 requests")
    estate.lines = [line(state="unseen", looked_at=None)]
    text = open_page(reader, estate).text
    assert text.startswith("Nothing is known to be wrong; the models are still being looked at.")
    assert "1 is still to be looked at" in text


def test_nothing_served_says_what_to_do(reader, estate):
    estate.lines, estate.incidents = [], []
    assert open_page(reader, estate).text.startswith("No model is served yet. Train and promote the first ones")


def test_every_model_has_a_line_with_state_cause_since_when_and_traffic(reader, estate):
    first, second, third = lines(open_page(reader, estate)).rows
    assert (first["model"], first["state"], first["why"]) == ("lending", "act", "Income moved. Accuracy fell.")
    assert (first["since"], first["requests"], first["failed"], len(first["traffic"])) == ("5 h", "412", "0.7 %", 24)
    assert (second["since"], second["failed"]) == ("", "–")
    assert third["extra"] == "v12 · canary v13 at 5.0 %"


def test_the_worst_is_looked_at_closely_cause_first(reader, estate):
    page = open_page(reader, estate)
    assert lines(page).chosen == "lending"
    text = page.text
    parts = (
        "version 2, champion since",
        "Version 2 in the last 24 hours",
        "Hour by hour",
        "Groups in the last",
        "Drift of what",
    )
    order = [text.index(words) for words in (*parts, "Incidents")]
    assert order == sorted(order)
    assert "Fairness: pass" in text
    assert "99 % answered within" in text


def test_a_model_that_is_chosen_is_shown(reader, estate):
    page = open_page(reader, estate)
    choose(page, "pricing")
    assert "pricing version 2, champion since" in page.text
    choose(page, "no such model")
    assert "pricing version 2, champion since" in page.text


def test_an_estimate_is_marked_as_one_until_labels_are_there(reader, estate):
    text = open_page(reader, estate).text
    assert "income sex 120 25 % 70 % 60 % to 80 % estimate" in text
    assert "m sex 130 50 % 80 % 70 % to 90 % counted, 60 labelled" in text
    assert "An estimate without labels." in text


def test_what_moved_is_marked_on_the_time_axis(reader, estate):
    page = open_page(reader, estate)
    assert "1 2 Mar 2026, 00:30 UTC: v2 champion income" in page.text
    assert "wb-bad-time" in page.html
    assert 'aria-label="Requests an hour: last 20, at most 20' in page.html


def test_a_canary_says_what_it_has_shown_and_what_would_move_it(reader, estate, canary):
    estate.given = {"canary": canary()}
    text = open_page(reader, estate).text
    assert "Canary: version 3 gets 10 % of the traffic" in text
    assert "5.0 % from 2 Mar 2026, 04:30 UTC, then 10 % from 2 Mar 2026, 07:30 UTC; against version 2." in text
    assert "3 of 200, in the champion 18 of 1,800" in text
    assert "of the evidence it takes to go back" in text
    assert "To advance, errors and slow answers must still be shown to do no harm" in text
    assert "Nobody drives it by itself" in text


def test_a_kpi_of_a_canary_is_shown_with_its_interval_its_belief_and_what_is_missing(reader, estate, canary):
    rng = np.random.default_rng(0)
    tried = rng.random(3000) < 0.1
    judge = Judge.begun(kpis={"<i>revenue": (0.05, "up"), "repaid": (0.05, "up")})
    judge = judge.look("<i>revenue", Units.of(tried, 0.1, rng.gamma(25.0, 0.4, 3000) - 0.1 * tried))
    estate.given = {"canary": replace(canary(), judge=judge)}
    shown = reader(estate.page())
    assert "+0.143 beside the champion’s 10; 318 units, of the champion 2,682" in shown.text
    assert "at all looks together [" in shown.text
    assert "of the interval lies above a loss of 0.502" in shown.text
    assert "0 units, of the champion 0: too few whose value is known." in shown.text
    assert "<i>revenue" not in shown.html


def test_a_canary_that_does_harm_is_told_so_and_whoever_drives_it_speaks(reader, estate, canary):
    estate.given = {"canary": canary(bad=60, next="it is taken back within a minute")}
    text = open_page(reader, estate).text
    assert "Version 3 is shown to be worse: it goes back." in text
    assert "What takes it back: errors." in text
    assert "It is taken back within a minute." in text


def test_an_incident_tells_its_causes_and_their_shares_and_is_taken_on_with_a_reason(reader, estate):
    page = open_page(reader, estate)
    assert "1 incident is not resolved, 1 of them taken on by nobody." in page.text
    page.press("Open")
    assert "The source incomes had other content. source (ledger entry 12)" in page.text
    assert "70 %" in page.text
    page.press("Take it on")
    assert "Say why in a sentence first." in page.text
    page.write("the feed's owner is told", place=0)
    page.press("Take it on")
    assert estate.asked == [("acknowledged", "3f2a", "the feed's owner is told")]
    assert "Incident 3f2a of lending is acknowledged. Ledger entry 21." in page.text
    assert "taken on by risk-officer" in page.text


def test_a_resolved_incident_leaves_and_its_confirmation_stays(reader, estate):
    page = open_page(reader, estate)
    page.press("Open")
    page.write("a holiday, as every year")
    page.press("It is over")
    assert "Incident 3f2a of lending is resolved." in page.text
    assert "Open" not in page.buttons


def test_whose_role_may_not_is_told_and_nothing_happens(reader, estate):
    def acknowledge(id_, why):
        raise Misuse("guest may not move a model: their role is viewer", hint="who may: risk-officer")

    page = open_page(reader, estate, acknowledge=acknowledge)
    page.press("Open")
    page.write("I look")
    page.press("Take it on")
    assert "Guest may not move a model: their role is viewer." in page.text


BACK = "bring lending back to version 1"


def test_a_rollback_is_judged_before_it_is_confirmed(reader, estate):
    page = open_page(reader, estate)
    page.press("Roll back …")
    page.write("one payment in five fails")
    page.press("Roll back")
    assert estate.asked == [("judge", BACK, "one payment in five fails")]
    assert "This takes lending from version 2 back to version 1." in page.text
    page.press("Yes, go back to version 1")
    assert estate.asked[-1] == ("do", BACK, "one payment in five fails")
    assert "lending is back on version 1, generation 4. Ledger entry 20." in page.text


def test_a_rollback_that_the_policy_would_refuse_ends_before_it_is_asked_for(reader, estate):
    estate.decision = Decision("deny", (Reason("why", "the reason has 3 characters"),), "rollback", "p", "i")
    page = open_page(reader, estate)
    page.press("Roll back …")
    page.write("bad")
    page.press("Roll back")
    assert "The policy says no to this now." in page.text and "The reason has 3 characters" in page.text
    assert [act for act, *_ in estate.asked] == ["judge"]
    assert not [words for words in page.buttons if words.startswith("Yes")]


def test_a_rollback_for_which_people_have_to_say_yes_asks_them(reader, estate):
    people = People(1, ("approver",), 24.0, "high stakes")
    estate.decision = Decision("people", (), "rollback", "p", "i", people)
    page = open_page(reader, estate)
    page.press("Roll back …")
    page.write("one payment in five fails")
    page.press("Roll back")
    assert "That waits for people: nothing moves yet." in page.text
    assert "Yes, ask people" in page.buttons


def test_a_way_back_that_moved_while_one_was_deciding_is_read_again(reader, estate):
    page = open_page(reader, estate)
    page.press("Roll back …")
    page.write("one payment in five fails")
    page.press("Roll back")
    estate.given = {"way_back": None}
    page.press("Yes, go back to version 1")
    assert [act for act, *_ in estate.asked] == ["judge"]


def test_a_rollback_that_the_role_may_not_ask_for_is_refused_at_the_dry_run(reader, estate):
    def judge(wish, why):
        raise Misuse("guest may not move a model: their role is viewer")

    page = open_page(reader, estate, judge=judge)
    page.press("Roll back …")
    page.write("it is slow")
    page.press("Roll back")
    assert "Guest may not move a model" in page.text
    assert not [words for words in page.buttons if words.startswith("Yes")]


def test_without_an_earlier_champion_there_is_no_way_back(reader, estate):
    estate.given = {"way_back": None}
    assert "Roll back …" not in open_page(reader, estate).buttons


def test_a_heartbeat_reads_again_in_place_and_sooner_while_models_are_unseen(reader, estate, line):
    estate.lines.append(line("new", state="unseen", looked_at=None))
    page = open_page(reader, estate)
    widgets = list(page.shown())
    [beat] = [w for w in widgets if type(w).__name__ == "Heartbeat"]
    assert (beat.every, beat.soon) == (1, 1)
    beat.beat += 1
    assert beat.soon == 1, "no more were looked at: there is no hurry"
    estate.lines = [replace(one, requests=99_999, looked_at=line().looked_at) for one in estate.lines]
    beat.beat += 1
    assert lines(page).rows[0]["requests"] == "99,999"
    assert beat.every == 10
    assert list(page.shown()) == widgets, "the same widgets, with new values"


def test_a_reading_with_nothing_new_sends_nothing_and_a_reason_half_written_stays(reader, estate):
    page = open_page(reader, estate)
    page.press("Roll back …")
    page.write("half a reas")
    changes = []
    for widget in page.shown():
        if widget is not page.button("Refresh"):
            widget.observe(changes.append)
    page.press("Refresh")
    assert changes == []
    assert page.fields()[0].value == "half a reas"


def test_a_first_reading_that_fails_says_what_helps(reader, estate):
    def broken():
        raise EngineError("the summaries are locked", hint="workbench doctor")

    text = open_page(reader, estate, read=broken).text
    assert text.startswith("Nothing can be shown yet.")
    assert "The summaries are locked. What helps: workbench doctor" in text


def test_what_was_read_stays_where_a_later_reading_fails_and_no_traceback_is_shown(reader, estate, caplog):
    """The person gets a sentence, the log the traceback."""
    readings = [estate.read]

    def read():
        if not readings:
            raise RuntimeError("secret internals")
        return readings.pop()()

    page = open_page(reader, estate, read=read)
    page.press("Refresh")
    assert "secret internals" in caplog.text
    assert "what you see is from before" in page.text
    assert "secret internals" not in page.text
    assert lines(page).rows[0]["model"] == "lending"


def test_what_could_not_be_looked_at_is_told(reader, estate):
    estate.problems = ("churn: its files are gone",)
    assert "1 thing could not be looked at churn: its files are gone" in open_page(reader, estate).text


def test_three_hundred_models_are_shown_in_few_widgets(reader, estate, line):
    estate.lines += [line(f"model {n:03}") for n in range(300)]
    begun = time.process_time()
    page = open_page(reader, estate)
    assert time.process_time() - begun < 1
    assert len(lines(page).rows) == 303
    assert len(list(page.shown())) < 60


def test_each_incident_can_be_told_from_the_others_by_whoever_does_not_see_the_page(estate, reader):
    estate.incidents.append(replace(estate.incidents[0], id="9c41", model="churn"))
    page = reader(estate.page())
    buttons = [one for one in page.shown() if getattr(one, "description", "") == "Open"]
    assert [one.tooltip for one in buttons] == ["Open incident 3f2a of lending", "Open incident 9c41 of churn"]
    buttons[1].click()
    assert buttons[1].tooltip == "Close incident 9c41 of churn"


def test_where_each_incident_was_taken_on_it_is_said_so(estate, reader):
    page = reader(estate.page())
    estate.incidents = [replace(estate.incidents[0], state="acknowledged", by="auditor", why="I look")]
    page.press("Refresh")
    assert "1 incident is not resolved; somebody has taken on each." in page.text


def test_the_policys_yes_to_a_rollback_reads_as_a_sentence(estate, reader):
    page = reader(estate.page())
    page.press("Roll back …")
    page.write("it lends too unevenly")
    page.press("Roll back")
    assert "The policy says yes This meets every condition. A person decides." in page.text
