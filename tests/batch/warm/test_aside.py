"""What is put aside comes back with its import, and brings what that import changed and nothing else."""

import sys

import plotly.io
import pytest

from workbench.batch.warm import aside

DEEP = "import sys\nsys.setrecursionlimit(sys.getrecursionlimit() + 700)\nvalue = 7"
COLOURFUL = """
import plotly.io
plotly.io.templates[plotly.io.templates.default].layout.colorway = ("#010203",)
"""


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    """The process as it was: its depth, its table of modules, plotly's templates."""
    depth, colours = sys.getrecursionlimit(), {name: colours_of(name) for name in ("plotly", "plotly_white")}
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(plotly.io.templates, "default", "plotly")
    yield
    sys.setrecursionlimit(depth)
    for name, before in colours.items():
        plotly.io.templates[name].layout.colorway = before
    for name in ("deep", "colourful"):
        sys.modules.pop(name, None)


@pytest.fixture
def put_aside(tmp_path, monkeypatch):
    """Puts a module aside, as a zygote does."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(aside, "TOGETHER", (("deep",), ("colourful",)))

    def call(name, text):
        (tmp_path / f"{name}.py").write_text(text)
        aside.load(name)
        assert name not in sys.modules

    return call


def colours_of(template):
    return plotly.io.templates[template].layout.colorway


def test_what_an_import_changes_comes_with_it_and_not_before(put_aside):
    depth, colours = sys.getrecursionlimit(), colours_of("plotly")
    put_aside("deep", DEEP)
    put_aside("colourful", COLOURFUL)
    assert (sys.getrecursionlimit(), colours_of("plotly")) == (depth, colours)
    import colourful  # noqa: F401
    import deep

    assert (deep.value, sys.getrecursionlimit(), colours_of("plotly")) == (7, depth + 700, ("#010203",))


def test_what_it_does_not_change_stays_as_the_notebook_has_it(put_aside):
    put_aside("deep", DEEP)
    put_aside("colourful", COLOURFUL)
    plotly.io.templates["plotly"].layout.colorway = ("#040506",)
    import deep  # noqa: F401

    assert colours_of("plotly") == ("#040506",)
    sys.setrecursionlimit(9000)
    import colourful  # noqa: F401

    assert sys.getrecursionlimit() == 9000


def test_a_depth_that_the_notebook_made_larger_is_kept(put_aside):
    put_aside("deep", DEEP)
    sys.setrecursionlimit(20_000)
    import deep  # noqa: F401

    assert sys.getrecursionlimit() == 20_000


@pytest.mark.parametrize("chosen", [None, "plotly_white", "plotly+plotly_white"])
def test_a_notebook_that_chose_another_template_or_none_can_import_both(put_aside, chosen):
    """The template that it chose is changed, as the import itself would change it; no other is."""
    put_aside("deep", DEEP)
    put_aside("colourful", COLOURFUL)
    before = colours_of("plotly")
    plotly.io.templates.default = chosen
    import colourful  # noqa: F401
    import deep  # noqa: F401

    assert colours_of("plotly") == before
    assert (colours_of("plotly_white") == ("#010203",)) == (chosen == "plotly_white")
