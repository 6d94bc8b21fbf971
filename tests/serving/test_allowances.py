"""What clients have left: one account of several processes, which outlives them, and is never more than was allowed."""

import errno
import math
import multiprocessing
import os
import threading
from datetime import UTC, datetime

import pytest

from workbench.errors import EngineError
from workbench.serving import allowances
from workbench.serving.admission import Admission
from workbench.serving.allowances import LEASED, RECORD, ROOM, Allowances
from workbench.serving.keys import Key
from workbench.serving.schema import Refused

ASKS = 300


def ask(path, times, admitted):
    """What a process of a gateway does: `times` gives the moments, and only they."""
    with Allowances(path) as limits:
        found = sum(limits.admit("a", at, rate=1000, burst=50, quota=None, day=1) == 0.0 for at in times)
        rows = sum(limits.admit("b", at, rate=None, burst=1, quota=400, day=1) == 0.0 for at in times)
    admitted.put((found, rows))


def test_several_processes_together_give_no_client_more_than_its_rate_and_its_quota(tmp_path):
    context = multiprocessing.get_context("spawn")
    admitted = context.Queue()
    times = [n / ASKS / 10 for n in range(ASKS)]  # a tenth of a second: 50 at once, and 100 more
    processes = [context.Process(target=ask, args=(tmp_path / "limits", times, admitted)) for _ in range(3)]
    for one in processes:
        one.start()
    found = [admitted.get(timeout=60) for _ in processes]
    for one in processes:
        one.join()
    assert sum(rows for _, rows in found) == 400
    assert 50 + 100 - 3 * 1000 * LEASED <= sum(tokens for tokens, _ in found) <= 50 + 100


def test_what_was_used_of_a_day_outlives_the_process_and_what_was_not_is_given_back(tmp_path):
    with Allowances(tmp_path / "limits") as limits, Allowances(tmp_path / "limits") as other:
        assert [limits.admit("a", 1.0, rate=None, burst=1, quota=10_000, day=1) for _ in range(2)] == [0.0] * 2
        assert other.used("a", day=1) > 2, "some are held for what comes next"
    with Allowances(tmp_path / "limits") as limits:
        assert limits.used("a", day=1) == 2
        assert limits.claim("a", 9_997, quota=10_000, day=1)
        answers = [limits.admit("a", 2.0, rate=None, burst=1, quota=10_000, day=1) for _ in range(2)]
        assert answers == [0.0, math.inf]


def test_what_a_busy_client_left_is_given_back_while_the_gateway_runs(tmp_path):
    with Allowances(tmp_path / "limits") as limits, Allowances(tmp_path / "limits") as other:
        for _ in range(2):
            limits.admit("a", 1.0, rate=10_000, burst=101, quota=10_000, day=1)
        limits.settle(1.0)
        assert other.used("a", day=1) == 101
        limits.settle(1.0 + LEASED)
        assert other.used("a", day=1) == 2
        found = [limits.admit("a", 1.0 + LEASED, rate=10_000, burst=100, quota=None, day=1) for _ in range(101)]
    assert found.count(0.0) == 100


def test_the_last_rows_of_a_day_are_counted_one_by_one():
    with Allowances() as limits:
        found = [limits.admit("a", n / 1000, rate=None, burst=1, quota=200, day=1) for n in range(300)]
        assert found == [0.0] * 200 + [math.inf] * 100


def test_a_machine_that_was_started_again_makes_nobody_wait(tmp_path):
    with Allowances(tmp_path / "limits") as limits:
        assert limits.admit("a", 1e6, rate=0.001, burst=1, quota=None, day=1) == 0.0
        assert limits.admit("a", 1e6, rate=0.001, burst=1, quota=None, day=1) > 0
        assert limits.admit("a", 10.0, rate=0.001, burst=1, quota=None, day=1) == 0.0, "the clock began anew"


