"""Dashboards have the form that Grafana reads: every key known, no panel over another, no source but Prometheus."""

import itertools
import json

import pytest

from workbench.monitoring.dashboards import OPTIONS, SOURCE, WIDTH, expressions, files

PANEL = {
    "id": int, "type": str, "title": str, "description": str, "datasource": dict, "gridPos": dict,
    "fieldConfig": dict, "options": dict, "targets": list,
}  # fmt: skip
TARGET = {
    "refId": str, "datasource": dict, "expr": str, "legendFormat": str, "instant": bool, "range": bool, "format": str
}  # fmt: skip
DASHBOARD = {
    "uid": str, "title": str, "tags": list, "schemaVersion": int, "version": int, "editable": bool, "refresh": str,
    "timezone": str, "time": dict, "templating": dict, "annotations": dict, "panels": list,
}  # fmt: skip


def check(content, form):
    assert content.keys() == form.keys()
    for name, kind in form.items():
        assert type(content[name]) is kind, name


@pytest.fixture(params=sorted(files()))
def dashboard(request):
    return json.loads(files()[request.param])


def test_every_key_is_known_and_of_its_type(dashboard):
    check(dashboard, DASHBOARD)
    for panel in dashboard["panels"]:
        check(panel, PANEL)
        assert panel["type"] in OPTIONS
        assert panel["targets"]
        for target in panel["targets"]:
            check(target, TARGET)
            assert target["datasource"] == SOURCE
            assert target["instant"] is not target["range"]


def test_no_panel_lies_over_another_or_beyond_the_edge(dashboard):
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    for a, b in itertools.combinations(places, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        assert apart_x or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]


def test_ids_and_references_are_told_apart(dashboard):
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_nothing_is_loaded_from_elsewhere(dashboard):
    assert "http" not in json.dumps(dashboard)


def test_the_model_is_chosen_where_the_dashboard_is_of_one():
    content = json.loads(files()["workbench-model.json"])
    assert [variable["name"] for variable in content["templating"]["list"]] == ["source", "model"]
    assert all('model="$model"' in expr for _, expr in expressions(content))
