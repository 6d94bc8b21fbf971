"""Names, tags and batches in the form and size that MLflow takes."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.batch.tracking import DATA, KEY

EXPERIMENT = "workbench"
GENERATION = "workbench.generation."  # tag of a registered model, one an alias: the generation that set it
KEY_DIGEST = "workbench.key_digest"  # tag beside the key: MLflow's filters cannot quote every text
MOST_VALUE = 5000  # characters MLflow keeps of a parameter or a tag
MOST_NAME = 250  # characters of a name
MOST_DIGEST = 36  # characters of a dataset's digest
MOST_DIGITS = 18  # of a generation
BATCH = 90  # metrics, parameters or tags in one call


def driven(uri: str) -> str:
    """The address of MLflow's store with a driver that is here: MLflow itself looks for psycopg2, we bring pg8000.

    >>> driven("sqlite:///mlflow.db"), driven("postgresql+pg8000://u@h/d")
    ('sqlite:///mlflow.db', 'postgresql+pg8000://u@h/d')
    """
    scheme, _, rest = uri.partition("://")
    if scheme in {"postgresql", "postgres"} and importlib.util.find_spec("psycopg2") is None:
        return f"postgresql+pg8000://{rest}"
    return uri


def shown(uri: str) -> str:
    """An address as it may be printed: without its password.

    >>> shown("postgresql://mlflow:p@ss@db.example/models")
    'postgresql://mlflow@db.example/models'
    """
    return re.sub(r"(?<=://)([^:/@]*):.*@", r"\1@", uri)


def tags_of(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as MLflow takes them; a key gets its digest beside it, to be found by."""
    found = {safe(name): str(value)[:MOST_VALUE] for name, value in tags.items()}
    return {**found, KEY_DIGEST: digest_of(tags[KEY])} if KEY in tags else found


def datasets(tags: Mapping[str, str]) -> list[Any]:
    """The data that a run read, as MLflow's own dataset inputs; it keeps 36 characters of a digest, the source all."""
    from mlflow.entities import Dataset, DatasetInput

    read = {name.removeprefix(DATA): value for name, value in tags.items() if name.startswith(DATA)}
    return [
        DatasetInput(Dataset(safe(name), value[:MOST_DIGEST], "workbench", json.dumps({"sha256": value})))
        for name, value in read.items()
        if value
    ]


def digest_of(key: str) -> str:
    """What a key is found by: its SHA-256, hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def generation_of(text: str | None) -> int:
    """The generation that a tag tells; 0 where it tells none: anybody may write one.

    >>> generation_of("12"), generation_of("\u00b2"), generation_of("9" * 99), generation_of(None)
    (12, 0, 0, 0)
    """
    told = text or ""
    return int(told) if told.isascii() and told.isdigit() and len(told) <= MOST_DIGITS else 0


def batches(items: list[Any]) -> Iterator[list[Any]]:
    """Items in the portions that one call takes."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def safe(name: str) -> str:
    """A name in the letters that MLflow takes, and no path that leads elsewhere.

    >>> safe("disparate_impact.race*sex"), safe("../loss (train)")
    ('disparate_impact.race_sex', 'loss _train_')
    """
    kept = "".join(c if c.isalnum() or c in "_-. /" else "_" for c in name)
    parts = [part for part in kept.split("/") if part.strip(". ")]
    return "/".join(parts)[:MOST_NAME] or "_"