def test_a_day_that_was_over_does_not_come_again():
    with Allowances() as limits:
        assert limits.claim("a", 2, quota=2, day=8)
        assert not limits.claim("a", 1, quota=2, day=7)
        assert limits.claim("a", 1, quota=2, day=9)


def test_a_clock_that_was_far_ahead_for_a_moment_takes_no_quota_away_for_ever():
    with Allowances() as limits:
        assert limits.claim("a", 2, quota=2, day=30_000)
        assert limits.claim("a", 2, quota=2, day=8)
        assert not limits.claim("a", 1, quota=2, day=8)


def test_what_is_leased_while_the_clock_is_a_day_behind_is_given_back(tmp_path):
    with Allowances(tmp_path / "limits") as limits, Allowances(tmp_path / "limits") as other:
        limits.claim("a", 0, quota=10_000, day=8)
        found = [limits.admit("a", at, rate=None, burst=1, quota=10_000, day=7) for at in (1.0, 1.001, 2.0)]
        limits.settle(math.inf)
        assert (found, other.used("a", day=8)) == ([0.0] * 3, 3)


@pytest.mark.parametrize("quota", [1, 63, 64, 1_000, 10_000])
def test_a_quota_is_to_be_had_in_one_request_and_to_its_last_row(quota):
    with Allowances() as limits:
        door = Admission(9, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), allowances=limits)
        key = Key("a", "nightly-batch", ("lending",), "", quota=quota)
        one = door.enter(key, "lending")
        door.claim(one, quota)
        door.leave(one)
        with pytest.raises(Refused, match="has had its"):
            door.enter(key, "lending")


def test_batches_that_come_in_at_two_processes_get_the_whole_quota(tmp_path):
    at = 0.0
    with Allowances(tmp_path / "limits") as one, Allowances(tmp_path / "limits") as other:
        for limits in (one, other, one, one, other, other, one, other, one, other):
            at += 0.03
            assert limits.admit("a", at, rate=None, burst=1, quota=10_000, day=1) == 0.0
            assert limits.claim("a", 999, quota=10_000, day=1)
        assert one.admit("a", at, rate=None, burst=1, quota=10_000, day=1) == math.inf


