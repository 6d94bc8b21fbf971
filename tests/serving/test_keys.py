"""Keys open the models of their scope, are hashed at rest, and end at once; rates and quotas are kept."""

import asyncio
from datetime import timedelta

import pytest

from workbench.errors import EngineError, Misuse
from workbench.serving import Keys, Request
from workbench.serving.admission import Admission
from workbench.serving.allowances import Allowances
from workbench.serving.keys import Key
from workbench.serving.schema import Refused

ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}
MADE = {"actor": "risk-officer", "why": "a new client"}


@pytest.fixture
def keys(shop):
    return Keys(shop.ledger, now=shop.now)


def asked(shop, keys, text, *, model="lending", **options):
    headers = {} if text is None else {"authorization": f"Bearer {text}"}
    return shop.run(
        lambda client: client.ask(Request(f"/v1/models/{model}/predict", ROW, headers=headers)), keys=keys, **options
    )


def test_only_a_key_opens_and_only_its_models(shop, keys):
    _, text = keys.create("shop-frontend", ["lending"], **MADE)
    _, other = keys.create("pricing-app", ["pricing"], **MADE)
    assert asked(shop, keys, text).status == 200
    assert asked(shop, keys, None).status == 401
    assert asked(shop, keys, text[:-1] + ("a" if text[-1] != "a" else "b")).status == 401
    refused = asked(shop, keys, other)
    assert refused.status == 403
    assert "pricing" in refused.json()["error"]["hint"]


def test_the_secret_is_in_no_entry_of_the_ledger(shop, keys):
    key, text = keys.create("shop-frontend", ["*"], **MADE)
    assert text.split("_", 2)[2] not in "".join(shop.ledger.export())
    assert key.may("anything")


def test_a_revocation_counts_while_the_gateway_runs(shop, keys):
    key, text = keys.create("shop-frontend", ["lending"], **MADE)
    request = Request("/v1/models/lending/predict", ROW, headers={"authorization": f"Bearer {text}"})

    async def story(client):
        before = (await client.ask(request)).status
        keys.revoke(key.id, actor="risk-officer", why="found in a log")
        keys._looked = 0.0  # a twentieth of a second later
        return before, (await client.ask(request)).status

    assert shop.run(story, keys=keys) == (200, 401)


def test_a_ledger_that_cannot_be_read_is_asked_no_more_often_and_opens_nothing():
    looks = []

    class Gone:
        def entries(self, **_):
            looks.append(1)
            raise EngineError("the database does not answer")

    keys = Keys(Gone(), now=lambda: None)
    assert [keys.of(b"Bearer wb_0123456789ab_" + b"x" * 43) for _ in range(1000)] == [None] * 1000
    assert len(looks) < 100, "a flood of requests is none of looks"


def test_a_rotated_key_keeps_its_rights_and_the_old_one_ends_when_it_was_said(shop, keys):
    old, first = keys.create("shop-frontend", ["lending"], rate=7, quota=3, **MADE)
    new, second = keys.rotate(old.id, actor="risk-officer", why="yearly", ends=shop.now() + timedelta(hours=1))
    assert (new.client, new.scopes, new.rate, new.quota) == ("shop-frontend", ("lending",), 7, 3)
    assert [asked(shop, keys, text).status for text in (first, second)] == [200, 200]
    shop.time += timedelta(hours=1)
    assert [asked(shop, keys, text).status for text in (first, second)] == [401, 200]


def test_what_cannot_be_a_key_is_refused_in_words(keys):
    for limits in ({"rate": 0}, {"quota": -1}):
        with pytest.raises(Misuse, match="above 0"):
            keys.create("shop-frontend", ["lending"], **limits, **MADE)
    with pytest.raises(Misuse, match="no key"):
        keys.revoke("beef", actor="risk-officer", why="x")
    key, _ = keys.create("shop-frontend", ["lending"], **MADE)
    keys.revoke(key.id, actor="risk-officer", why="x")
    with pytest.raises(Misuse, match="already"):
        keys.revoke(key.id, actor="risk-officer", why="x")


def test_a_rate_is_kept_and_says_when_to_come_again(shop, keys):
    _, text = keys.create("shop-frontend", ["lending"], rate=0.5, **MADE)
    request = Request("/v1/models/lending/predict", ROW, headers={"authorization": f"Bearer {text}"})

    async def story(client):
        return [await client.ask(request) for _ in range(2)]

    good, refused = shop.run(story, keys=keys)
    assert (good.status, refused.status) == (200, 429)
    assert refused.headers["retry-after"] == "2"


def test_a_quota_is_of_rows_and_of_a_day_and_a_clock_that_steps_back_opens_none(shop):
    door = Admission(10, now=shop.now)
    key = Key("a", "shop-frontend", ("lending",), "", quota=2)
    one = door.enter(key, "lending")
    door.claim(one, 2)
    door.leave(one)
    with pytest.raises(Refused) as refused:
        door.enter(key, "lending")
    assert (refused.value.status, refused.value.retry_after > 0) == (429, True)
    shop.time -= timedelta(days=1)
    with pytest.raises(Refused):
        door.enter(key, "lending")
    shop.time += timedelta(days=2)
    door.enter(key, "lending")


def test_many_requests_at_once_get_no_more_rows_than_the_quota(shop, keys):
    _, text = keys.create("shop-frontend", ["lending"], quota=5, **MADE)
    request = Request("/v1/models/lending/predict", [ROW] * 2, headers={"authorization": f"Bearer {text}"})

    async def story(client):
        return await asyncio.gather(*(client.ask(request) for _ in range(6)))

    answers = shop.run(story, keys=keys)
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429, 429]
    assert "1 rows left" in next(answer for answer in answers if answer.status == 429).json()["error"]["message"]


def test_a_bucket_gives_its_burst_and_then_its_rate():
    with Allowances() as limits:
        taken = sum(limits.admit("a", n / 100, rate=10, burst=5, quota=None, day=1) == 0.0 for n in range(200))
    assert taken == 5 + 19  # the burst, and ten a second for the 1.99 seconds after


def test_past_the_bound_on_open_requests_more_are_sent_away(shop):
    door = Admission(1, now=shop.now)
    one = door.enter(None, "lending")
    with pytest.raises(Refused) as refused:
        door.enter(None, "lending")
    assert (refused.value.status, refused.value.retry_after, door.shed) == (503, 1, 1)
    door.leave(one)
    door.enter(None, "lending")


def test_the_token_still_opens_everything_beside_keys(shop, keys):
    assert asked(shop, keys, "t0ken", token="t0ken").status == 200
