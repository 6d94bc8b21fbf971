"""Who may do what on the pages of decisions, what waits for whom, and what a person is told before they act."""

from dataclasses import replace

import pytest

from workbench.errors import Misuse
from workbench.policy import Decision, People, Reason
from workbench.promotion import Step
from workbench.views import approvals_page, promotion_board, promotions_page
from workbench.views.deciding import Paper, Trouble, Waiting
from workbench.views.promotions import Board

PEOPLE = Decision(
    "needs-people",
    (Reason("needs-people", "two have to say yes"),),
    "promotion",
    "p" * 64,
    "i" * 64,
    People(2, ("approver",), 72, "lending 3 decides about people"),
)
RIGHTS = {
    "viewer": {"look"},
    "analyst": {"look", "ask"},
    "approver": {"look", "ask", "approve"},
    "admin": {"look", "ask", "administer"},
}


def as_role(world, role):
    world.you = {"name": "somebody", "roles": (role,), "may": frozenset(RIGHTS[role])}


def everything(widget):
    """Every widget of a page, hidden ones too."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from everything(child)


def words_of(page):
    return {w.description for w in everything(page.page) if type(w).__name__ == "Button"}


def opened(world, reader):
    return reader(promotion_board(world.read(), world.acts, world.read))


@pytest.fixture
def waiting(world, question):
    """A question of which one approval is there, and one that waits for others."""
    world.stages[3] = "candidate"
    world.waiting = [
        Waiting(question(3, given=("auditor",), may=("risk-officer",))),
        Waiting(question(2, action="stage", slot="canary", weight=0.05), why_not="risk-officer asked for it"),
    ]
    return world


@pytest.mark.parametrize("role", RIGHTS)
def test_what_a_role_may_not_do_is_not_on_the_page_not_even_hidden(waiting, reader, role):
    world = waiting
    world.promote(3, "it was fair")
    world.stages[1] = "former champion"
    as_role(world, role)
    page = opened(world, reader)
    for version in (1, 2):
        if f"Look at version {version}" in page.buttons:
            page.press(f"Look at version {version}")
    shown = words_of(page)
    asks = {"Promote version 2", "Promote version 1 again", "Into shadow", "Canary at 5 %", "Retire version 2"}
    answers = {"Approve only", "Refuse", "Reject version 2"}
    assert shown & asks == (asks if "ask" in RIGHTS[role] else set())
    assert ("Roll back …" in shown) == ("ask" in RIGHTS[role])
    assert shown & answers == (answers if "approve" in RIGHTS[role] else set())
    assert {"Its story", "Lineage", "Model card", "Certificate"} <= shown


def test_a_role_that_is_taken_away_takes_its_buttons_with_it(world, reader):
    page = opened(world, reader)
    page.write("it lends too unevenly")
    late = page.button("Reject version 2")
    as_role(world, "viewer")
    page.press("Refresh")
    assert "Reject version 2" not in words_of(page)
    late.click()
    assert world.asked == []


def test_it_says_who_looks_in_which_role_and_who_says_so(world, reader):
    world.you = {"name": "auditor", "source": "proxy", "roles": ("viewer",), "may": frozenset({"look"})}
    text = opened(world, reader).text
    assert "You act as auditor (viewer), told by the proxy before the pages." in text
    assert "You may look; deciding is for others." in text


def test_the_queue_says_how_many_more_wait_than_it_shows(waiting, reader):
    page = reader(approvals_page(lambda: replace(waiting.read(), queued=5_000), waiting.acts))
    told = "5,000 questions wait for people, 1 of the first 2 for you."
    assert page.text.startswith(told)


def test_what_waits_for_the_viewer_and_what_is_wrong_comes_first(waiting, reader):
    waiting.wrong = [Trouble("lending", "MLflow’s alias does not follow the ledger yet", "workbench reconcile")]
    text = opened(waiting, reader).text
    assert text.startswith("1 question waits for your answer.")
    order = ["Promote lending 3 ?", "Waits for others", "What is wrong", "Registered", "Version 1 is champion"]
    places = [text.index(words.replace(" ?", "?")) for words in order]
    assert places == sorted(places)
    assert "MLflow’s alias does not follow the ledger yet. What helps: workbench reconcile" in text


def test_a_question_says_who_approved_who_is_missing_and_what_it_does(waiting, reader):
    text = opened(waiting, reader).text
    assert "Asked by analyst, 2 Mar 2026, 10:54 UTC: “fairer, and hardly less accurate”" in text
    assert "auditor , approver 2 Mar 2026, 09:30 UTC, holds until 5 Mar 2026, 09:30 UTC" in text
    assert "1 approval missing, who may: risk-officer." in text
    assert "Version 3 of lending then answers every request; now version 1 does." in text
    assert "Stage lending 2 into canary at 5 % · 2 approvals missing, who may: risk-officer and auditor" in text


def test_the_last_approval_can_make_the_move_and_says_so_first(waiting, reader):
    page = opened(waiting, reader)
    digest = waiting.waiting[0].open.digest
    page.write("the audit convinces me")
    page.press("Approve, and do it now")
    assert "Yours is the last approval missing. Version 3 of lending then answers every request" in page.text
    assert waiting.asked == []
    page.press("Yes, promote lending 3")
    assert waiting.asked == [("approve", digest, "the audit convinces me", True)]
    assert "You approved." in page.text


def test_an_approval_alone_moves_nothing_and_says_so(waiting, reader):
    page = opened(waiting, reader)
    page.write("the audit convinces me")
    page.press("Approve only")
    assert "Nothing moves by it yet." in page.text
    page.press("Yes, I approve to promote lending 3")
    assert waiting.asked[0][3] is False


def test_a_refusal_needs_a_reason(waiting, reader):
    page = opened(waiting, reader)
    page.press("Refuse")
    assert waiting.asked == []
    page.write("the sample leaves out rural branches")
    page.press("Refuse")
    assert [act[0] for act in waiting.asked] == ["refuse"]


def test_where_the_policy_wants_people_it_is_said_before_they_are_asked(world, reader):
    world.judged = PEOPLE
    world.stages[3] = "candidate"
    page = opened(world, reader)
    page.write("it was fair")
    page.press("Promote version 3")
    assert "The policy wants people first" in page.text
    assert "Needed: 2 approvals by approver, at most 72 hours old." in page.text
    assert "That waits for people: nothing moves yet." in page.text
    page.press("Yes, ask people")
    assert world.asked == [("promote", "lending", 3, "it was fair")]


def test_a_canary_gets_the_share_that_was_written(world, reader):
    page = opened(world, reader)
    page.share.value = "12,5 %"
    page.write("two quiet days in shadow")
    page.press("Canary at 12.5 %")
    assert "Version 2 of lending then answers 12.5 % of the requests, version 1 the others." in page.text
    page.press("Yes, give version 2 12.5 % of the traffic")
    assert world.asked == [("stage", "lending", 2, "canary", 0.125, "two quiet days in shadow")]
    assert "In canary" in page.text


@pytest.mark.parametrize("share", ["0", "100", "-5", "nan", "inf", "much", ""])
def test_a_share_that_is_none_closes_the_canary(world, reader, share):
    page = opened(world, reader)
    page.share.value = share
    assert page.button("Canary at …").disabled
    assert "above 0 and below 100" in page.text


def test_a_slot_that_is_taken_is_closed_and_says_by_whom(world, reader):
    world.stages = {1: "champion", 2: "candidate", 3: "canary"}
    page = opened(world, reader)
    buttons = [w for w in page.shown() if getattr(w, "description", "") == "Canary at 5 %"]
    assert [button.disabled for button in buttons] == [True, True]  # its own has this share already
    assert "Version 3 is in canary; take it out first." in page.text
    assert "Version 3 has 5 % already: write another share." in page.text
    assert "5 % of the traffic · policy: yes" in page.text


def test_the_board_has_a_column_a_stage(world, reader):
    world.stages = {1: "champion", 2: "retired", 3: "shadow"}
    text = opened(world, reader).text
    assert (
        "Registered 0 none Candidate 0 none Shadow 1 lending 3 policy: yes Canary 0 none Champion 1 lending 1" in text
    )
    assert "Out of use 1 lending 2 retired" in text


def test_what_is_retired_can_be_looked_at_only(world, reader):
    world.stages[2] = "retired"
    page = opened(world, reader)
    page.press("Look at version 2")
    assert not [words for words in words_of(page) if words.endswith("version 2")]


def test_the_story_of_a_version_is_told_oldest_first(world, reader):
    at = world.trail[0].at
    world.steps = [
        Step(at, "registered", "version.registered", "analyst", "trained", 2),
        Step(at, "in canary at 5% of the traffic", "stage.granted", "risk-officer", "a quiet week", 9),
    ]
    page = opened(world, reader)
    page.press("Its story")
    told = page.text
    assert told.index("Registered. trained") < told.index("In canary at 5% of the traffic.")
    page.press("Its story")
    assert "a quiet week" not in page.text


def test_a_certificate_is_a_file_that_the_page_holds_itself(world, reader):
    paper = Paper('x"><b>.json', '{"a": 1}', "application/json")
    acts = replace(world.acts, certificate=lambda model, version: paper)
    page = reader(promotion_board(world.read(), acts, world.read))
    page.press("Certificate")
    assert 'href="data:application/json;base64,eyJhIjogMX0="' in page.html
    assert 'download="x&quot;&gt;&lt;b&gt;.json"' in page.html


def test_a_paper_that_cannot_be_had_says_why(world, reader):
    page = opened(world, reader)
    page.press("Certificate")
    assert "There is none." in page.text


def test_the_queue_shows_each_question_with_its_evidence_and_the_viewers_first(waiting, reader):
    waiting.waiting.reverse()
    page = reader(approvals_page(waiting.read, waiting.acts))
    assert page.text.startswith("2 questions wait for people, 1 of them for you.")
    assert page.text.index("Promote lending 3?") < page.text.index("Stage lending 2 into canary at 5 %?")
    assert "Champion, version 1" in page.text
    assert "Your yes would not count: risk-officer asked for it." in page.text


def test_after_an_answer_the_next_question_is_there(waiting, reader):
    page = reader(approvals_page(waiting.read, waiting.acts))
    page.write("the audit convinces me")
    page.press("Refuse")
    assert page.text.startswith("1 question waits for people, none of them for you.")
    assert "You refused." in page.text


def crowd(world, question, many):
    """So many models with a question each, every third of which waits for others."""
    world.waiting = [
        Waiting(question(2, model=f"model {n:02}"), why_not="risk-officer asked for it" if n % 3 == 0 else "")
        for n in range(many)
    ]
    return world


def test_of_a_long_queue_only_what_is_on_the_screen_is_looked_at_the_viewers_own_first(world, question, reader):
    crowd(world, question, 30)
    page = reader(approvals_page(world.read, world.acts))
    mine = [f"promote model {n:02} 2" for n in range(30) if n % 3]
    assert world.looked == [mine[:8]]
    assert page.text.startswith("30 questions wait for people, 20 of them for you.")
    page.press("Show 8 more of 22 questions")
    assert world.looked == [mine[:8], mine[8:16]]
    assert page.buttons.count("Approve") == 16


def test_a_question_that_turns_out_to_be_nobodys_any_more_makes_room_for_the_next(world, question, reader):
    crowd(world, question, 30)
    gone = {f"promote model {n:02} 2" for n in (1, 2, 4)}

    def look(waiting):
        world.look(waiting)
        return [replace(one, open=replace(one.open, state="stale" if one.open.in_words in gone else "waiting",
                                          may=("auditor",))) for one in waiting]  # fmt: skip

    page = reader(approvals_page(world.read, replace(world.acts, look=look)))
    assert [len(some) for some in world.looked] == [8, 3]
    assert page.text.startswith("30 questions wait for people, 17 of them for you.")
    assert "Promote model 01 2?" not in page.text


def test_what_is_answered_is_looked_at_again_however_far_down_it_stands(world, question, reader):
    crowd(world, question, 30)
    page = reader(approvals_page(world.read, world.acts))
    page.press("Show 8 more of 22 questions")
    world.looked.clear()
    page.write("the audit convinces me", place=15)
    [one for one in page.shown() if getattr(one, "description", "") == "Approve"][15].click()
    assert world.looked[0] == ["promote model 23 2"]


def test_after_an_answer_the_reason_that_stands_at_its_place_has_the_focus(world, question, reader, monkeypatch):
    crowd(world, question, 9)
    page = reader(approvals_page(world.read, world.acts))
    labels, focused = [one.description for one in page.fields()], []
    monkeypatch.setattr(type(page.fields()[0]), "focus", lambda field: focused.append(field.description))
    page.write("the sample leaves out rural branches", place=2)
    [one for one in page.shown() if getattr(one, "description", "") == "Refuse"][2].click()
    assert focused == [labels[3]]
    assert page.html.count("You refused.") == 2, "above, and in view wherever the person is"


def test_the_policy_failing_to_answer_is_said_and_nothing_is_offered(world, question, reader):
    def look(_):
        raise Misuse("policy 'promotion' cannot be read", hint="workbench policy test")

    crowd(world, question, 30)
    for open_page in (approvals_page, promotions_page):
        page = reader(open_page(world.read, replace(world.acts, look=look)))
        assert "Policy 'promotion' cannot be read." in page.text
        assert "Approve" not in page.buttons


def test_held_answers_are_left_to_the_page_that_has_their_evidence(world, reader):
    for open_page in (approvals_page, promotions_page):
        page = reader(open_page(lambda: replace(world.read(), answers=118), world.acts))
        assert "118 held answers wait on the page Review , with what was asked." in page.text
        assert 'href="review.ipynb"' in page.html
    assert reader(approvals_page(lambda: replace(world.read(), answers=1), world.acts)).text.startswith(
        "No move waits for people. "
    )


def test_the_board_is_not_buried_under_the_questions_that_wait_for_the_viewer(world, question, reader):
    """Three as cards, looked at before they are drawn; the rest afterwards, a page of their own has them."""
    crowd(world, question, 50)
    board = Board(world.acts, world.read)
    page = reader(board.begin(world.read()))
    assert [len(some) for some in world.looked] == [3]
    assert page.buttons.count("Approve") == 3
    assert page.text.startswith("33 questions wait for your answer.")
    assert "30 more questions wait for your answer on the page Approvals ." in page.text
    for _ in range(9):
        board.beat.beat += 1
    assert [len(some) for some in world.looked] == [3, 20, 20, 7]
    assert "Waits for others" in page.text
    assert page.buttons.count("Approve") == 3


def test_what_is_wrong_alike_with_many_is_told_once(world, reader):
    said = "MLflow’s alias does not follow the ledger yet"
    world.wrong = [Trouble(f"model {n:02}", said, "workbench reconcile") for n in range(48)]
    world.wrong.append(Trouble("lending 1", "is champion, and its newest fairness evidence says fail"))
    page = opened(world, reader)
    assert f"model 00, model 01, model 02 and 45 others : {said}. What helps: workbench reconcile" in page.text
    assert page.text.count(said) == 1
    assert "lending 1 : Is champion, and its newest fairness evidence says fail." in page.text


def test_of_many_questions_that_wait_for_others_the_rest_is_folded_away(world, question, reader):
    world.waiting = [
        Waiting(question(2, model=f"model {n:02}"), why_not="risk-officer asked for it") for n in range(12)
    ]
    board = Board(world.acts, world.read)
    page = reader(board.begin(world.read()))
    for _ in range(3):
        board.beat.beat += 1
    assert page.html.index("Promote model 07 2") < page.html.index("<summary>4 more questions</summary>")
    assert page.html.index("<summary>4 more questions</summary>") < page.html.index("Promote model 08 2")


def test_a_viewer_of_the_queue_has_nothing_to_press(waiting, reader):
    as_role(waiting, "viewer")
    page = reader(approvals_page(waiting.read, waiting.acts))
    assert words_of(page) == {"Refresh"}
    assert "none of them for you" in page.text


def test_nobody_that_is_known_sees_nothing(reader, world):
    def read():
        raise Misuse("nobody vouches for you: this page was not opened through the proxy", hint="open it there")

    for open_page in (approvals_page, promotions_page):
        page = reader(open_page(read, world.acts))
        assert page.text.startswith("Nothing can be shown yet.")
        assert "Nobody vouches for you" in page.text
        assert words_of(page) - {""} == {"Refresh"}
