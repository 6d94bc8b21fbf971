"""Papermill's engine "workbench": its own command line on warm kernels.

papermill --engine workbench weekly.ipynb out.ipynb -p seed 7

The notebook is executed as papermill would, in a fork instead of a new process; nothing is checked and
nothing is committed, which is what `workbench run` is for. Where there are no warm kernels, it runs cold.
Papermill loads every engine when it is imported, so this module imports nothing for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


class WarmEngine:
    """What papermill asks of an engine, answered by one that is made when it is first used."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Run all cells of a notebook; the notebook with their outputs."""
        return _engine().execute_notebook(nb, kernel_name, **options)

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> Any:
        """The kernel that a notebook names."""
        return _engine().nb_kernel_name(nb, name)

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> Any:
        """The language that a notebook names."""
        return _engine().nb_language(nb, language)


def _engine() -> Any:
    from papermill.engines import NBClientEngine

    from workbench.batch.inline import LocalKernel
    from workbench.batch.warm import Unavailable
    from workbench.bench.opening import usual_zygote

    class Forking(NBClientEngine):  # type: ignore[misc]
        """Runs Python's cells in a fork of the zygote, all others as papermill does."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
            zygote = usual_zygote()
            warm = nb_man.nb.metadata.get("kernelspec", {}).get("language", "python") == "python"
            if warm:
                try:
                    zygote.start()
                except Unavailable:
                    warm = False
            if not warm:
                super().execute_managed_notebook(nb_man, kernel_name, **options)
                return
            kernel = LocalKernel(zygote, environ=dict(os.environ), folder=Path.cwd())
            try:
                super().execute_managed_notebook(nb_man, kernel_name, km=kernel, **options)
            finally:
                kernel.end()
                kernel.close()

    return Forking
