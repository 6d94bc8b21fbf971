"""ONNX: the compiled form of a scikit-learn model, and the proof that it answers as the model does.

A form is made by skl2onnx and run by onnxruntime, both of the extra `[fast]`. What comes before a forest
of trees is computed in doubles and cast to float32 where scikit-learn casts it; anything else would take
another branch at a threshold. A form is used only with a certificate: on rows that were served, rows like
those of training, and rows on and around every threshold, no label differs, and no score by more than
`TOLERANCE`. Importing onnxruntime starts threads: it is never in the list of warm kernels.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from workbench.errors import EngineError
from workbench.serving.predictor import Predictor, Rows
from workbench.serving.schema import KINDS

if TYPE_CHECKING:
    import numpy as np

    from workbench.data import Profile

TOLERANCE = 1e-5  # of a score, against the largest score where that is above 1
MOST_THRESHOLDS = 2000  # of trees, around which rows are tried
DRAWN = 4000  # rows like those of training
BATCH = 1000  # rows of one call while proving
EXTRA = "pip install 'workbench[fast]'"
TREES = ("GradientBoosting", "RandomForest", "ExtraTrees", "DecisionTree")
NUMBERS = ("double", "float", "long", "integer", "boolean")  # of one matrix
TENSORS = {
    "double": "DoubleTensorType", "float": "FloatTensorType", "long": "Int64TensorType",
    "integer": "Int32TensorType", "boolean": "BooleanTensorType", "string": "StringTensorType",
}  # fmt: skip
DTYPES = {
    "tensor(double)": "float64", "tensor(float)": "float32", "tensor(int64)": "int64",
    "tensor(int32)": "int32", "tensor(bool)": "bool", "tensor(string)": "object",
}  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """What was compared, and how far the two were apart."""

    rows: int  # in all
    replayed: int  # of them served before
    edges: int  # of them on, just below and just above a threshold, or at an end of a column
    largest_difference: float  # of two scores of one row
    flips: int  # rows whose label differs

    def as_body(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def failing(self, largest: float) -> str:
        """Why it proves nothing; empty: it proves that the forms are equal.

        Args:
            largest: The largest score by amount.

        >>> Certificate(10, 0, 4, 2e-7, 1).failing(1.0)
        '1 of 10 labels differ'
        """
        if self.flips:
            return f"{self.flips} of {self.rows} labels differ"
        if not self.largest_difference <= TOLERANCE * max(1.0, largest):
            return f"scores differ by up to {self.largest_difference:.2g}"
        return ""


def available() -> str:
    """Why nothing can be compiled here; empty: it can."""
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxruntime", "skl2onnx") if find_spec(name) is None]
    return f"{', '.join(missing)} not installed: {EXTRA}" if missing else ""


def convert(predictor: Predictor, *, single: bool = False) -> bytes:
    """A native predictor's model as ONNX.

    Args:
        predictor: The model.
        single: Compute in float32 throughout, for what has no form in doubles.

    Raises:
        EngineError: It has no such form.
    """
    strange = [name for name, kind in predictor.columns.items() if kind not in TENSORS]
    texts = [name for name in predictor.optional if predictor.columns.get(name) == "string"]
    if strange or texts:
        raise EngineError(f"{', '.join(strange + texts)} has no type that ONNX carries")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            form = _converted(predictor.estimator, predictor.columns, single=single)
        except Exception as error:  # whatever a converter raises, the answer is the native lane
            said = " ".join(str(error).split())[:200]
            raise EngineError(f"{type(error).__name__} while converting: {said}") from error
    made: bytes = form.SerializeToString()
    return made


def session(form: bytes, columns: Mapping[str, str]) -> Callable[[Rows], Sequence[float]]:
    """What scores rows by a form; one thread, so that a thousand forms share a machine.

    Args:
        form: ONNX.
        columns: Input columns with MLflow's names of their types, in order.

    Raises:
        EngineError: The form does not load, or onnxruntime is not installed.
    """
    import numpy as np

    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError("a compiled model needs onnxruntime", hint=EXTRA) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    try:
        run = onnxruntime.InferenceSession(form, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise EngineError(f"the compiled form does not load: {error}") from error
    names = [each.name for each in run.get_inputs()]
    output = run.get_outputs()[-1].name  # of a classifier the probabilities stand last
    kinds = [DTYPES[each.type] for each in run.get_inputs()]
    if len(names) not in {1, len(columns)}:
        raise EngineError(f"the compiled form takes {len(names)} inputs for {len(columns)} columns")

    def matrix(rows: Rows) -> Sequence[float]:
        return _scores(run.run([output], {names[0]: np.array(rows, dtype=kinds[0])})[0])

    def by_column(rows: Rows) -> Sequence[float]:
        arrays = (
            np.array(values, dtype=kind).reshape(-1, 1)
            for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)
        )
        return _scores(run.run([output], dict(zip(names, arrays, strict=True)))[0])

    return matrix if len(names) == 1 and names[0] == "X" else by_column


def prove(
    predictor: Predictor,
    compiled: Callable[[Rows], Sequence[float]],
    *,
    replayed: Sequence[tuple[Any, ...]],
    profile: Profile | None,
    rng: np.random.Generator,
) -> tuple[Certificate, str]:
    """Compare a compiled form with its model, row by row.

    Args:
        predictor: The model, native.
        compiled: The form.
        replayed: Rows that were served, each in the order of the columns.
        profile: Of the training data; rows are drawn from its columns.
        rng: Draws them.

    Returns:
        The certificate, and why it proves nothing (empty: it does).
    """
    import numpy as np

    drawn = _drawn(predictor.columns, predictor.optional, profile, rng)
    edges = _edges(predictor, drawn, profile)
    rows = [*replayed, *drawn, *edges]
    limit = predictor.version.threshold
    worst, largest, flips, scored = 0.0, 0.0, 0, 0
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = np.asarray(predictor.scores(some), dtype=float)
        ours = np.asarray(compiled(some), dtype=float)
        if ours.shape != theirs.shape or not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
            return Certificate(len(rows), len(replayed), len(edges), float("inf"), len(some)), "its shape differs"
        good = np.isfinite(theirs)
        scored += int(good.sum())
        ours, theirs = ours[good], theirs[good]
        worst = max(worst, float(np.abs(ours - theirs).max(initial=0.0)))
        largest = max(largest, float(np.abs(theirs).max(initial=0.0)))
        flips += 0 if limit is None else int(((ours >= limit) != (theirs >= limit)).sum())
    certificate = Certificate(len(rows), len(replayed), len(edges), worst, flips)
    return certificate, certificate.failing(largest) if scored else "the model itself gives no row a finite score"


def versions() -> dict[str, str]:
    """The packages that make and run a form."""
    from importlib.metadata import version

    return {name: version(name) for name in ("onnx", "onnxruntime", "scikit-learn", "skl2onnx")}


def _scores(found: Any) -> list[float]:
    """The second class's column of probabilities, or the one column of a regressor."""
    column = found if found.ndim == 1 else found[:, -1]
    scores: list[float] = column.tolist()
    return scores


