"""The gateway on a real server, under load, while champions change under it."""

import http.client
import json
import socket
import threading
import time

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.slow

CLIENTS, SWAPS = 8, 20
ROW = {"income": 4.5, "loans": 2.0}


def fitted(seed):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.normal(3, 1, 500) for name in ROW})
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(frame, frame["income"] + rng.normal(0, 1, 500) > 3)


def test_no_request_fails_while_the_champion_changes_twenty_times(shop, network):
    shop.loader.columns = dict.fromkeys(ROW, "double")
    shop.loader.estimators = {1: fitted(1), 2: fitted(2)}
    answers, stop = [], threading.Event()

    def client(port):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps({"rows": [ROW]})
        while not stop.is_set():
            connection.request("POST", "/v1/models/lending/predict", body, {"content-type": "application/json"})
            reply = connection.getresponse()
            told = json.loads(reply.read())
            answers.append((reply.status, told.get("version"), told.get("generation"), time.monotonic()))
        connection.close()

    moved = {}
    with network.Serving(shop.app()) as live:
        threads = [threading.Thread(target=client, args=(live.port,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for swap in range(SWAPS):
            time.sleep(0.15)
            head = shop.promote(2 if swap % 2 == 0 else 1)
            moved[head.generation] = time.monotonic()
        time.sleep(1.2)
        stop.set()
        for thread in threads:
            thread.join()
    assert {status for status, *_ in answers} == {200}
    assert {(version, generation % 2) for _, version, generation, _ in answers} == {(1, 1), (2, 0)}
    last = max(moved)
    first_seen = min(at for _, _, generation, at in answers if generation == last)
    assert first_seen - moved[last] < 1
    assert all(g == last for *_, g, at in answers if at > moved[last] + 1)
    assert shop.log.counts("lending") == (len(answers), len(answers), 0)


def test_a_slow_client_and_one_that_leaves_harm_nobody(shop, network):
    with network.Serving(shop.app()) as live:
        for sent in (
            b"POST /v1/models/lending/predict HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n",
        ):
            half = socket.create_connection(("127.0.0.1", live.port))
            half.send(sent)
            half.close()
        with socket.create_connection(("127.0.0.1", live.port)) as early:
            early.send(
                b"POST /v1/models/lending/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 99999999999\r\n\r\n{"
            )
            assert early.recv(4096).startswith(b"HTTP/1.1 413")
        connection = http.client.HTTPConnection("127.0.0.1", live.port, timeout=10)
        connection.request("GET", "/healthz")
        assert connection.getresponse().status == 200
        connection.close()
