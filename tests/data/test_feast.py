"""Feature views are read from definitions without running them, and from an exported registry."""

import json

import pytest

from workbench.data.feast import read_definitions, read_registry, views_over

DEFINITIONS = """
from datetime import timedelta
import feast
from feast import Entity, FeatureView, Field, FileSource
from feast.types import Float32, Int64

open("/tmp/owned", "w").write("this is never run")
driver = Entity(name="driver", join_keys=["driver_id"])
stats = FileSource(name="stats", path="data/stats.parquet", timestamp_field="event_timestamp")
hourly = FeatureView(
    name="hourly", entities=[driver], ttl=timedelta(days=1), source=stats,
    schema=[Field(name="rate", dtype=Float32), Field(name="trips", dtype=Int64)],
)
other = feast.FeatureView(name="other", entities=["a"], source=FileSource(path="data/other.parquet"), schema=[])
computed = FeatureView(name=f"x{1}", source=stats)
"""


def test_definitions_are_read_as_text():
    hourly, other = read_definitions(DEFINITIONS, "shop")
    assert (hourly.name, hourly.entities, hourly.path, hourly.project) == (
        "hourly",
        ("driver",),
        "data/stats.parquet",
        "shop",
    )
    assert hourly.features == (("rate", "Float32"), ("trips", "Int64"))
    assert (other.name, other.entities, other.path) == ("other", ("a",), "data/other.parquet")


def test_the_digest_changes_with_the_declaration():
    one = read_definitions(DEFINITIONS)[0]
    assert one.digest == read_definitions(DEFINITIONS.replace("# x", ""))[0].digest
    assert one.digest != read_definitions(DEFINITIONS.replace("Int64)", "Float32)"))[0].digest
    assert one.digest != read_definitions(DEFINITIONS.replace("stats.parquet", "new.parquet"))[0].digest


def test_an_exported_registry_is_read():
    spec = {"name": "hourly", "project": "shop", "entities": ["driver"]}
    spec |= {"batchSource": {"fileOptions": {"uri": "s.parquet"}}, "features": [{"name": "rate", "valueType": "FLOAT"}]}
    view = {"spec": spec}
    (found,) = read_registry(json.dumps({"featureViews": [view, {"spec": {}}, 7]}))
    assert (found.name, found.features, found.path) == ("hourly", (("rate", "FLOAT"),), "s.parquet")


def test_views_over_a_file_are_found_from_the_repository_above_it(tmp_path):
    (tmp_path / "feature_store.yaml").write_text("project: shop\nregistry: data/registry.db\nprovider: local\n")
    (tmp_path / "views.py").write_text(DEFINITIONS)
    (tmp_path / "data").mkdir()
    (found,) = views_over(tmp_path / "data" / "stats.parquet", tmp_path)
    assert (found.name, found.project) == ("hourly", "shop")
    assert views_over(tmp_path / "data" / "none.parquet", tmp_path) == []


def test_without_a_repository_there_is_no_view(tmp_path):
    (tmp_path / "views.py").write_text(DEFINITIONS)
    assert views_over(tmp_path / "data" / "stats.parquet", tmp_path) == []


@pytest.mark.parametrize(
    "text", ["", "def", "\x00", "FeatureView()", "FeatureView(**{})", "(" * 500, "FeatureView(7, schema=8)"]
)
def test_what_is_no_definition_declares_nothing(text):
    assert read_definitions(text) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"featureViews": 7}', "[" * 9999, '{"featureViews": [{"spec": 7}]}'])
def test_what_is_no_registry_declares_nothing(text):
    assert read_registry(text) == []


def test_a_hostile_neighbour_is_passed_over(tmp_path):
    """A run is recorded whatever lies beside its data."""
    deep = "FeatureView(name='a', schema=[Field(name='b', dtype=" + "a." * 900 + "c)])"
    assert [view.features for view in read_definitions(deep)] == [()]
    assert [v.name for v in read_registry('{"featureViews":[{"spec":{"name":"a","features":5,"entities":7}}]}')] == [
        "a"
    ]
    assert read_registry('{"featureViews":[{"spec":{"name":"\\ud800","features":[]}}]}') == []
    (tmp_path / "feature_store.yaml").write_text("a: &a [x]\nb: &b [*a, *a]\nproject: *b\n")
    (tmp_path / "views.py").write_text("v = FeatureView(name='v', source=FileSource(path='d.parquet'))\n")
    assert [view.project for view in views_over(tmp_path / "d.parquet", tmp_path)] == [""]
