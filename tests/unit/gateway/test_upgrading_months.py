"""A directory of form 2 is upgraded in place: its figures stand by the month then, and none of them is lost."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.growth import ByHand
from tests.past_months import BEGINS_US, FOLDER, unpack
from wicketgate.base.clock import DAY_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import load_settings
from wicketgate.clients.verify import verify_folder
from wicketgate.clients.verify.register import Register
from wicketgate.commits.past_figures import read_month
from wicketgate.commits.register import build_register, dump_register
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.forms import FORM, DirectoryForm, read_form
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.upgrading import plan_upgrade, upgrade
from wicketgate.regime.figure_months import month_of

SHOWN = json.loads((FOLDER / "register.json").read_bytes())
"""The register of form 2."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return unpack(tmp_path)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Gateway]:
    """Open a gateway as a start does, at a time behind all that happened in it."""
    gateway = Gateway(load_settings(folder), ByHand(BEGINS_US + 365 * DAY_US))
    try:
        await gateway._open()
        yield gateway
    finally:
        await gateway.stop()


def shown_by(gateway: Gateway) -> dict[str, Any]:
    state = gateway.commits.committed
    register = build_register(
        gateway.commits.committed_at(state.at_us),
        state,
        checkpoint=gateway.projections.ledger.checkpoint,
        log_key=gateway.ledger_vkey,
    )
    value: dict[str, Any] = json.loads(dump_register(register))
    return value


async def check_upgraded(folder: Path) -> None:
    """Check that all that was shown before is shown, and nothing else of figures."""
    assert read_form(folder) == DirectoryForm(form=FORM)
    report = verify_folder(folder)
    assert report.ok, report.lines()
    async with opened(folder) as gateway:
        register, state = shown_by(gateway), gateway.commits.committed
        figures: list[dict[str, Any]] = [
            {**one.figures, "entry": one.entry}
            for month in state.months
            for one in read_month(gateway.projections.ledger, month)
        ]
        assert [month["month"] for month in register["months"]] == ["2026-07", "2026-08", "2026-09"]
        assert {month_of(one["until"]) for one in register["figures"]} == {"2026-10"}
        assert [*figures, *register["figures"]] == SHOWN["figures"]
        same = SHOWN.keys() - {"form", "figures", "checkpoint", "as_of"}
        assert {name: register[name] for name in same} == {name: SHOWN[name] for name in same}


def test_that_of_form_2_is_refused_in_words_and_planned(folder: Path) -> None:
    assert Register((FOLDER / "register.json").read_bytes()).by_month is False
    plan = plan_upgrade(load_settings(folder))
    assert plan is not None
    assert [step.partition(":")[0] for step in plan.steps] == ["snapshots", "commit", "form"]


async def test_its_figures_stand_by_the_month_and_none_is_lost(folder: Path) -> None:
    with pytest.raises(ConfigurationError, match=f"is of form 2 .* runs form {FORM}"):
        Deployment(folder).demand()
    said: list[str] = []
    await upgrade(load_settings(folder), said.append)
    assert [line.split()[1] for line in said] == ["snapshots", "commit", "form"]
    await check_upgraded(folder)


async def test_an_upgrade_that_is_killed_is_run_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.replace

    for at in (2, 3):  # before the first snapshot is written, and between the two
        times = itertools.count(1)

        def killed(path: Path, target: Path, at: int = at, times: Iterator[int] = times) -> Path:
            if next(times) == at:
                raise KeyboardInterrupt
            return real(path, target)

        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                await upgrade(load_settings(folder), lambda line: None)
        with pytest.raises(ConfigurationError, match="has not ended"):
            Deployment(folder).demand()
    await upgrade(load_settings(folder), lambda line: None)
    await check_upgraded(folder)


async def test_what_the_upgrade_writes_is_what_all_of_commits_comes_to(folder: Path, tmp_path: Path) -> None:
    await upgrade(load_settings(folder), lambda line: None)
    async with opened(folder) as gateway:
        written = gateway.commits.committed
    again = Path(shutil.copytree(folder, tmp_path / "again"))
    for path in (again / "snapshots").glob("*.snapshot"):
        path.unlink()
    async with opened(again) as gateway:
        folded = gateway.commits.committed
    assert (folded.months, folded.periods) == (written.months, written.periods)
