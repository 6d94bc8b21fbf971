"""The monitoring page: what is wrong first, and every model in one line."""

import time

from workbench.errors import EngineError
from workbench.views import monitoring_board


def open_page(reader, models, **given):
    return reader(monitoring_board(models, **{"refresh": lambda: models, **given}))


def test_the_first_sentence_says_what_needs_action(reader, estate):
    page = open_page(reader, estate)
    assert page.text.startswith("1 model needs action: lending. 3 models are served; 18,616 requests")


def test_each_model_has_its_health_in_words(reader, estate):
    page = open_page(reader, estate)
    for said in ("1 of 7 columns drifted", "Version 1 has no fairness audit.", "It answers well"):
        assert said in page.text
    assert all(word in page.text for word in ("Act", "Watch", "Healthy"))


def test_the_worst_stands_first_and_is_open(reader, estate):
    page = open_page(reader, estate)
    assert page.buttons == ["Refresh", "Close", "Details", "Details"]
    assert "loan to income" in page.text
    assert "0.61" in page.text


def test_a_closed_model_opens_and_closes(reader, estate):
    page = open_page(reader, estate)
    page.press("Close")
    assert "Drift of what it is asked" not in page.text
    page.button("Details").click()
    assert "Drift of what it is asked" in page.text


def test_percentiles_are_told_in_their_unit(reader, served):
    page = open_page(reader, [served()])
    for said in ("1.8 ms half answered within", "4.2 ms 95 % answered within", "12 ms 99 % answered within"):
        assert said in page.text


def test_a_column_that_drifted_is_told_apart_from_one_not_sure(reader, estate):
    text = open_page(reader, estate).text
    assert "loan to income empty in 4.0 %, before 0 % 0.61 0.05 drifted" in text
    assert "1,200 more rows would settle it; new: houseboat" in text


def test_nothing_served_says_what_to_do(reader):
    page = open_page(reader, [])
    assert page.text.startswith("No model is served yet. Train and promote the first ones: workbench demo")


def test_a_model_nobody_asks_says_so(reader, estate):
    page = open_page(reader, estate[1:2])
    assert "Nothing was asked of it in the last 24 hours." in page.text
    assert "Nothing was served in this window." in page.text


def test_all_well_is_said(reader, served):
    assert open_page(reader, [served()]).text.startswith("All is well. 1 model is served; ")


def test_a_heartbeat_reads_again_in_place(reader, served):
    page = open_page(reader, [served()], refresh=lambda: [served(requests=99_999)])
    widgets = list(page.shown())
    [beat] = [w for w in widgets if type(w).__name__ == "Heartbeat"]
    beat.beat += 1
    assert "99,999" in page.text
    assert list(page.shown()) == widgets, "the same widgets, with new values"


def test_a_reading_with_nothing_new_sends_nothing(reader, estate):
    page = open_page(reader, estate)
    changes = []
    for widget in page.shown():
        if widget is not page.button("Refresh"):
            widget.observe(changes.append)
    page.press("Refresh")
    assert changes == []


def test_what_is_open_stays_open_when_the_order_changes(reader, estate, served):
    page = open_page(reader, estate, refresh=lambda: [served("new", health="act"), *estate])
    page.press("Refresh")
    assert page.text.index("new version 1") < page.text.index("lending version 1")
    assert page.buttons == ["Refresh", "Details", "Close", "Details", "Details"]


def test_a_reading_that_fails_leaves_what_was_read(reader, served):
    def broken():
        raise EngineError("the prediction log is locked", hint="workbench doctor")

    page = open_page(reader, [served()], refresh=broken)
    page.press("Refresh")
    assert "The prediction log is locked." in page.text
    assert "lending version 1" in page.text


def test_an_unforeseen_error_is_said_without_a_traceback(reader, served, caplog):
    """The person gets a sentence, the log the traceback."""

    def broken():
        raise RuntimeError("secret internals")

    page = open_page(reader, [served()], refresh=broken)
    page.press("Refresh")
    assert "secret internals" in caplog.text
    assert "what you see is from before" in page.text
    assert "secret internals" not in page.text


def test_a_hundred_models_are_built_in_a_tenth_of_a_second(reader, served):
    models = [served(f"model {n:03}") for n in range(100)]
    taken = []
    for _ in range(3):
        begun = time.process_time()
        page = open_page(reader, models)
        taken.append(time.process_time() - begun)
    assert min(taken) < 0.1
    assert "Show 25 more of 75 models" in page.buttons
    page.press("Show 25 more")
    assert page.text.count("It answers well") == 50
    page.write("model 099")
    assert page.text.count("It answers well") == 1
