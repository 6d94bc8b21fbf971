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
    ("source", "text"),
    [
        ('f"data/{region}.csv"', "data/*.csv"),
        ('"data/" + region + ".csv"', "data/*.csv"),
        ('"data/{}.csv".format(region)', "data/*.csv"),
        ('"data/%s.csv" % region', "data/*.csv"),
        ('Path("data") / f"{region}.csv"', "data/*.csv"),
        ('Path("data") / region', "data/*"),
        ('Path("data", region)', "data/*"),
        ('Path("data").joinpath(region, "x.csv")', "data/*/x.csv"),
        ('os.path.join("data", region)', "data/*"),
        ('f"{folder}/loans.csv"', "loans.csv"),
        ("""sql(f"SELECT * FROM 'data/{region}.csv'")""", "data/*.csv"),
        ("read(f\"data/{name('regions.csv')}.csv\")", "regions.csv"),
        ('read("orders")', "orders/"),
        ('read(path="orders")', "orders/"),
        ('orders = Path("orders")', "orders/"),
        ('Path("data").rglob("*.csv")', "data/"),
        ('os.listdir("data")', "data/"),
        ('Path.home() / "x.csv"', "~/x.csv"),
        ('x = """' + "SELECT 1 -- much more\\n" * 200 + """FROM 'data/loans.csv'\"\"\"""", "data/loans.csv"),
    ],
)
def test_a_name_that_is_put_together_is_a_pattern(source, text):
    assert text in of(source).texts


@pytest.mark.parametrize("source", ["a / b", "a + b", 'f"{a}.{b}"', 'f"{a}/{b}"', 'f"{a}_{b}"', "x = 1 / 2"])
def test_what_is_only_stars_is_no_pattern(source):
    assert of(source).texts == ()


def test_what_stands_alone_as_a_docstring_names_nothing():
    assert of('def f():\n    """Reads data/x.csv as https://example.org says."""') == Code()


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
        ("import urllib.request\nimport urllib.parse\nurllib.request.Request(x)", "uses urllib.request"),
        ("from os import system as s\ns('x')", "uses os.system"),
        ("import os as o, os.path\no.popen('x')", "uses os.popen"),
        ("import os.path\nos.system('x')", "uses os.system"),
        ("import os\nregion = os.environ['REGION']", "uses os.environ"),
        ("from importlib import import_module\nimport_module(name)", "uses importlib.import_module"),
        ("import sys\nsys.path.insert(0, 'src')", "uses sys.path"),
        ("from sys import path\npath.insert(0, 'src')", "uses sys.path"),
        ("import builtins\nbuiltins.exec(x)", "uses builtins.exec"),
        ("import asyncio\nawait asyncio.create_subprocess_shell('x')", "uses asyncio.create_subprocess_shell"),
        ("from sqlite3 import *", "uses sqlite3"),
        ("from os import *", "uses os"),
        ("get_ipython().system('x')", "uses get_ipython"),
        ("shell.run_line_magic('run', 'x.py')", "uses shell.run_line_magic"),
        ("from sklearn.datasets import fetch_openml as f\nf('x')", "uses f,"),
        ("from sklearn import datasets\ndatasets.fetch_openml('x')", "uses sklearn.datasets.fetch_openml"),
        ("from datasets import Dataset\nDataset.get(x)", "uses datasets"),
        ("read('https://example.org/x.csv')", "names an address (https://…)"),
        ("read(f'https://{host}/x.csv')", "names an address (https://…)"),
        ("read(f'{kind}://x')", "names an address (*://…)"),
        ("sql('SELECT * FROM \\'s3://bucket/x.parquet\\'')", "names an address (s3://…)"),
        ("from datetime import date\ndate.today()", "reads the clock (date.today)"),
        ("from datetime import datetime as d\nd.now()", "reads the clock (datetime.now)"),
        ("import datetime as dt\ndt.datetime.utcnow()", "reads the clock (datetime.utcnow)"),
        ("import pandas as pd\npd.Timestamp.now()", "reads the clock (Timestamp.now)"),
        ("import pandas as pd\npd.to_datetime('today')", "reads the clock (to_datetime)"),
        ("from pandas import Timestamp as T\nT('now')", "reads the clock (Timestamp)"),
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
    "source",
    [
        "import mlflow",
        "frame.eval('a + b')",
        "text = '!ls'",
        "import os\nos.path.join('a', 'b')",
        "frame?",
        "read('file:///data/x.csv')",
        "import time\nbegan = time.perf_counter()\ntime.time() - began",
        "since = record.now - bench.now",
        "duckdb.sql('SELECT 1').fetch_df()",
        "from datetime import date\ndate(2026, 1, 5)",
        "# see https://example.org",
        "from sklearn.datasets import load_iris\nload_iris()",
    ],
)
def test_what_reads_nothing_is_not_doubted(source):
    assert of(source).doubts == ()
