"""Feature views as Feast declares them, read from its plain files: Python definitions or an exported registry.

Nobody's Python is imported or run: definitions are read as a syntax tree, and only literals count. What is
computed there stays unknown. Feast itself is not needed.

>>> views = read_definitions('''
... trips = FileSource(name="trips", path="data/trips.parquet")
... hourly = FeatureView(name="hourly", entities=[driver], source=trips,
...                      schema=[Field(name="rate", dtype=Float32)], ttl=timedelta(days=1))
... ''')
>>> views[0].name, views[0].features, views[0].path
('hourly', (('rate', 'Float32'),), 'data/trips.parquet')
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.data.plain_yaml import mapping, plain_text, read_yaml
from workbench.ledger import digest

STORE = "feature_store.yaml"  # a folder with this file is a feature repository
MOST_FILES = 200  # definitions that are read in one repository
VIEWS = ("FeatureView", "BatchFeatureView", "StreamFeatureView")
MOST_NODES = 200  # of a type: what is longer is none
SOURCES = ("FileSource", "SparkSource", "PostgreSQLSource", "SnowflakeSource", "BigQuerySource", "RedshiftSource")


@dataclass(frozen=True)
class FeatureView:
    """One feature view: a name, its columns and the file it is drawn from."""

    name: str
    entities: tuple[str, ...]
    features: tuple[tuple[str, str], ...]  # name and type, as declared
    path: str  # of its batch source, as declared; "" where it is no file
    project: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 over the declaration, in hex: another column, type or source is another view."""
        return digest(asdict(self))

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "project": self.project,
            "view": self.name,
            "digest": self.digest,
            "entities": list(self.entities),
            "features": [list(feature) for feature in self.features],
            "source": self.path,
        }


def views_over(path: Path, root: Path) -> list[FeatureView]:
    """The feature views that are drawn from a file, by name.

    Args:
        path: The file, whole.
        root: The folder above which nobody looks for a feature repository.
    """
    for folder in path.parents:
        store = plain_text(folder / STORE)
        if store is not None:
            project = _project(store)
            found = [view for view in _views_in(folder, project) if view.path and _same(folder, view.path, path)]
            return sorted({view.name: view for view in found}.values(), key=lambda view: view.name)
        if folder == root:
            break
    return []


def read_definitions(source: str, project: str = "") -> list[FeatureView]:
    """The feature views that Python source declares, read as a syntax tree; none where it is no Python."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    named = {
        target.id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _called(node) in VIEWS]
    return [view for call in calls for view in _declared(call, named, project)]


def read_registry(text: str, project: str = "") -> list[FeatureView]:
    """The feature views of a registry that was exported as JSON; none where it is no such export."""
    try:
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode()  # half a character is in no digest
    except (ValueError, RecursionError):
        return []
    views = content.get("featureViews") if isinstance(content, dict) else None
    found = []
    for view in views if isinstance(views, list) else ():
        spec = mapping(mapping(view).get("spec"))
        if isinstance(spec.get("name"), str):
            options = mapping(mapping(spec.get("batchSource")).get("fileOptions"))
            features = [mapping(one) for one in _listed(spec.get("features"))]
            found.append(
                FeatureView(
                    name=spec["name"],
                    entities=tuple(map(str, _listed(spec.get("entities")))),
                    features=tuple((str(one.get("name")), str(one.get("valueType"))) for one in features),
                    path=str(options.get("uri") or options.get("fileUrl") or ""),
                    project=str(spec.get("project") or project),
                )
            )
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _views_in(folder: Path, project: str) -> Iterator[FeatureView]:
    for number, file in enumerate(sorted(folder.rglob("*.py"))):
        if number == MOST_FILES:
            break
        text = plain_text(file)
        yield from read_definitions(text, project) if text else ()
    for file in sorted(folder.glob("*registry*.json")):
        text = plain_text(file)
        yield from read_registry(text, project) if text else ()


def _declared(call: ast.Call, named: Mapping[str, ast.expr], project: str) -> Iterator[FeatureView]:
    given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    name = _literal(given.get("name") or (call.args[0] if call.args else None))
    if not name:
        return
    source = given.get("source") or given.get("batch_source")
    if isinstance(source, ast.Name):
        source = named.get(source.id)
    path = ""
    if isinstance(source, ast.Call) and _called(source) in SOURCES:
        path = next((_literal(k.value) for k in source.keywords if k.arg in {"path", "file_url"}), "")
    entities = tuple(_literal(one) or getattr(one, "id", "") for one in _elements(given.get("entities")))
    features = tuple(_field(one) for one in _elements(given.get("schema") or given.get("features")))
    yield FeatureView(name, tuple(filter(None, entities)), tuple(f for f in features if f[0]), path, project)


def _field(node: ast.expr) -> tuple[str, str]:
    if not isinstance(node, ast.Call):
        return "", ""
    given = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
    name = given.get("name") or (node.args[0] if node.args else None)
    kind = given.get("dtype") or (node.args[1] if len(node.args) > 1 else None)
    if kind is not None and sum(1 for _ in ast.walk(kind)) > MOST_NODES:
        return "", ""
    return _literal(name), ast.unparse(kind) if kind is not None else ""


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", "") or getattr(call.func, "id", "")


def _elements(node: ast.expr | None) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.List | ast.Tuple) else []


def _literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _project(store: str) -> str:
    project = mapping(read_yaml(store)).get("project")
    return project if isinstance(project, str) else ""


def _same(folder: Path, declared: str, path: Path) -> bool:
    # nothing is opened: two spellings of one place
    try:
        return (folder / declared.removeprefix("file://")).resolve() == path.resolve()
    except (OSError, ValueError):
        return False
