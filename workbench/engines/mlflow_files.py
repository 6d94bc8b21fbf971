"""The files of registered versions in MLflow's artifacts, given out only after their digest and signature agree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from workbench.batch.model_signatures import SUFFIX, check_model, signature_of, swapped
from workbench.batch.models import PROFILE
from workbench.data.digests import digest_folder
from workbench.engines.mlflow_opening import OpenedStore
from workbench.engines.model_files import load_predictor
from workbench.errors import EngineError, Misuse
from workbench.ledger import ModelVersion
from workbench.serving import Predictor

Trusted = Callable[[ModelVersion], Sequence[str]]  # keys of which one must have signed its files; empty: none must


class Files(OpenedStore):
    """The model files of one MLflow store."""

    _trusted: Trusted  # whose signature the files must bear

    def folder(self, version: ModelVersion) -> Path:
        """The local folder with a version's files, after their digest and their signature were checked.

        Raises:
            EngineError: They are gone, or are not the files that were registered and signed.
        """
        run_id, _, path = version.source.removeprefix("runs:/").partition("/")
        folder = self._artifacts / run_id / "artifacts" / path  # as MLflow lays them out, wherever we stand
        signature, keys = signature_of(folder), self._trusted(version)
        if not folder.is_dir():
            with self._client() as client:
                kept = f"{client.get_run(run_id).info.artifact_uri}/{path}"
                folder = local(kept)
                signature = local(f"{kept}{SUFFIX}") if keys else signature_of(folder)
        hint = f"train it again, or restore the artifacts; {version.subject} is not loaded until they are right"
        try:
            found = digest_folder(folder)
        except Misuse as error:
            raise EngineError(f"the files of {version.subject} are gone: {folder}", hint=hint) from error
        if found != version.model_digest:
            other = swapped(folder, signature, version, keys)
            raise EngineError(
                f"the files of {version.subject} are not those that were registered "
                f"(digest {found[:12]}, registered {version.model_digest[:12]}{f'; {other}' if other else ''})",
                hint=hint,
            )
        if keys:
            check_model(signature, version, keys)
        return folder

    def damage(self, version: ModelVersion) -> str | None:
        """What is wrong with a version's files, in words; None where they are those that were registered."""
        try:
            self.folder(version)
        except EngineError as error:
            return error.message
        return None

    def profile(self, version: ModelVersion) -> str | None:
        """The profile of a version's training data as JSON, where it has one."""
        path = self.folder(version) / PROFILE
        return path.read_text("utf-8") if path.is_file() else None

    def load(self, version: ModelVersion) -> Predictor:
        """A version ready to answer, loaded from files whose digest was checked.

        Raises:
            EngineError: The files are not right, are stored as a pickle, or hold types we do not trust.
        """
        return load_predictor(version, self.folder(version))


def local(uri: str) -> Path:
    """The folder or file at an address among the artifacts, fetched where it is not on this machine."""
    from mlflow.artifacts import download_artifacts
    from mlflow.utils.file_utils import local_file_uri_to_path

    if uri.startswith("file:") or "://" not in uri:
        return Path(local_file_uri_to_path(uri))  # type: ignore[no-untyped-call]
    return Path(download_artifacts(artifact_uri=uri))
