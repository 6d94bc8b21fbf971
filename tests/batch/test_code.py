"""What code reads is told from its syntax tree; what cannot be told is a doubt."""

import pytest

from workbench.batch.code import Code, read_code


def of(*cells, package=""):
    return read_code(tuple((f"cell {number}", text) for number, text in enumerate(cells, start=1)), package)


@pytest.mark.parametrize(
    ("source", "imports"),
    [
        ("import a", ("a",)),
        ("import a.b as c, d", ("a.b", "d")),
        ("from a.b import c, d", ("a.b", "a.b.c", "a.b.d")),
        ("from a import *", ("a",)),
        ("if True:\n    def f():\n        import a", ("a",)),
        ("%matplotlib inline\nimport a", ("a",)),
        ("%%time\nimport a", ("a",)),
        ("text = '''\n!no command\n'''\nimport a", ("a",)),
    ],
)
def test_imports_are_found_wherever_they_stand(source, imports):
    assert of(source) == Code(imports, of(source).texts, ())


def test_relative_imports_start_from_their_package():
    assert of("from . import a\nfrom .b import c\nfrom ..d import e", package="x.y").imports == (
        "x.y",
        "x.y.a",
        "x.y.b",
        "x.y.b.c",
        "x.d",
        "x.d.e",
    )


def test_a_name_of_a_file_may_stand_within_sql():
    assert "data/loans.parquet" in of("""frame = duckdb.sql("SELECT * FROM 'data/loans.parquet' WHERE a = 1")""").texts


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("!ls", "calls the shell or a magic"),
        ("%run other.py", "calls the shell or a magic"),
        ("%%bash\ncat x", "calls the shell or a magic"),
        ("%time import a", "calls the shell or a magic"),
        ("x = !ls", "cannot be read as Python"),
        ("def", "cannot be read as Python"),
        ("x = (" + "(" * 5000, "cannot be read as Python"),
        ("exec(open('x').read())", "uses exec"),
        ("import os\nos.system('x')", "uses os.system"),
        ("import importlib\nimportlib.import_module(name)", "uses importlib.import_module"),
        ("import requests\nrequests.get(url)", "uses requests"),
        ("import urllib.request as r\nr.urlopen(x)", "uses urllib.request"),
        ("from sqlalchemy import create_engine as c\nc(url)", "uses sqlalchemy"),
        ("from workbench.ledger import Ledger\nLedger.open(url)", "uses workbench.ledger"),
        ("import mlflow\nmlflow.search_runs()", "uses mlflow"),
    ],
)
def test_what_may_read_anything_is_a_doubt(source, said):
    (doubt,) = of(source).doubts
    assert doubt.startswith("cell 1 ")
    assert said in doubt


def test_a_module_imported_in_one_cell_and_used_in_another_is_doubted():
    assert of("import requests", "x = 1", "requests.get(x)").doubts == (
        "cell 3 uses requests, which reads more than its inputs",
    )


@pytest.mark.parametrize(
    "source", ["import mlflow", "frame.eval('a + b')", "text = '!ls'", "import os\nos.path.join('a', 'b')", "frame?"]
)
def test_what_reads_nothing_is_not_doubted(source):
    assert of(source).doubts == ()
