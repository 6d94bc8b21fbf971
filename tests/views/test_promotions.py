"""The promotions page: what a person sees first, and what they can do."""

from dataclasses import replace

from workbench.errors import EngineError
from workbench.policy import Decision, Reason
from workbench.promotion import Candidate
from workbench.views import promotion_board


def open_board(world, candidates=None, *, refresh=None, **acts):
    reading = world.read() if candidates is None else replace(world.read(), candidates=candidates)
    return promotion_board(reading, replace(world.acts, **acts), refresh or world.read)


def many(world, count: int) -> list[Candidate]:
    """The story's versions under as many names."""
    board, _ = world.board()
    return [
        replace(c, version=replace(c.version, model=f"model {n:03}"))
        for n in range(count)
        for c in board
    ]  # fmt: skip


def test_the_first_sentence_says_who_waits(board):
    assert board.text.startswith("1 version waits for a decision. The policy does not allow it.")


def test_it_says_who_acts(board):
    assert "You act as risk-officer" in board.text


def test_the_champion_is_told_in_one_line(board):
    assert "Version 1 is champion , since 2 Mar 2026, 11:22 UTC, by risk-officer." in board.text


def test_a_champion_that_is_doubted_says_so_and_why(world, reader):
    seen = world.read()
    why = "entry 14 moves lending/1 without the seal of the ledger's key"
    doubted = [replace(c, doubt=why if c.stage == "champion" else "") for c in seen.candidates]
    world.read = lambda: replace(seen, candidates=doubted)
    text = reader(promotion_board(world.read(), world.acts, world.read)).text
    assert "Doubted" in text
    assert "Entry 14 moves lending/1 without the seal of the ledger's key. No gateway begins to serve it" in text


def test_a_denied_version_shows_each_reason_and_what_would_pass(board):
    assert "The policy says no" in board.text
    assert "that it is at least 0.80 has a probability of 0.18" in board.text
    assert "To pass: at these group sizes, a disparate impact of 0.842 or more would do." in board.text


def test_approval_is_closed_in_words_where_the_policy_says_no(board):
    assert board.button("Promote version 2").disabled
    assert "Promotion is closed: the policy says no." in board.text


def test_a_closed_approval_cannot_be_pressed_from_outside(board, world):
    """A browser may send a click for a disabled button; it does nothing."""
    board.write("I insist")
    board.press("Promote version 2")
    assert world.asked == []


def heartbeat(page):
    [found] = [w for w in page.shown() if type(w).__name__ == "Heartbeat"]
    return found


def unjudged(candidates):
    return [replace(c, decision=None) for c in candidates]


def test_a_version_that_was_not_judged_cannot_be_approved(world, reader):
    def silent(versions):
        raise EngineError("the policy cannot be asked", hint="look at its server")

    page = reader(open_board(world, unjudged(world.board()[0]), verdicts=silent))
    assert "The policy cannot be asked." in page.text
    assert "The policy answered for none so far." in page.text
    assert page.button("Promote version 2").disabled
    assert "the policy has not been asked" in page.text


def test_an_act_needs_a_reason(board, world):
    board.press("Reject version 2")
    assert world.asked == []
    assert "Say why in a sentence first" in board.text


def test_blanks_are_no_reason(board, world):
    board.write("  \n ")
    board.press("Reject version 2")
    assert world.asked == []


def test_a_rejection_is_handed_on_with_its_reason_and_confirmed(board, world):
    board.write(" it lends too unevenly ")
    board.press("Reject version 2")
    assert world.asked == [("reject", "lending", 2, "it lends too unevenly")]
    assert "lending 2 was turned down. Ledger entry 17." in board.text
    assert "No version waits for a decision." in board.text
    assert "turned down by risk-officer" in board.text


def test_an_approval_says_what_it_does_and_wants_a_second_click(board, world):
    board.press("Look at version 3")
    board.write("it was fair", place=1)
    board.press("Promote version 3 again")
    assert world.asked == []
    assert "This moves lending from version 1 to version 3." in board.text
    board.press("Yes, make version 3 champion")
    assert world.asked == [("promote", "lending", 3, "it was fair")]
    assert "lending 3 is champion, generation 4. Ledger entry 17." in board.text
    assert "Version 3 is champion" in board.text


def test_the_second_of_two_quick_clicks_does_nothing(board, world):
    board.press("Look at version 3")
    board.write("it was fair", place=1)
    board.press("Promote version 3 again")
    sure = board.button("Yes, make version 3 champion")
    sure.click()
    sure.click()
    assert len(world.asked) == 1


def test_one_can_think_better_of_it(board, world):
    board.press("Look at version 3")
    board.write("it was fair", place=1)
    board.press("Promote version 3 again")
    board.press("Cancel")
    assert world.asked == []
    assert board.fields()[1].value == "it was fair"
    assert "Promote version 3 again" in board.buttons


def test_what_changed_meanwhile_is_said_before_it_is_acted_upon(board, world):
    """The page was read before another person moved the model; the click acts on no old sentence."""
    board.press("Look at version 3")
    board.write("it was fair", place=1)
    board.press("Promote version 3 again")
    world.promote(3, "someone else was quicker")
    board.press("Yes, make version 3 champion")
    assert len(world.asked) == 1
    assert "Version 3 is champion" in board.text


