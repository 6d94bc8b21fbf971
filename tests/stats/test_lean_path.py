"""What an analysis imports is its cost: no scipy.stats, pandas, PyMC or matplotlib on the way to a verdict."""

import subprocess
import sys

CODE = """
import sys
from workbench.data.moments import MomentCube
from workbench.experiments import Design, Metric, analyse
import pathlib
path = pathlib.Path(sys.argv[1]); path.write_text("arm,x\\n" + "a,1\\na,0\\nb,1\\nb,1\\n" * 20)
design = Design("lean", arm="arm", control="a", metrics=(Metric("x", "binary", "x"),))
analyse(design.scan(path), design)
print(sorted({"scipy.stats", "pandas", "pymc", "matplotlib", "pyarrow", "mlflow"} & set(sys.modules)))
"""


AUDIT = """
import pathlib, sys
from click.testing import CliRunner
from workbench.cli import main
path = pathlib.Path(sys.argv[1]); path.write_text("g,y,p,s\\n" + "a,1,1,.9\\na,0,0,.2\\nb,1,0,.4\\nb,0,1,.7\\n" * 20)
columns = ["--label", "y", "--prediction", "p", "--score", "s", "--group", "g", "--json"]
assert CliRunner().invoke(main, ["audit", "fairness", str(path), *columns]).exit_code == 0
print(sorted({"scipy.stats", "pandas", "pyarrow", "matplotlib", "mlflow", "fairlearn", "sklearn"} & set(sys.modules)))
"""


def test_a_fairness_audit_of_a_file_imports_nothing_heavy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", AUDIT, str(tmp_path / "a.csv")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_a_verdict_from_a_file_imports_nothing_heavy(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "a.csv")], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
