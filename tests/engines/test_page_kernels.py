"""Places of pages are given one at a time, and nobody waits for another's waiting."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web

from workbench.engines import page_kernels
from workbench.engines.page_kernels import LEFT, PageKernels

PATIENCE = 0.3


@pytest.fixture
def kernels(monkeypatch):
    """Places for kernels that are no processes."""

    async def start(self, *, kernel_id, **_):
        await asyncio.sleep(0.01)
        now = datetime.now(UTC)
        self._kernels[kernel_id] = SimpleNamespace(last_activity=now, execution_state="idle", provisioner=None)
        return kernel_id

    async def shut(self, kernel_id, **_):
        del self._kernels[kernel_id]

    monkeypatch.setattr(AsyncMappingKernelManager, "start_kernel", start)
    monkeypatch.setattr(AsyncMappingKernelManager, "shutdown_kernel", shut)
    monkeypatch.setattr(page_kernels, "PATIENCE", PATIENCE)
    monkeypatch.setattr(page_kernels, "TRY", 0.02)
    made = PageKernels(most=2)
    with asyncio.Runner() as runner:  # one event loop, as a server has it
        made.runner = runner
        yield made
        made._kernels.clear()
        made._watch.stop()


def asked(kernels, *names, then=None):
    """What each of several viewers gets who come at once, a kernel or an answer's code; what they took."""

    async def ask(name):
        try:
            return await kernels.start_kernel(kernel_id=name)
        except web.HTTPError as error:
            return error.status_code

    async def all_of_them():
        began = time.monotonic()
        if then is not None:
            asyncio.get_running_loop().call_later(PATIENCE / 2, then)
        return await asyncio.gather(*map(ask, names)), time.monotonic() - began

    return kernels.runner.run(all_of_them())


def test_no_more_places_are_given_than_there_are_however_many_come_at_once(kernels):
    got, _ = asked(kernels, *"abcdef")
    assert got == ["a", "b", 503, 503, 503, 503]
    assert len(kernels) == 2


def test_those_who_find_no_place_wait_at_the_same_time(kernels):
    asked(kernels, "a", "b")
    got, seconds = asked(kernels, *"cdefgh")
    assert got == [503] * 6
    assert seconds < 2 * PATIENCE


def test_one_of_those_who_wait_gets_the_place_that_becomes_free(kernels):
    asked(kernels, "a", "b")
    got, _ = asked(kernels, "c", "d", then=lambda: kernels._kernels.pop("a"))
    assert 503 in got and {"c", "d"} & {*got}
    assert len(kernels) == 2


def test_a_page_that_was_left_makes_room_at_once(kernels):
    asked(kernels, "a", "b")
    kernels._kernels["b"].last_activity -= LEFT + timedelta(seconds=1)
    got, seconds = asked(kernels, "c")
    assert (got, seconds < PATIENCE / 2) == (["c"], True)
    assert sorted(kernels._kernels) == ["a", "c"]
    with pytest.raises(web.HTTPError, match="left for a while"):
        kernels._check_kernel_id("b")