def _converted(estimator: Any, columns: Mapping[str, str], *, single: bool) -> Any:
    import onnx
    from onnx import TensorProto, compose, helper
    from sklearn.pipeline import Pipeline

    steps = list(estimator.steps) if isinstance(estimator, Pipeline) else [("model", estimator)]
    last = steps[-1][1]
    if hasattr(last, "classes_") and len(last.classes_) != 2:
        raise ValueError(f"{len(last.classes_)} classes")
    if not type(last).__name__.startswith(TREES):
        return _form(estimator, _types(estimator, columns, single=single))
    width = last.n_features_in_
    after = _form(last, [("cast", _tensor("FloatTensorType", width))])
    if len(steps) == 1:
        before, source = None, "X"
    else:
        before = _form(Pipeline(steps[:-1]), _types(estimator, columns, single=single))
        source = before.graph.output[0].name
    cast = helper.make_graph(
        [helper.make_node("Cast", [source if before is None else "in"], ["cast"], to=TensorProto.FLOAT)],
        "cast",
        [helper.make_tensor_value_info(source if before is None else "in", TensorProto.DOUBLE, [None, width])],
        [helper.make_tensor_value_info("cast", TensorProto.FLOAT, [None, width])],
    )
    opsets = [helper.make_opsetid(domain, number) for domain, number in TARGET.items()]
    middle = helper.make_model(cast)
    for part in filter(None, (before, middle, after)):  # parts that are put together are of one version
        part.ir_version = after.ir_version
        del part.opset_import[:]
        part.opset_import.extend(opsets)
    if before is not None:
        kind = before.graph.output[0].type.tensor_type.elem_type
        middle.graph.input[0].type.tensor_type.elem_type = kind
        middle = compose.merge_models(
            compose.add_prefix(before, "a_", rename_inputs=False), middle, io_map=[(f"a_{source}", "in")]
        )
    merged = compose.merge_models(middle, compose.add_prefix(after, "b_"), io_map=[("cast", "b_cast")])
    onnx.checker.check_model(merged)
    return merged


def _form(estimator: Any, types: Sequence[tuple[str, Any]]) -> Any:
    import skl2onnx

    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    return skl2onnx.convert_sklearn(estimator, initial_types=list(types), options=options, target_opset=TARGET)


TARGET = {"": 18, "ai.onnx.ml": 3}  # operator sets; one version, so that parts fit together