def test_the_dry_run_speaks_of_the_champion_of_now(board, world):
    world.versions[4] = world.versions[3]
    world.versions[4] = (replace(world.versions[3][0], version=4), world.versions[3][1])
    world.stages[4] = "candidate"
    board.press("Refresh")
    world.promote(3, "someone else was quicker")
    board.write("better still")
    board.press("Promote version 4")
    assert "This moves lending from version 3 to version 4." in board.text


def test_a_refusal_by_the_gate_is_shown_where_one_looks(world, reader):
    """The policy may have changed since the page was read; the refusal is told with its reasons."""
    yes = Decision("allow", (), "promotion", "p", "i")
    stale = [replace(c, decision=yes) if c.stage == "candidate" else c for c in world.board()[0]]
    page = reader(open_board(world, stale, refresh=lambda: replace(world.read(), candidates=stale)))
    page.write("it ranks better")
    page.press("Promote version 2")
    page.press("Yes, make version 2 champion")
    assert "The policy refused it; nothing moved. The ledger keeps the refusal." in page.text
    assert "a breach of 0.80 is shown" in page.text
    assert page.fields()[0].value == "it ranks better"


def test_the_way_back_names_both_versions(board, world):
    world.promote(3, "it was fair")
    board.press("Refresh")
    board.press("Roll back …")
    board.write("complaints at the branch")
    [roll_back] = [w for w in board.shown() if getattr(w, "description", "") == "Roll back"]
    roll_back.click()
    assert "This takes lending back from version 3 to version 1." in board.text
    board.press("Yes, go back to version 1")
    assert world.asked[-1] == ("rollback", "lending", 1, "champion", None, "complaints at the branch")
    assert "lending is back on version 1, generation 5." in board.text


def test_a_first_champion_has_no_way_back(board):
    assert "There is no earlier champion to go back to." in board.text
    assert "Roll back …" not in board.buttons


def test_the_way_back_is_the_gates_to_say(world, reader):
    """However short the trail on the page, it names the version that the gate would bring back."""
    reading = replace(world.read(), trail=world.read().trail[:1], back={"lending": 3})
    page = reader(promotion_board(reading, world.acts, lambda: reading))
    page.press("Roll back …")
    page.write("complaints at the branch")
    [roll_back] = [w for w in page.shown() if getattr(w, "description", "") == "Roll back"]
    roll_back.click()
    assert "back from version 1 to version 3." in page.text


def test_a_no_of_the_policy_ends_the_way_back_before_anything_is_asked(board, world):
    world.promote(3, "it was fair")
    board.press("Refresh")
    board.press("Roll back …")
    board.write("bad")
    [roll_back] = [w for w in board.shown() if getattr(w, "description", "") == "Roll back"]
    roll_back.click()
    assert "The policy says no to this now. Nothing was asked for, and nothing moved." in board.text
    assert "The reason is too short to be understood later." in board.text
    assert "Yes, go back to version 1" not in board.buttons
    assert len(world.asked) == 1


def test_a_reading_that_fails_leaves_what_was_read(world, reader):
    def broken():
        raise EngineError("the ledger is locked", hint="workbench doctor")

    page = reader(open_board(world, refresh=broken))
    page.press("Refresh")
    assert "The ledger is locked." in page.text
    assert "workbench doctor" in page.text
    assert "Version 1 is champion" in page.text


def test_an_unforeseen_error_is_said_without_a_traceback(world, reader, caplog):
    """The person gets a sentence, the log the traceback."""

    def broken(*_):
        raise RuntimeError("secret internals")

    page = reader(open_board(world, do=broken))
    page.write("it lends too unevenly")
    page.press("Reject version 2")
    assert "secret internals" in caplog.text
    assert "It broke off unexpectedly. Refresh to see whether anything changed." in page.text
    assert "secret internals" not in page.text


def test_a_click_is_heard_at_once(world, reader):
    """While an act takes its time, the page says so and its buttons rest."""
    seen = []

    def do(wish, why):
        seen.append((page.text, page.button("Reject version 2").disabled))
        return world.do(wish, why)

    page = reader(open_board(world, do=do))
    page.write("it lends too unevenly")
    page.press("Reject version 2")
    assert [("Working …" in text, resting) for text, resting in seen] == [(True, True)]
    assert "Working …" not in page.text


def test_what_was_typed_survives_a_refresh(board):
    board.write("still thinking")
    board.press("Refresh")
    assert board.fields()[0].value == "still thinking"


def test_a_refresh_that_finds_nothing_new_sends_nothing(board):
    changes = []
    for widget in board.shown():
        if widget is not board.button("Refresh"):
            widget.observe(changes.append)
    board.press("Refresh")
    assert changes == []


def test_an_empty_workspace_says_what_to_do(world, reader):
    page = reader(open_board(world, []))
    assert page.text.startswith("No model is registered yet. workbench demo")


