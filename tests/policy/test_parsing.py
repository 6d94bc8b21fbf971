"""A policy is its text: a name, a package and a digest, and the tests it makes in the open."""

import hashlib

import pytest

from workbench.errors import Misuse
from workbench.policy import Policy
from workbench.policy.source import MOST_BYTES


@pytest.mark.parametrize(
    ("source", "package"),
    [
        ("package model\nallow := true", "model"),
        ("# a word before\n\npackage company.lending_2\n", "company.lending_2"),
        ("  package m  \n", "m"),
        ("package m # what it is for\nallow := true", "m"),
        ("# package wrong\npackage right\n", "right"),
        ("package m\r\nallow := true\r\n", "m"),
        ("package m", "m"),
    ],
)
def test_the_package_is_read_from_the_text(source, package):
    assert Policy.parse("p", source).package == package


@pytest.mark.parametrize(
    "source",
    [
        "",
        "allow := true",
        "# package m",
        "package",
        "package 3m",
        "package m; allow := true",
        "package a-b",
        "packagem",
    ],
)
def test_a_text_that_names_no_package_is_refused(source):
    with pytest.raises(Misuse, match="the policy p names no package") as caught:
        Policy.parse("p", source)
    assert "package NAME" in caught.value.hint


@pytest.mark.parametrize("package", ["m}; x", "m\nallow := true #", 'm["x"]', "m.", ".m", "m..n"])
def test_a_package_is_a_name_and_nothing_more(package):
    """It is put into a query; nothing but a dotted name may come there."""
    try:
        assert Policy.parse("p", f"package {package}").package == "m"
    except Misuse:
        return


def test_a_text_beyond_a_million_characters_is_refused():
    with pytest.raises(Misuse, match="at most 1000000"):
        Policy.parse("p", "package m\n" + "#" * MOST_BYTES)


def test_the_digest_is_that_of_the_text():
    source = "package m\n# ünï\n"
    assert Policy.parse("p", source).digest == hashlib.sha256(source.encode("utf-8")).hexdigest()
    assert Policy.parse("p", source + " ").digest != Policy.parse("p", source).digest


def test_a_file_gives_a_policy_its_name(tmp_path):
    path = tmp_path / "lending.rego"
    path.write_text("package m\n")
    assert (Policy.load(path).name, Policy.load(path).package) == ("lending", "m")


def test_a_byte_order_mark_is_no_part_of_the_rules(tmp_path):
    (tmp_path / "p.rego").write_bytes(b"\xef\xbb\xbfpackage m\n")
    assert Policy.load(tmp_path / "p.rego").source == "package m\n"


def test_the_ends_of_lines_of_another_system_make_no_other_policy(tmp_path):
    for ends in (b"\n", b"\r\n", b"\r"):
        (tmp_path / "p.rego").write_bytes(b"package m" + ends + b"allow := true" + ends)
        assert Policy.load(tmp_path / "p.rego") == Policy.parse("p", "package m\nallow := true\n")


def test_a_policy_that_was_changed_in_its_file_is_another_at_once(tmp_path):
    for allowed in ("true", "fals", "true"):
        (tmp_path / "p.rego").write_text(f"package m\nallow := {allowed}")
        assert Policy.load(tmp_path / "p.rego").source.endswith(allowed)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bytes.rego").write_bytes(b"package m\n\xff")
    for name in ("none.rego", "bytes.rego", "."):
        with pytest.raises(Misuse, match="cannot be read"):
            Policy.load(tmp_path / name)


@pytest.mark.parametrize(
    ("rule", "tests"),
    [
        ("allow := input.metrics.fairness >= 0.85", ["input.metrics.fairness >= 0.85"]),
        ("allow = input.f1 > 1", ["input.f1 > 1"]),
        ("  allow:=input.a.b_2.c<=-3.5 # at most", ["input.a.b_2.c <= -3.5"]),
        ("allow := input.n == 2", ["input.n == 2"]),
        ("# allow := input.n == 2", []),
        ("allow := true", []),
        ("allow := input.a >= input.b", []),
        ("allow := input.a >= 1; input.b", ["input.a >= 1"]),
        ("allow if { input.a >= 1 }", ["input.a >= 1"]),
        ("allow if input.a >= 1", ["input.a >= 1"]),
        ("allow if {\n\tinput.a >= 1 # one\n\tinput.b.c < 2\n}", ["input.a >= 1", "input.b.c < 2"]),
        ("allow := true if { input.a >= 1; input.b == 2 }", ["input.a >= 1", "input.b == 2"]),
        ("allow { input.a > 1 }", ["input.a > 1"]),
        ("allow := 0.85 <= input.a", ["input.a >= 0.85"]),
        ("allow if 1e-3 > input.p", ["input.p < 0.001"]),
        ("allow if input.a >= 1\nallow if input.b >= 2", ["input.a >= 1", "input.b >= 2"]),
        ("allow if not input.a >= 1", []),
        ("allow if { not input.a >= 1 }", []),
        ("allow if { some x in input.list; x >= 1 }", []),
        ("allow if input.a >= 1.2.3", []),
        ('deny contains "no" if input.a >= 1', []),
        ("allowed := input.a >= 1", []),
        ("default allow := false", []),
        ("disallow := input.a > 1", []),
    ],
)
def test_only_a_plain_test_is_taken_for_one(rule, tests):
    assert [str(test) for test in Policy.parse("p", f"package m\n{rule}\n").comparisons()] == tests


@pytest.mark.parametrize(
    ("document", "value"),
    [({"a": {"b": 3}}, 3), ({"a": {}}, None), ({}, None), ({"a": 3}, None), ({"a": [3]}, None), ({"a": "b"}, None)],
)
def test_a_test_finds_its_field_or_nothing(document, value):
    (test,) = Policy.parse("p", "package m\nallow := input.a.b > 1").comparisons()
    assert test.found_in(document) == value
