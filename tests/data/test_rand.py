"""The RAND table is the published one."""

import importlib.machinery

import pytest

from workbench.data import rand as module
from workbench.data.rand import rand_health
from workbench.errors import EngineError


@pytest.fixture(scope="module")
def frame():
    return rand_health()


def test_visits_by_coinsurance_are_the_tables_own(frame):
    assert len(frame) == 20_190
    means = frame.groupby("coinsurance")["visits"].mean().round(4).to_dict()
    assert means == {0: 3.1236, 25: 2.7875, 50: 2.5610, 95: 2.1116, 100: 2.6825}
    spend = frame.groupby("coinsurance")["spend"].mean().round(2).to_dict()
    assert spend == {0: 183.93, 25: 167.59, 50: 178.19, 95: 129.86, 100: 154.45}
    above = (frame["spend"] > 0).groupby(frame["coinsurance"]).mean().round(4).to_dict()
    assert above == {0: 0.8124, 25: 0.7872, 50: 0.7723, 95: 0.6517, 100: 0.7374}


def test_free_care_is_told_from_the_deductible_plan(frame):
    rows = frame.groupby("plan").size().to_dict()
    assert rows == {"0 %": 6822, "25 %": 4065, "50 %": 1401, "95 %": 3727, "deductible": 4175}
    assert set(frame.loc[frame["plan"] == "0 %", "coinsurance"]) == {0}
    assert set(frame.loc[frame["plan"] == "95 %", "coinsurance"]) == {95, 100}
    assert frame.loc[frame["plan"] == "0 %", "visits"].mean() == pytest.approx(3.5545, abs=1e-4)


def test_one_row_is_one_persons_year(frame):
    assert not frame.duplicated(["person", "year"]).any()
    assert frame["person"].nunique() == 5912
    assert not frame.isna().any().any()


def test_a_family_has_one_plan_and_one_place(frame):
    by_family = frame.groupby("family")
    assert by_family["plan"].nunique().max() == 1 and by_family["site"].nunique().max() == 1
    assert frame.groupby("person")["family"].nunique().max() == 1
    assert frame["family"].nunique() == 2431
    sizes = frame.drop_duplicates("person").groupby("family").size()
    assert sizes.max() <= 14 and 2 < sizes.mean() < 3


def test_what_was_known_before_does_not_change(frame):
    assert frame.groupby("person")[["age", "female", "income", "chronic"]].nunique().max().max() == 1


def test_a_missing_table_is_an_error_with_a_way_out(monkeypatch, tmp_path):
    spec = importlib.machinery.ModuleSpec("statsmodels", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    with pytest.raises(EngineError, match="not there") as found:
        rand_health()
    assert "pip install" in found.value.hint
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(EngineError, match="not there"):
        rand_health()


def test_another_table_is_not_taken_for_it(monkeypatch, tmp_path):
    path = tmp_path / "randhie.csv"
    path.write_text("zper,year\n1,1\n")
    monkeypatch.setattr(module, "_table", lambda: path)
    with pytest.raises(EngineError, match="1 rows and lacks"):
        rand_health()


def test_the_room_gives_the_function_whatever_was_imported_before():
    import workbench.data

    assert callable(workbench.data.rand_health)
