"""Pictures: one kind in every room, PNG and nothing else."""

import ast
from pathlib import Path

import workbench
from workbench.data.pictures import Picture, drawn

ROOT = Path(workbench.__file__).parent


def test_a_figure_becomes_a_png_and_the_axes_named_are_left_open():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1), dpi=20)
    named, other = figure.subplots(1, 2)
    picture = drawn(figure, named)
    assert picture.png.startswith(b"\x89PNG") and picture._repr_png_() == picture.png
    sides = ("left", "bottom", "top", "right")
    assert [named.spines[side].get_visible() for side in sides] == [True, True, False, False]
    assert all(other.spines[side].get_visible() for side in sides)


def test_there_is_one_class_of_pictures():
    from workbench.audits import pictures as audits
    from workbench.experiments import pictures as experiments

    assert audits.Picture is experiments.Picture is Picture
    trees = (ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py"))
    named = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert named.count("Picture") == 1
