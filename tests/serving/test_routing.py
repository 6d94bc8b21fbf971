"""Canary and shadow: who answers whom, for how long, and what happens when a version on trial fails."""

import asyncio
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.experiments.bandits.decision_table import DecisionTable
from workbench.ledger import Head
from workbench.ledger.writer import Writer
from workbench.serving import Predictor, Request
from workbench.serving.routes import Route, experiment_of, trial
from workbench.serving.shadowing import shadow_id
from workbench.stats.assignment import draw_of, upto

ROW = {"income": 4.5, "loans": 2, "cosigner": True, "purpose": "house"}
UNITS = [f"customer-{n}" for n in range(200)]


def predict(unit=None, **headers):
    headers |= {} if unit is None else {"x-workbench-unit": unit}
    return Request("/v1/models/lending/predict", {"rows": [ROW]}, headers=headers)


def variants(shop, units=UNITS):
    async def story(client):
        return {unit: (await client.ask(predict(unit))).json()["variant"] for unit in units}

    return shop.run(story)


def share(units, found):
    return {unit for unit in units if found[unit] == "canary"}


# laws of the assignment


@settings(deadline=None)
@given(st.text(max_size=20), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.uuids(), max_size=50))
def test_a_unit_that_a_canary_has_at_a_weight_it_has_at_every_larger_one(name, one, other, units):
    low, high = sorted((one, other))
    place = draw_of(name).place
    assert all(place(str(unit)) < upto(high) for unit in units if place(str(unit)) < upto(low))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 50), st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]))
def test_a_canary_gets_its_share_of_many_units(version, weight):
    draw = draw_of(experiment_of("lending", version))
    got = sum(draw.place(f"customer-{n:05d}-{n * 7919 % 1000003}") < upto(weight) for n in range(4_000)) / 4_000
    assert got == pytest.approx(weight, abs=6 * (weight * (1 - weight) / 4_000) ** 0.5 + 0.002)


@settings(deadline=None)
@given(st.floats(0.01, 0.99), st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=1, max_size=50))
def test_a_canary_is_the_experiment_that_a_decision_table_would_play(weight, units):
    weights = {"default": {"canary": weight, "champion": 1 - weight}}
    table = DecisionTable.of(experiment_of("lending", 3), weights)
    shared = trial(Route(Head("lending", "canary", 3, 1, 9, round(weight, 12)), None, None, None))
    got = ["canary" if shared.draw.place(unit) < shared.end else "champion" for unit in units]
    assert got == [table.choose(unit).arm for unit in units]


# at the gateway


def test_units_stay_with_their_variant_and_a_growing_canary_keeps_its_own(shop):
    shop.stage(2, "canary", 0.05)
    small = variants(shop)
    assert variants(shop) == small
    shop.stage(2, "canary", 0.3)
    large = variants(shop)
    assert share(UNITS, small) < share(UNITS, large)
    assert 0.15 < len(share(UNITS, large)) / len(UNITS) < 0.45


def test_the_log_has_variant_propensity_and_unit_and_the_answer_says_what_it_was_chosen_by(shop):
    shop.stage(2, "canary", 0.5)

    async def story(client):
        return [(await client.ask(predict(unit))).json() for unit in (*UNITS[:30], None)]

    answers = shop.run(story)
    rows = shop.log.rows()
    assert [answer["chosen_by"] for answer in answers] == ["unit"] * 30 + ["request"]
    assert {(row.variant, row.version, row.propensity) for row in rows} == {("champion", 1, 0.5), ("canary", 2, 0.5)}
    assert {row.unit for row in rows} == {*UNITS[:30], None}
    by_request = {answer["request"]: answer["variant"] for answer in answers}
    assert all(by_request[row.request] == row.variant for row in rows)


def test_without_a_canary_an_answer_says_nothing_of_units(shop):
    assert "chosen_by" not in shop.ask(ROW).json()


def test_a_unit_that_is_too_long_is_refused(shop):
    answer = shop.run(lambda client: client.ask(predict("u" * 201)))
    assert answer.status == 422


