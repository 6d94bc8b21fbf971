"""The page of experiments, clicked through without a browser."""

import runpy
from html.parser import HTMLParser
from pathlib import Path

import pytest

from workbench.errors import Misuse
from workbench.experiments.archive import ArmEffect
from workbench.experiments.looking import Expectation
from workbench.experiments.opened import Day
from workbench.stats.effects import EffectPrior
from workbench.views import experiments_page
from workbench.views.curves import evolution, ticks
from workbench.views.experiments import Board

TRIED = runpy.run_path(str(Path(__file__).with_name("tried.py")))
past, Story, HOSTILE = TRIED["past"], TRIED["Story"], TRIED["HOSTILE"]


def row(board, name):
    """The row of an experiment."""
    return next(row for key, row in board._rows.items() if key.startswith(f"{name}@"))


def opened(found):
    """The page of one experiment, unfolded."""
    board = Board(Story, lambda: [found])
    board.take([found])
    return row(board, found.name)._closely


def test_the_list_says_what_was_tried_and_what_came_of_it():
    pasts = [past(), past("red", "fail"), past("plan", "not enough evidence")]
    board = Board(Story, lambda: pasts)
    board.take(pasts)
    assert "3 experiments: 1 found something better, 1 found that nothing was, 1 not settled." in board.lead.value
    assert "New against old: orders higher." in row(board, "free-shipping").line.value
    assert "bold" not in row(board, "free-shipping").line.value


def test_words_and_verdicts_choose_among_them():
    pasts = [past(), past("red", "fail", lesson="colour does nothing")]
    board = Board(Story, lambda: pasts)
    board.take(pasts)
    board.find.value = "COLOUR nothing"
    assert board.rows.children == (row(board, "red").widget,)
    board.find.value = ""
    board.which.value = "better"
    assert board.rows.children == (row(board, "free-shipping").widget,)
    board.find.value = "no such thing"
    assert "wb-hidden" not in board.none._dom_classes


def test_the_best_arm_is_looked_at_first_and_a_slider_asks_again():
    page = opened(past())
    assert page.arm.value == "new"
    assert "Take it" in page.answer.value
    page.belief.index = len(page.belief.options) - 1  # effects are within ±1 %
    assert "+0.52\u00a0%" in page.picture.value
    page.accepted.index = 0
    assert "Wait" in page.answer.value
    page.arm.value = "bold"
    assert "bold" in page.answer.value


def test_what_past_experiments_teach_is_one_more_belief():
    taught = Expectation("as 43 past tests", EffectPrior.normal(0, 0.01, scale="relative"))
    found = past()

    class Taught(Story):
        def expectations(self, metric):
            return (taught,)

    board = Board(Taught, lambda: [found])
    board.take([found])
    row(board, found.name).unfold()
    assert row(board, found.name)._closely.belief.options[-1] == ("as 43 past tests", taught)


def test_days_groups_lesson_and_warning_are_told():
    found = past()

    class Warned(Story):
        warning = "The arms were not filled as planned."

    board = Board(Warned, lambda: [found])
    board.take([found])
    page = row(board, found.name)._closely
    assert "not filled as planned" in page.warning.value
    assert "5 days" in page.days.value
    assert "phone" in page.segments.value
    assert "It helps small baskets." in page.rest.value


@pytest.mark.parametrize("field", ["name", "hypothesis", "decision", "why", "lesson", "sentence", "owner", "control"])
def test_whatever_it_is_given_is_shown_as_text(field):
    page = opened(past(**{field: HOSTILE}, **({"decision": "ship"} if field == "why" else {})))
    shown = "".join(part.value for part in (page.told, page.answer, page.picture, page.days, page.segments, page.rest))
    assert "<script" not in shown
    HTMLParser().feed(shown)


def test_an_effect_whose_share_is_not_known_is_told_in_its_own_unit():
    effect = ArmEffect(12.0, 5.0, None, None, None, 0.99, "better")
    page = opened(past(metrics={"spend": {"new": effect}}))
    assert "+12.0" in page.picture.value
    assert "wb-hidden" in page.belief._dom_classes


def test_an_effect_without_an_error_is_told_and_nothing_is_asked_of_it():
    effect = ArmEffect(12.0, None, None, None, None, None, "better")
    page = opened(past(metrics={"spend": {"new": effect}}))
    assert "no error was written down" in page.answer.value
    assert "wb-hidden" in page.asking._dom_classes


def test_what_cannot_be_opened_or_read_is_said_in_words():
    def refuse(_):
        raise Misuse("its cube is gone", hint="run it again")

    board = Board(refuse, lambda: [past()])
    board.take([past()])
    assert "Its cube is gone" in row(board, "free-shipping").close.children[0].value

    def broken():
        raise Misuse("the ledger is gone")

    page = experiments_page(broken, open_one=Story)
    assert any("The ledger is gone" in getattr(part, "value", "") for part in page.children)


def test_two_ideas_under_one_name_are_two_experiments():
    pasts = [past(), past(hypothesis="free shipping lowers returns")]
    board = Board(Story, lambda: pasts)
    board.take(pasts)
    told = [child.children[0].children[0].value for child in board.rows.children]
    assert "raises orders" in told[0] and "lowers returns" in told[1]


def test_an_experiment_that_is_not_to_be_trusted_is_not_counted_as_won_or_lost():
    pasts = [past("crooked", sound=False), past()]
    board = Board(Story, lambda: pasts)
    board.take(pasts)
    assert "2 experiments: 1 found something better, 1 not to be trusted." in board.lead.value
    assert "Not to be trusted" in row(board, "crooked").line.value
    board.which.value = "better"
    assert board.rows.children == (row(board, "free-shipping").widget,)
    assert "Do not take it" in opened(pasts[0]).answer.value


def test_made_up_data_is_said_to_be_made_up_and_counts_for_nothing():
    pasts = [past("shop-test", simulated=True), past()]
    board = Board(Story, lambda: pasts)
    board.take(pasts)
    assert "1 experiment: 1 found something better, 1 on made-up data besides." in board.lead.value
    assert "made-up data" in row(board, "shop-test").line.value


def test_the_plans_own_cost_is_where_the_slider_starts():
    class Planned(Story):
        accepted = 0.003

    board = Board(Planned, lambda: [past()])
    board.take([past()])
    page = row(board, "free-shipping")._closely
    assert page.accepted.value == 0.003
    assert "0.30\u00a0% that you accept" in page.answer.value


def test_an_empty_archive_names_the_way_to_the_first_experiment():
    board = Board(Story, list)
    board.take([])
    assert "workbench run ab_test" in board.lead.value


def test_marks_are_round_and_hold_zero():
    assert ticks(-1.0, 1.0) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert ticks(0.0, 0.0) == []


def test_a_curve_of_days_has_one_point_a_day():
    drawn = evolution([Day("a", 0.1, 0.0, 0.2), Day("b", 0.1, 0.05, 0.15)], "relative", HOSTILE)
    assert "<script" not in drawn
    assert drawn.count('class="wb-bound"') == 0
