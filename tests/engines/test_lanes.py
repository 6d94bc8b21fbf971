"""The ledger says by which lane a version answers; a form that is not the certified one is not used."""

import sys

import pytest

from workbench.engines.lanes import Lanes
from workbench.engines.onnx import available

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(available()), reason=available() or "never")]

LEAN = """
import sys
from pathlib import Path
from workbench.bench import open_bench
with open_bench(Path(sys.argv[1])) as bench:
    predictor = bench.lanes.load(bench.version("lending", 1))
    print(predictor.lane, predictor.scores([(1.0, 2.0)])[0] > 0, {"mlflow", "sklearn", "pandas"} & set(sys.modules))
"""


def test_a_version_is_compiled_once_and_loaded_without_mlflow(lending, tmp_path):
    import subprocess

    from workbench.bench import open_bench

    root = lending(tmp_path / "w")
    with open_bench(root) as bench:
        version = bench.version("lending", 1)
        before = bench.lanes.load(version)
        assert (before.lane, before.untried) == ("native", True)
        entry = bench.compile("lending", 1)
        assert (entry.body["form"], entry.body["certificate"]["flips"]) == ("onnx", 0)
        after = bench.lanes.load(version)
        assert after.lane == "onnx"
        assert after.ranges == before.ranges != {}
        rows = [(1.0, 2.0), (3.5, 0.1)]
        assert after.scores(rows) == pytest.approx(before.scores(rows), abs=1e-7)
        told = subprocess.run([sys.executable, "-c", LEAN, root], capture_output=True, text=True, check=True).stdout
        assert told.split(maxsplit=2) == ["onnx", "True", "set()\n"]

        run, _, path = entry.body["source"].removeprefix("runs:/").partition("/")
        file = bench.tracking[1] / run / "artifacts" / path
        file.write_bytes(file.read_bytes()[:-1] + b"x")
        spoiled = bench.lanes.load(version)
        assert (spoiled.lane, spoiled.why) == ("native", "the compiled form is not the one that was certified")
        file.unlink()
        assert "gone" in bench.lanes.load(version).why


def test_a_version_that_nothing_compiles_is_not_called_untried(lending, tmp_path):
    from workbench.bench import open_bench

    with open_bench(lending(tmp_path / "w")) as bench:
        lanes = Lanes(bench.ledger, lambda: bench.store, bench.tracking[1])
        assert not lanes.load(bench.version("lending", 1)).untried


def test_a_model_of_another_library_answers_through_mlflows_wrapper_and_none_with_code_does(tmp_path):
    import warnings

    import numpy as np
    import pandas as pd
    import yaml
    from onnx import TensorProto, helper

    from workbench.engines.model_files import load_predictor
    from workbench.errors import EngineError
    from workbench.ledger import ModelVersion

    version = ModelVersion(
        model="lending", version=1, run_id="r", source="s", model_digest="m", data_digest="d", feature_set="f@1",
        notebook_digest="n", threshold=None, parameters={}, metrics={}, registered_at="", registered_by="analyst",
    )  # fmt: skip
    tensors = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in ("income", "score")]
    graph = helper.make_graph([helper.make_node("Neg", ["income"], ["score"])], "negative", tensors[:1], tensors[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.onnx
        from mlflow.models import infer_signature

        frame = pd.DataFrame({"income": [1.0, 2.0]})
        signature = infer_signature(frame, np.array([-1.0, -2.0]))
        mlflow.onnx.save_model(made, str(tmp_path / "model"), signature=signature, pip_requirements=[])
        predictor = load_predictor(version, tmp_path)
        assert predictor.lane == "pyfunc"
        assert list(predictor.scores([(3.0,), (4.5,)])) == [-3.0, -4.5]
    described = tmp_path / "model" / "MLmodel"
    content = yaml.safe_load(described.read_text())
    content["flavors"]["python_function"]["code"] = "code"
    described.write_text(yaml.safe_dump(content))
    with pytest.raises(EngineError, match="only skops is loaded"):
        load_predictor(version, tmp_path)
