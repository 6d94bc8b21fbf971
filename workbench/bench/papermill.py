"""Papermill's engine "workbench": its own command line on warm kernels.

papermill --engine workbench weekly.ipynb out.ipynb -p seed 7

The notebook is executed as papermill would, in a fork instead of a new process; nothing is checked and
nothing is committed, which is what `workbench run` is for. Where there are no warm kernels, it runs cold.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from papermill.engines import NBClientEngine

from workbench.bench.opening import usual_zygote


class WarmEngine(NBClientEngine):  # type: ignore[misc]
    """Runs a notebook's cells in a fork of the zygote."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run all cells; a language that is not Python's is run as papermill runs it."""
        from workbench.batch.inline import LocalKernel
        from workbench.batch.warm import Unavailable

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
