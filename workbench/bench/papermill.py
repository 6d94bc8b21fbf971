"""Papermill's engine "workbench": its own command line on warm kernels.

papermill --engine workbench weekly.ipynb out.ipynb -p seed 7

The notebook is executed as papermill would, in a fork instead of a new process; nothing is checked and
nothing is committed, which is what `workbench run` is for. Where there are no warm kernels, or the kernel
that is asked for is another interpreter than ours, it runs cold.
Papermill loads every engine when it is imported, so this module imports nothing for it.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.batch.inline import LocalKernel

PYTHONS = ("python", f"python{sys.version_info[0]}", f"python{sys.version_info[0]}.{sys.version_info[1]}")


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

    class Forking(NBClientEngine):  # type: ignore[misc]
        """Runs the cells of our interpreter in a fork of the zygote, all others as papermill does."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
            kernel = forked(kernel_name)
            if kernel is None:
                super().execute_managed_notebook(nb_man, kernel_name, **options)
                return
            try:
                super().execute_managed_notebook(nb_man, kernel_name, km=kernel, **options)
            finally:
                kernel.end()
                kernel.close()

    return Forking


def forked(kernel_name: str) -> LocalKernel | None:
    """A fork that does what a kernel of that name would; None where there can be none, and the log says why."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    from workbench.batch.inline import LocalKernel
    from workbench.batch.warm import Unavailable
    from workbench.bench.opening import usual_zygote

    try:
        if not is_ours(KernelSpecManager().get_kernel_spec(kernel_name)):
            return None
    except NoSuchKernel:
        return None  # papermill says so
    try:
        kernel = LocalKernel(usual_zygote(), environ=dict(os.environ), folder=Path.cwd())
        try:
            kernel.start()
        except BaseException:
            kernel.close()
            raise
    except (Unavailable, OSError) as why:
        logging.getLogger("workbench").warning("this notebook runs cold: %s", why)
        return None
    return kernel


def is_ours(spec: Any) -> bool:
    """Whether a kernelspec starts nothing but an ipykernel of this interpreter."""
    program, *arguments = spec.argv or [""]
    ours, other = Path(sys.executable), Path(program)
    same = program in PYTHONS or (other.parent == ours.parent and other.resolve() == ours.resolve())
    return same and arguments[:2] == ["-m", "ipykernel_launcher"] and not spec.env
