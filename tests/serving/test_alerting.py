"""Alertmanager's webhook: only with a key for it, read with care, and told what came of it."""

import json

import pytest

from workbench.serving import Keys, Request
from workbench.serving.alerting import MOST_ALERTS, SCOPE, read

MADE = {"actor": "risk-officer", "why": "a new client"}
ALERT = {"status": "firing", "labels": {"alertname": "GatewayDown"}, "annotations": {"summary": "it\nis down"},
         "startsAt": "2026-01-01T12:00:00.5Z", "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "A1",
         "generatorURL": "http://x"}  # fmt: skip
BODY = {"version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "workbench",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "x",
        "alerts": [ALERT]}  # fmt: skip


@pytest.fixture
def heard():
    return []


def send(shop, heard, body=BODY, *, text=None, **options):
    headers = {} if text is None else {"authorization": f"Bearer {text}"}
    keep = lambda alerts: heard.extend(alerts) or {"opened": len(alerts)}  # noqa: E731
    return shop.run(lambda client: client.ask(Request("/v1/alerts", body, headers=headers)), alerts=keep, **options)


def test_only_a_key_for_alerts_or_the_token_is_heard(shop, heard):
    keys = Keys(shop.ledger, now=shop.now)
    _, plain = keys.create("shop-frontend", ["*"], **MADE)
    _, made = keys.create("alertmanager", [SCOPE], **MADE)
    assert send(shop, heard).status == 403  # a gateway that is open to all hears no alert
    assert send(shop, heard, keys=keys).status == 401
    assert send(shop, heard, keys=keys, text=plain).status == 403
    assert heard == []
    assert send(shop, heard, keys=keys, text=made).json() == {"opened": 1}
    assert send(shop, heard, token="s3cret", text="s3cret").status == 200
    (first, _) = heard
    assert (first.fingerprint, first.firing, first.summary) == ("a1", True, "it is down")


def test_a_key_for_alerts_alone_opens_nothing_else(shop):
    keys = Keys(shop.ledger, now=shop.now)
    _, made = keys.create("alertmanager", [SCOPE], **MADE)
    _, both = keys.create("ops", [SCOPE, "lending"], **MADE)

    async def story(client):
        headers = [{"authorization": f"Bearer {text}"} for text in (made, both)]
        asked = [
            Request(path, b"", method="GET", headers=each) for path in ("/v1/models", "/metrics") for each in headers
        ]
        return [(await client.ask(one)).status for one in asked]

    assert shop.run(story, keys=keys) == [401, 200] * 2


@pytest.mark.parametrize(
    "change",
    [{"version": "3"}, {"alerts": None}, {"alerts": [{**ALERT, "fingerprint": "../x"}]},
     {"alerts": [{**ALERT, "status": "perhaps"}]}, {"alerts": [{**ALERT, "startsAt": "2026-01-01T12:00:00"}]},
     {"alerts": [{**ALERT, "labels": {"a": 1}}]},
     {"alerts": [{**ALERT, "labels": dict.fromkeys(map(str, range(61)), "")}]},
     {"alerts": [ALERT] * (MOST_ALERTS + 1)}],
)  # fmt: skip
def test_what_is_no_message_of_alertmanager_is_refused(shop, heard, change):
    assert send(shop, heard, {**BODY, **change}, token="s3cret", text="s3cret").status == 422
    assert heard == []


def test_a_giant_message_is_not_read(shop, heard):
    big = {**BODY, "externalURL": "x" * (1 << 20)}
    assert send(shop, heard, big, token="s3cret", text="s3cret").status == 413


def test_texts_are_cut_and_are_one_line():
    told = {**BODY, "alerts": [{**ALERT, "labels": {"model": "a\x00b\u2028c" + "x" * 9999}}]}
    (one,) = read(json.dumps(told).encode())
    assert len(one.labels["model"]) == 500 and one.labels["model"].startswith("a?b cx")