def test_a_model_without_a_champion_is_offered_its_first(world, reader):
    yes = Decision("allow", (), "promotion", "p", "i")
    only = [replace(world.board()[0][1], stage="candidate", decision=yes)]
    page = reader(open_board(world, only, refresh=lambda: replace(world.read(), candidates=only)))
    assert "No version is champion yet" in page.text
    page.write("the first")
    page.press("Promote version 2")
    assert "This makes version 2 the first champion of lending." in page.text


def test_a_hundred_models_open_with_the_first_and_find_the_rest(world, reader):
    page = reader(open_board(world, many(world, 100)))
    assert page.text.count("Version 1 is champion") == 8
    assert "Show 8 more of 92 models" in page.buttons
    page.press("Show 8 more")
    assert page.text.count("Version 1 is champion") == 16
    page.write("L 077")
    assert "model 077" in page.text
    assert "model 001, version" not in page.text


def test_a_few_versions_are_judged_before_the_page_is_drawn(world, reader):
    page = reader(open_board(world, unjudged(many(world, 3))))
    assert [len(asked) for asked in world.about] == [6], "in one go, and not about champions"
    assert page.text.startswith("3 versions wait for a decision. The policy allows 3 of them.")


def test_with_hundreds_the_board_is_there_before_the_policy_was_asked_about_any(world, reader):
    widget = open_board(world, unjudged(many(world, 100)))
    page = reader(widget)
    assert world.about == []
    assert page.text.startswith("100 versions wait for a decision. The policy answered for none so far.")
    assert "The policy is being asked about 200 versions; it has answered for 0." in page.text
    assert "model 000 2 policy: not asked yet" in page.text
    assert "Past decisions" not in page.text
    assert "Version 1 is champion" not in page.text, "models follow once it is known who needs people"
    assert heartbeat(page).soon == 1, "the browser says when it has drawn that"


def test_the_rest_is_asked_about_a_few_at_a_time_and_models_that_wait_for_a_yes_stand_first(world, reader):
    no = Decision("deny", (Reason("denied", "not today"),), "promotion", "p", "i")

    def verdicts(versions):
        world.about.append(list(versions))
        return [world.judged if model == "model 077" else no for model, _ in versions]

    page = reader(open_board(world, unjudged(many(world, 100)), verdicts=verdicts))
    beat = heartbeat(page)
    for turn in range(1, 5):
        assert beat.soon == turn
        beat.beat += 1
    assert [len(asked) for asked in world.about] == [60, 60, 60, 20]
    assert beat.soon == 4, "nothing is left to be asked for"
    assert page.text.startswith("100 versions wait for a decision. The policy allows 1 of them.")
    assert page.text.index("model 077 Version") < page.text.index("model 000 Version")


def test_a_model_that_is_sought_is_judged_at_once_while_others_wait(world, reader):
    page = reader(open_board(world, unjudged(many(world, 100))))
    page.write("L 077")
    assert [sorted(asked) for asked in world.about] == [[("model 077", 2), ("model 077", 3)]]
    assert not page.button("Promote version 2").disabled


def test_what_is_on_the_screen_is_asked_about_again_at_once_and_the_rest_keeps_its_answer_until_then(world, reader):
    board = unjudged(many(world, 100))
    page = reader(open_board(world, board, refresh=lambda: replace(world.read(), candidates=board)))
    for _ in range(4):
        heartbeat(page).beat += 1
    world.about.clear()
    page.press("Refresh")
    assert [len(asked) for asked in world.about] == [16]
    assert page.text.startswith("100 versions wait for a decision. The policy allows 100 of them.")
    board[-2] = replace(board[-2], findings={})
    page.press("Refresh")
    assert page.text.startswith("100 versions wait for a decision. The policy answered for 99 so far.")


def test_a_refresh_sorts_anew_where_all_that_is_left_to_ask_about_is_on_the_screen(world, reader):
    wanted = {"model 000"}
    no = Decision("deny", (Reason("denied", "not today"),), "promotion", "p", "i")

    def verdicts(versions):
        return [world.judged if model in wanted else no for model, _ in versions]

    board = unjudged(many(world, 13))
    page = reader(open_board(world, board, verdicts=verdicts, refresh=lambda: replace(world.read(), candidates=board)))
    heartbeat(page).beat += 1
    page.press("Show 5 more")
    assert page.text.index("model 000 Version") < page.text.index("model 012 Version")
    wanted.add("model 012")
    wanted.remove("model 000")
    page.press("Refresh")
    assert page.text.index("model 012 Version") < page.text.index("model 000 Version")


def test_models_that_wait_come_first(world, reader):
    done, _ = world.board()
    quiet = [replace(c, version=replace(c.version, model="aaa")) for c in done if c.stage == "champion"]
    page = reader(open_board(world, [*quiet, *done]))
    assert page.text.index("lending Version") < page.text.index("aaa Version")


def test_reasons_without_a_way_out_are_shown_alone(world, reader):
    no = Decision("deny", (Reason("denied", "not today"),), "promotion", "p", "i")
    candidates = [replace(c, decision=no) if c.decision else c for c in world.board()[0]]
    page = reader(open_board(world, candidates))
    assert "Not today." in page.text
    assert "To pass" not in page.text.partition("Past decisions")[0]