def _types(estimator: Any, columns: Mapping[str, str], *, single: bool) -> list[tuple[str, Any]]:
    """One matrix of numbers where the model takes one; else a column each, by name."""
    real = TENSORS["float" if single else "double"]
    if all(kind in NUMBERS for kind in columns.values()) and not _by_name(estimator):
        return [("X", _tensor(real, len(columns)))]
    return [(name, _tensor(real if kind == "double" else TENSORS[kind], 1)) for name, kind in columns.items()]


def _by_name(estimator: Any) -> bool:
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import FeatureUnion, Pipeline

    if isinstance(estimator, ColumnTransformer):
        return True
    inside = [part for _, part in estimator.steps] if isinstance(estimator, Pipeline) else []
    inside += [part for _, part in estimator.transformer_list] if isinstance(estimator, FeatureUnion) else []
    return any(_by_name(part) for part in inside)


def _tensor(name: str, width: int) -> Any:
    from skl2onnx.common import data_types

    return getattr(data_types, name)([None, width])


def _drawn(
    columns: Mapping[str, str], optional: frozenset[str], profile: Profile | None, rng: np.random.Generator
) -> list[tuple[Any, ...]]:
    """Rows whose values are those of training, each column by itself; a fiftieth of what may be missing is."""
    import numpy as np

    values = []
    for name, kind in columns.items():
        known = None if profile is None else profile.columns.get(name)
        if kind == "string":
            names = (
                list(getattr(known, "counts", None) or {"a": 1})
                if isinstance(getattr(known, "counts", None), Mapping)
                else ["a"]
            )
            drawn: list[Any] = [str(each) for each in rng.choice([*names, "never seen"], DRAWN)]
        elif kind == "boolean":
            drawn = [bool(each) for each in rng.integers(0, 2, DRAWN)]
        else:
            seen = known.values() if known is not None and hasattr(known, "values") else np.empty(0)
            seen = seen if len(seen) else rng.normal(0, 3, DRAWN)
            drawn = rng.choice(seen, DRAWN).tolist()
            drawn = drawn if kind == "double" else np.array(drawn).astype(KINDS[kind].dtype).tolist()
        if name in optional:
            drawn = [None if missing else each for each, missing in zip(drawn, rng.random(DRAWN) < 0.02, strict=True)]
        values.append(drawn)
    return list(zip(*values, strict=True))


def _edges(predictor: Predictor, drawn: Sequence[tuple[Any, ...]], profile: Profile | None) -> list[tuple[Any, ...]]:
    """Rows on and beside the thresholds of trees, and with one column at an end, at zero or far out."""
    import numpy as np

    found: list[tuple[Any, ...]] = []
    for place, (name, kind) in enumerate(predictor.columns.items()):
        if kind not in {"double", "float"}:
            continue
        known = None if profile is None else profile.columns.get(name)
        ends = [getattr(known, end, None) for end in ("low", "high")]
        values = [*(end for end in ends if end is not None), 0.0, -1e6, 1e6]
        values += [None] if name in predictor.optional else []
        found.extend(_with(drawn[place % len(drawn)], place, value) for value in values)
    for number, (place, value) in enumerate(_thresholds(predictor)[:MOST_THRESHOLDS]):
        row = drawn[number % len(drawn)]
        single = float(np.float32(value))
        for near in (value, single):
            found += [
                _with(row, place, each) for each in (near, np.nextafter(near, -np.inf), np.nextafter(near, np.inf))
            ]
    return found


def _thresholds(predictor: Predictor) -> list[tuple[int, float]]:
    """Column and value of each threshold, given back through the scalers before the trees."""
    import numpy as np

    estimator = predictor.estimator
    steps = [part for _, part in estimator.steps] if hasattr(estimator, "steps") else [estimator]
    *before, last = steps
    if last.__class__.__name__.startswith(TREES) and all(hasattr(part, "inverse_transform") for part in before):
        trees = np.ravel(getattr(last, "estimators_", [last]))
        pairs = sorted(
            {
                (int(feature), float(value))
                for tree in trees
                for feature, value in zip(tree.tree_.feature, tree.tree_.threshold, strict=True)
                if feature >= 0
            }
        )
        if not pairs or last.n_features_in_ != len(predictor.columns):
            return []
        rows = np.zeros((len(pairs), last.n_features_in_))
        for number, (feature, value) in enumerate(pairs):
            rows[number, feature] = value
        for part in reversed(before):
            rows = part.inverse_transform(rows)
        pairs = [(feature, float(rows[number, feature])) for number, (feature, _) in enumerate(pairs)]
        order = np.random.default_rng(0).permutation(len(pairs))
        return [pairs[number] for number in order]
    return []


def _with(row: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*row[:place], None if value is None else float(value), *row[place + 1 :])