def test_a_canary_that_does_not_load_leaves_its_units_to_the_champion_and_is_told(shop):
    shop.loader.broken.add(2)
    shop.stage(2, "canary", 0.5)

    async def story(client):
        answers = [await client.ask(predict(unit)) for unit in UNITS[:50]]
        models = (await client.ask(Request("/v1/models", method="GET"))).json()
        ready = await client.ask(Request("/readyz", method="GET"))
        metrics = (await client.ask(Request("/metrics", method="GET"))).body.decode()
        return answers, models, ready, metrics

    answers, models, ready, metrics = shop.run(story)
    assert {(a.status, a.json()["variant"]) for a in answers} == {(200, "champion")}
    assert "lending 2" in models["problems"]["lending/canary"] or "lending/2" in models["problems"]["lending/canary"]
    assert ready.status == 200, "a canary takes no gateway out of use"
    assert 'workbench_trial_failing{model="lending",slot="canary"} 1' in metrics
    assert {row.propensity for row in shop.log.rows()} == {1.0}


def test_weights_move_and_canaries_leave_while_requests_fly_and_none_fails(shop):
    async def story(client):
        stop, statuses, seen = asyncio.Event(), [], set()

        async def ask(unit):
            while not stop.is_set():
                answer = await client.ask(predict(unit))
                statuses.append(answer.status)
                seen.add(answer.json()["variant"])
                await asyncio.sleep(0)

        asking = [asyncio.create_task(ask(unit)) for unit in UNITS[:16]]
        for weight in (0.1, 0.5, 0.9, 0.2):
            shop.stage(2, "canary", weight)
            await asyncio.sleep(0.12)
        shop.clear("canary", 2)
        await asyncio.sleep(0.12)
        after = [(await client.ask(predict(unit))).json()["variant"] for unit in UNITS]
        shop.stage(2, "canary", 0.2)
        for _ in range(1000):  # until it is loaded
            if "canary" in (await client.ask(Request("/v1/models", method="GET"))).json()["models"][0]:
                break
            await asyncio.sleep(0.02)
        loaded = len(shop.loader.loaded)
        shop.clear("canary", 2)
        shop.promote(2)
        await asyncio.sleep(0.12)
        stop.set()
        await asyncio.gather(*asking)
        return statuses, seen, after, loaded

    statuses, seen, after, loaded = shop.run(story)
    assert set(statuses) == {200}
    assert seen == {"champion", "canary"}
    assert set(after) == {"champion"}
    assert shop.loader.loaded[:2] == [1, 2]
    assert len(shop.loader.loaded) == loaded == 3, "a weight loads nothing, and no canary that becomes champion"


def test_a_failure_of_the_canary_is_logged_as_the_canarys(shop):
    class Broken:
        def predict(self, frame):
            raise ZeroDivisionError

    shop.loader.estimators[2] = Broken()
    shop.stage(2, "canary", 1.0)
    assert shop.run(lambda client: client.ask(predict("u1"))).status == 500
    (row,) = shop.log.rows()
    assert (row.status, row.version, row.variant, row.propensity, row.unit) == (500, 2, "canary", 1.0, "u1")


def test_a_weight_counts_within_a_look(shop):
    shop.stage(2, "canary", 0.01)

    async def story(client):
        await client.ask(predict("u"))
        shop.stage(2, "canary", 1.0)
        await asyncio.sleep(0.06)
        return (await client.ask(predict("u"))).json()["variant"]

    assert shop.run(story) == "canary"


# shadow


async def logged(shop, count):
    """Wait until the log has so many rows of a shadow."""
    end = time.monotonic() + 5
    while len([row for row in shop.log.rows() if row.variant == "shadow"]) < count:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