@pytest.mark.parametrize("left", [0, 5, 60, ROOM // 2 + 7])
def test_a_file_that_is_cut_off_below_a_process_ends_none_and_mixes_up_no_clients(tmp_path, left):
    clients = [f"client-{n}" for n in range(ROOM // RECORD.size + 10)]
    with Allowances(tmp_path / "limits") as one:
        for client in clients:
            one.claim(client, 3, quota=3, day=1)
        os.truncate(tmp_path / "limits", left)
        if left == 5:  # no beginning of the file any more
            with pytest.raises(EngineError, match="holds no limits"):
                one.claim("client-9", 1, quota=3, day=1)
            return
        with Allowances(tmp_path / "limits") as other:
            for n, client in enumerate(reversed(clients)):
                limits = one if n % 2 else other
                known = limits.used(client, day=1)
                assert known in {0, 3}
                limits.claim(client, 1, quota=None, day=1)
                assert (one.used(client, day=1), other.used(client, day=1)) == (known + 1, known + 1)


def test_a_rate_near_zero_is_told_in_words():
    with Allowances() as limits:
        door = Admission(9, now=lambda: datetime(2026, 1, 1, tzinfo=UTC), allowances=limits)
        key = Key("a", "shop-frontend", ("lending",), "", rate=1e-320)
        door.enter(key, "lending")
        with pytest.raises(Refused, match="asks more than"):
            door.enter(key, "lending")


def test_numbers_that_make_no_sense_open_and_close_nothing_for_long(tmp_path):
    nan = float("nan")
    with Allowances(tmp_path / "limits") as limits:
        limits.claim("a", 0, quota=None, day=1)
        for tokens, at in ((nan, nan), (-1e300, 1.0), (-math.inf, 1.0), (1e300, 1e300), (5.0, -1e300)):
            with open(tmp_path / "limits", "r+b") as file:
                file.seek(RECORD.size)
                file.write(RECORD.pack(b"a", tokens, at, 0, 2**62))
            assert limits.admit("a", 2.0, rate=0.5, burst=1, quota=5, day=9) <= 2.0
            assert limits.admit("a", 5.0, rate=0.5, burst=1, quota=5, day=9) == 0.0


def test_the_file_grows_with_its_clients_and_each_process_sees_them(tmp_path):
    clients = [f"client-{n}" for n in range(ROOM // RECORD.size + 10)]
    with Allowances(tmp_path / "limits") as one, Allowances(tmp_path / "limits") as other:
        for client in clients:
            assert one.claim(client, 1, quota=1, day=1)
        assert [other.used(client, day=1) for client in clients] == [1] * len(clients)
    assert os.stat(tmp_path / "limits").st_mode & 0o777 == 0o600


def test_where_the_disk_is_full_known_clients_go_on_and_a_new_one_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Allowances(tmp_path / "limits") as limits:
        for n in range(ROOM // RECORD.size - 1):
            limits.claim(f"client-{n}", 1, quota=5, day=1)
        monkeypatch.setattr(allowances.os, "posix_fallocate", full)
        assert limits.claim("client-0", 1, quota=5, day=1)
        with pytest.raises(EngineError, match="no room"):
            limits.claim("one more", 1, quota=5, day=1)
    with pytest.raises(EngineError, match="no room"):
        Allowances(tmp_path / "other")


def test_who_is_killed_while_it_makes_the_file_leaves_one_that_can_be_used(tmp_path):
    (tmp_path / "limits").write_bytes(bytes(ROOM))
    with Allowances(tmp_path / "limits") as limits:
        assert limits.claim("a", 1, quota=1, day=1)


def test_a_file_that_was_moved_aside_is_begun_anew_by_all_that_have_it(tmp_path):
    path = tmp_path / "limits"
    with Allowances(path) as one, Allowances(path) as other:
        assert one.claim("a", 2, quota=2, day=1)
        path.write_bytes(b"something else" * 9)
        with pytest.raises(EngineError, match="holds no limits") as refused:
            other.claim("b", 1, quota=2, day=1)
        assert refused.value.hint == "move it aside: it is made anew"
        path.rename(tmp_path / "aside")
        for limits in (one, other):
            limits.settle(0.0)
        assert one.claim("a", 2, quota=2, day=1)
        assert not other.claim("a", 1, quota=2, day=1)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "limits").write_bytes(b"something else, and a good deal of it, so that it is no beginning of a file")
    with pytest.raises(EngineError, match="holds no limits"):
        Allowances(tmp_path / "limits")
    with pytest.raises(EngineError, match="cannot be kept"):
        Allowances(tmp_path / "none" / "limits")


def test_who_is_stopped_with_the_lock_in_hand_holds_up_nobody_for_ever(tmp_path):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with Allowances(tmp_path / "limits") as limits, Allowances(tmp_path / "limits") as other:
        door = Admission(9, now=lambda: now, allowances=limits)
        key = Key("a", "shop-frontend", ("lending",), "", rate=5)
        door.enter(key, "lending")
        with other._locked(), pytest.raises(Refused, match="held by another process") as refused:
            door.enter(key, "lending")
        assert (refused.value.status, refused.value.retry_after) == (503, 5)
        door.enter(key, "lending")


def test_a_lock_is_gone_with_the_process_that_held_it(tmp_path):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=die_with_the_lock, args=(tmp_path / "limits",))
    process.start()
    process.join(60)
    assert process.exitcode == -9
    with Allowances(tmp_path / "limits") as limits:
        done = threading.Thread(target=limits.claim, args=("a", 1), kwargs={"quota": 5, "day": 1}, daemon=True)
        done.start()
        done.join(10)
        assert not done.is_alive()


def die_with_the_lock(path):
    with Allowances(path) as limits, limits._locked():
        os.kill(os.getpid(), 9)
