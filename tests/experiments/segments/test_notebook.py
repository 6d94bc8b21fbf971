"""The notebook of segments runs on RAND and on any other file; a stand-in plays the bench."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.errors import Misuse
from workbench.evidence import Finding


def test_on_rand_the_apparent_winner_shrinks(play):
    hands = play("segments")
    assert hands.finding.kind == "segments"
    assert "Nothing says that segments differ; the apparent winner '6, 0' (−59 %" in hands.sentence
    assert "after seeing all, from −44 % to −31 %" in hands.lesson
    assert hands.files["segments.png"].startswith(b"\x89PNG")
    assert {"design.json", "moments.json", "segments.json", "segments.png"} == set(hands.files)
    assert len(json.loads(hands.files["segments.json"])["segments"]) == 12


def test_it_answers_for_another_file(play, tmp_path):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"variant": np.tile(["old", "new"], 5000), "country": rng.choice(list("abcdefgh"), 10_000)})
    better = np.where((frame["variant"] == "new") & (frame["country"] == "c"), 0.15, 0.0)
    frame["bought"] = (rng.random(10_000) < 0.10 + better).astype(int)
    frame.to_csv(tmp_path / "shop.csv", index=False)
    hands = play(
        "segments",
        name="shop",
        data=str(tmp_path / "shop.csv"),
        arm="variant",
        control="old",
        treated="new",
        metric="bought=binary:bought",
        noun="",
        less_is_better=False,
        unit="",
        cluster="",
        segments="country",
        scale="absolute",
        spread=0.05,
    )
    finding = hands.finding
    assert finding.subject == "experiment/shop" and finding.figures["segment.c.effect"].probability > 0.99
    assert "Segments differ" in finding.sentence and "Surely other than the whole: 'c'" in finding.sentence
    assert Finding.from_body(json.loads(json.dumps(finding.as_body()))).digest == finding.digest


def test_for_another_file_what_is_compared_is_enough(play, tmp_path):
    """As in the README: no unit, no cluster, no prior; what is lacking is named."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"group": np.tile(["old", "new"], 3000), "country": rng.choice(list("abc"), 6000)})
    frame["amount"] = rng.lognormal(3, 1, 6000) * (rng.random(6000) < 0.4)
    frame.to_csv(tmp_path / "orders.csv", index=False)
    told = {"data": str(tmp_path / "orders.csv"), "arm": "group", "control": "old", "treated": "new"}
    hands = play("segments", **told, metric="spend=revenue:amount", segments="country")
    assert hands.sentence.startswith("new against old: over the segments the change of spend is")
    with pytest.raises(Misuse, match="the notebook is not told: metric, segments") as refused:
        play("segments", **told)
    assert refused.value.hint == "give them: -p metric=… -p segments=…"


@pytest.mark.slow
def test_on_rand_a_second_engine_agrees(play):
    hands = play("segments", second_engine=True, segments="site")
    assert hands.numbers["two_engines.segments"] < 0.1