def test_a_shadow_answers_for_the_log_alone_and_is_no_traffic(shop):
    shop.stage(2, "shadow", None)

    async def story(client):
        answer = await client.ask(predict("u1"))
        await logged(shop, 1)
        return answer.json()

    told = shop.run(story)
    assert told["version"] == 1
    champion, shadow = sorted(shop.log.rows(), key=lambda row: row.variant)
    assert (shadow.version, shadow.propensity, shadow.request, shadow.unit) == (2, 1.0, champion.request, "u1")
    assert shadow.id == shadow_id(champion.id)
    assert shadow.score == pytest.approx(0.452)
    assert shop.log.counts("lending") == (1, 1, 0)
    assert shop.log.count("lending") == 1
    assert len(shop.log.served_features("lending")) == 1


def test_nobody_waits_for_a_shadow_and_what_is_too_much_is_dropped_and_counted(shop, monkeypatch):
    waits = threading.Event()

    class Slow:
        def predict(self, frame):
            waits.wait(5)
            return frame["income"].to_numpy()

    shop.loader.estimators[2] = Slow()
    shop.stage(2, "shadow", None)
    monkeypatch.setattr("workbench.serving.shadowing.MOST_ROWS", 3)

    async def story(client):
        statuses = [(await client.ask(predict(unit))).status for unit in UNITS[:10]]
        metrics = (await client.ask(Request("/metrics", method="GET"))).body.decode()
        waits.set()
        return statuses, metrics

    statuses, metrics = shop.run(story)
    assert statuses == [200] * 10
    dropped = next(line for line in metrics.splitlines() if line.startswith("workbench_shadow_dropped_rows_total{"))
    assert int(dropped.split()[-1]) >= 6


def test_a_shadow_with_other_fields_or_that_fails_is_told_in_the_log_and_harms_nobody(shop):
    load = shop.loader.load
    shop.loader.load = lambda v: load(v) if v.version == 1 else Predictor(v, None, {"income": "double", "age": "long"})
    shop.stage(2, "shadow", None)

    async def story(client):
        answer = await client.ask(predict())
        await logged(shop, 1)
        return answer.status

    assert shop.run(story) == 200
    (row,) = [row for row in shop.log.rows() if row.variant == "shadow"]
    assert row.score is None
    assert "takes other fields" in row.error


def test_a_move_without_the_ledgers_seal_is_not_followed_and_is_told(shop):
    def forged(kind, version, slot, generation, **more):
        """A move as somebody writes it who has an SQL client, and not the key."""
        database = shop.ledger._database
        database.execute("DROP TRIGGER IF EXISTS moves_are_sealed")
        writer = Writer(database, lambda *_: None)
        database.begin(writing=True)
        body = {"slot": slot, "generation": generation, "decision": {"decision": "allow"}, **more}
        entry = writer.append(kind, subject=f"lending/{version}", actor="x", why="x", body=body, now=shop.now())
        writer.move_head("lending", slot, version, expected_generation=generation - 1, entry=entry)
        writer.finish()
        database.commit()

    async def story(client):
        async def until(is_so, one):
            for _ in range(600):
                if is_so(found := (await client.ask(one)).json()):
                    return found
                await asyncio.sleep(0.02)
            raise AssertionError("it took too long")

        models, ready = (Request(path, method="GET") for path in ("/v1/models", "/readyz"))
        assert (await client.ask(predict())).json()["version"] == 1
        shop.stage(2, "canary", 0.01)
        await until(lambda told: "canary" in told["models"][0], models)
        forged("promotion.granted", 2, "champion", 2)
        forged("stage.granted", 2, "canary", 2, weight=1.0)
        told = await until(lambda told: len(told["problems"]) == 2, models)
        assert (await client.ask(ready)).status == 503
        versions = {(await client.ask(predict(unit))).json()["version"] for unit in UNITS[:50]}
        weight = told["models"][0]["canary"]["weight"]
        shop.clear("canary", 2)
        shop.promote(2)
        await until(lambda told: told["version"] == 2, predict())
        return told["problems"], versions, weight

    problems, versions, weight = shop.run(story)
    assert set(problems) == {"lending", "lending/canary"}
    assert all("without the seal of the ledger's key" in why for why in problems.values())
    assert 1 in versions
    assert weight == 0.01, "the share that was granted"
