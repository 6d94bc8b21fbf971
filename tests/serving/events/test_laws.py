"""Whatever fails at whatever moment, each event gets one output, and the log one row for each."""

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import EngineError
from workbench.serving import PredictionLog
from workbench.serving.events import Consumer, FencedError, SqliteDatabase, TableDesk, TableStream

FAULTS = ["nothing", "before", "after", "log before", "log after", "taken over", "gone"]


class Breaking:
    """A desk and a log that fail as a test says, before or after they did what they were asked."""

    def __init__(self, inside, names):
        self.inside, self.names, self.fault = inside, names, "nothing"

    def __getattr__(self, name):
        act = getattr(self.inside, name)
        if name not in self.names:
            return act

        def broken(*given, **named):
            fault, self.fault = self.fault, "nothing"
            if fault == "before":
                raise EngineError("it broke before")
            done = act(*given, **named)
            if fault == "after":
                raise EngineError("it broke after")
            return done

        return broken


@settings(max_examples=40, deadline=None)
@given(
    faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=12),
    batch=st.integers(1, 7),
    again=st.lists(st.integers(0, 19), max_size=5),
)
def test_each_event_gets_one_output_and_one_row(pieces, faults, batch, again):
    database = SqliteDatabase.open("sqlite:///:memory:")
    desk, log = TableDesk(database), PredictionLog.open("sqlite:///:memory:")
    stream = TableStream(database)
    sent = pieces.events(20)
    for first in range(0, 20, 5):
        stream.append("t", [*sent[first : first + 5], *(sent[n] for n in again if n < first)])
    weak_desk, weak_log = Breaking(desk, {"commit"}), Breaking(log, {"append"})

    def consumer():
        return Consumer(
            stream, weak_desk, pieces.Tenth(), pieces.subscription("t"), now=lambda: pieces.NOW, log=weak_log,
            batch=batch, wait=0.0, silence=-1.0,
        )  # fmt: skip

    one = consumer()
    for fault in faults:
        weak_desk.fault = fault if fault in {"before", "after"} else "nothing"
        weak_log.fault = fault.removeprefix("log ") if fault.startswith("log") else "nothing"
        if fault == "taken over":
            consumer().take()
        if fault == "gone":
            one = consumer()  # the former one is dropped in the middle of whatever it did
        try:
            one.step()
        except FencedError:
            one = consumer()
        except EngineError:
            pass
    weak_desk.fault = weak_log.fault = "nothing"
    consumer().run(threading.Event(), once=True)
    outputs = [pieces.msgspec.json.decode(body) for body in pieces.bodies(desk, "t.lending")]
    ids = sorted(output["data"]["event"]["id"] for output in outputs)
    assert ids == sorted(event.id for event in sent)
    assert sorted(row.id for row in log.rows("lending")) == sorted(output["id"] for output in outputs)
    standing = desk.standing("t/lending")
    assert standing.position == standing.logged == standing.ends == {0: 20}
    log.close()
    database.close()
