"""The renderer is a process that can die, hang or fail, and what waits for it is told so."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from tests.system import pages_fixture as fixture
from wicketgate.base.errors import StreamError
from wicketgate.commits.register import dump_register
from wicketgate.http.site import rendering
from wicketgate.http.site.rendering import RegisterSent, Renderer, RenderingHere
from wicketgate.pages.orders import Order

REGISTER = RegisterSent(number=1, data=dump_register(fixture.example_register(hours=3)))
DRIFT = Order(page="drift")


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    renderer = Renderer()
    yield renderer
    await renderer.close()


def pid_of(renderer: Renderer) -> int:
    assert renderer._process is not None
    return renderer._process.pid


async def test_a_process_renders_what_would_be_rendered_here(renderer: Renderer) -> None:
    here = await RenderingHere().render(DRIFT, REGISTER)
    assert await renderer.render(DRIFT, REGISTER) == here
    assert await renderer.render(DRIFT) == here, "the register is sent once"
    unknown = Order(page="authority", arguments={"name": "none", "version": "1"})
    assert await renderer.render(unknown) is None


async def test_after_its_end_another_begins_and_has_the_register_again(renderer: Renderer) -> None:
    before = await renderer.render(DRIFT, REGISTER)
    os.kill(pid_of(renderer), signal.SIGKILL)
    try:
        after = await renderer.render(DRIFT, REGISTER)
    except StreamError:  # it was not known to be dead yet
        after = await renderer.render(DRIFT, REGISTER)
    assert after == before


async def test_a_page_that_fails_is_told_and_ends_nothing(renderer: Renderer) -> None:
    with pytest.raises(StreamError) as told:
        await renderer.render(Order(page="authority", arguments={"no": "such"}), REGISTER)
    assert told.value.code == "busy"
    assert "such" not in told.value.detail
    pid = pid_of(renderer)
    assert await renderer.render(DRIFT, REGISTER) is not None
    assert pid_of(renderer) == pid


async def test_one_that_hangs_is_ended_in_time(renderer: Renderer, monkeypatch: pytest.MonkeyPatch) -> None:
    await renderer.render(DRIFT, REGISTER)
    pid = pid_of(renderer)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(rendering, "PATIENCE_S", 0.2)
    with pytest.raises(StreamError):
        await renderer.render(DRIFT, REGISTER)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    monkeypatch.undo()
    assert await renderer.render(DRIFT, REGISTER) is not None


async def test_who_goes_away_leaves_no_answer_for_the_next(renderer: Renderer) -> None:
    await renderer.render(DRIFT, REGISTER)
    going = asyncio.create_task(renderer.render(Order(page="not-found"), REGISTER))
    await asyncio.sleep(0)
    going.cancel()
    body = await renderer.render(DRIFT, REGISTER)
    assert body == await RenderingHere().render(DRIFT, REGISTER)


async def test_it_ends_with_its_input_and_is_nicer_than_the_gateway(renderer: Renderer) -> None:
    await renderer.render(DRIFT, REGISTER)
    assert os.getpriority(os.PRIO_PROCESS, pid_of(renderer)) > os.getpriority(os.PRIO_PROCESS, 0)
    assert renderer._process is not None
    assert renderer._process.stdin is not None
    renderer._process.stdin.close()
    async with asyncio.timeout(20):
        assert await renderer._process.wait() == 0
