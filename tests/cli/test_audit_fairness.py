"""`workbench audit fairness`: the verdict first, then what it rests on; JSON with every number."""

import json

import fairlearn.metrics as peer
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from workbench.cli import main

OPTIONS = ["--label", "y", "--prediction", "p", "--group", "race", "--group", "sex"]


@pytest.fixture
def people(tmp_path):
    rng = np.random.default_rng(0)
    n = 3000
    frame = pd.DataFrame({"race": rng.choice(["a", "b"], n), "sex": rng.choice(["f", "m"], n)})
    frame["s"] = rng.beta(np.where(frame["race"] == "a", 4, 2), 3)
    frame["y"] = (rng.random(n) < frame["s"]).astype(int)
    frame["p"] = (frame["s"] >= 0.5).astype(int)
    frame.to_csv(tmp_path / "people.csv", index=False)
    frame.to_parquet(tmp_path / "people.parquet")
    return tmp_path, frame


def audit(*arguments):
    return CliRunner().invoke(main, ["audit", "fairness", *map(str, arguments)])


def test_the_json_has_fairlearns_numbers_from_either_kind_of_file(people):
    folder, frame = people
    told = [json.loads(audit(folder / f"people.{kind}", *OPTIONS, "--json").stdout) for kind in ("csv", "parquet")]
    one, other = ({k: v for k, v in each.items() if k != "data_digest"} for each in told)
    assert one == other
    for column in ("race", "sex"):
        found, given = one["aggregates"][column], {"sensitive_features": frame[column]}
        labels = frame["y"], frame["p"]
        assert found["disparate_impact"]["value"] == peer.demographic_parity_ratio(*labels, **given)
        assert found["equalized_odds_difference"]["value"] == peer.equalized_odds_difference(*labels, **given)
        assert found["equal_opportunity_difference"]["value"] == peer.equal_opportunity_difference(*labels, **given)
        frame_of = peer.MetricFrame(metrics=peer.false_negative_rate, y_true=labels[0], y_pred=labels[1], **given)
        for group, value in frame_of.by_group.items():
            assert one["groups"][column][group]["fnr"]["value"] == value
    assert one["verdict"] == "fail"
    assert [each["attributes"] for each in one["intersections"]] == [["race", "sex"]]
    assert "scores" not in one


def test_the_text_begins_with_the_verdict_and_names_the_groups(people):
    folder, _ = people
    told = audit(folder / "people.csv", *OPTIONS, "--score", "s").stdout
    assert told.startswith("fail: Not fair by race: b ")
    assert "Of " in told
    assert "comparisons" in told
    assert "AUC" in told
    assert "By race: One threshold of" in told


def test_the_same_seed_prints_the_same_and_a_lower_target_passes(people):
    folder, _ = people
    first, again = (audit(folder / "people.csv", *OPTIONS, "--seed", 3, "--json").stdout for _ in range(2))
    assert first == again
    assert json.loads(audit(folder / "people.csv", *OPTIONS, "--target", 0.3, "--json").stdout)["verdict"] == "pass"


def test_what_is_wrong_is_told_in_words(people):
    folder, _ = people
    for arguments, said in (
        ([folder / "nobody.csv", *OPTIONS], "there is no file"),
        ([folder / "people.csv", *OPTIONS, "--group", "ages"], "there is no column 'ages'"),
        ([folder / "people.csv", "--label", "s", "--prediction", "p", "--group", "race"], "it must hold 0 and 1 only"),
        ([folder / "people.csv", *OPTIONS, "--score", "race"], "is named for two things"),
    ):
        done = audit(*arguments)
        assert done.exit_code == 2
        assert said in done.stderr
