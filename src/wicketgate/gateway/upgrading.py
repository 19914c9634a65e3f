"""The upgrade of a deployment in place, from an earlier form of its directory to this version's.

A later form adds its steps to `AT_REST` and `OPENED`. Each step finds by itself what it has done already, so that an
upgrade that was killed anywhere is run again from its beginning. docs/spec/directory.md, section 5.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.forms import FIRST
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.settings import Settings
from wicketgate.commits.snapshots import Snapshots
from wicketgate.commits.stored import KINDS
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.forms import FORM, MEANS, DirectoryForm, write_form
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import upgraded
from wicketgate.gateway.progress import Progress

Say = Callable[[str], object]
"""Takes a line for the operator."""

_MIB = 1024 * 1024
_SPARE_BYTES = 64 * _MIB
_START_S = 5
_BYTES_A_SECOND = 10 * _MIB
_TELL_S = 5.0
_Step = TypeVar("_Step", bound="Step")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of an upgrade.

    Attributes
    ----------
    to : int
        The form that it belongs to: it is done to directories of an earlier one.
    says : str
        What it changes, beginning with a verb.
    """

    name: str
    to: int
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepAtRest(Step):
    """A step on the files of a deployment, before its streams are started."""

    run: Callable[[Deployment], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOpened(Step):
    """A step on a deployment whose parts and streams are open, and in which nothing else goes on."""

    run: Callable[[Gateway], Awaitable[None]]


def _rewrite_snapshots(deployment: Deployment) -> None:
    keys = KeyRing(deployment.part("content-keys"), KINDS)
    Snapshots(deployment.part("snapshots"), keys.of("snapshots")).rewrite()


async def _stamp_parts(gateway: Gateway) -> None:
    await gateway.projections.settle()
    position = gateway.projections.position
    await asyncio.to_thread(gateway.directory.reached, position)


AT_REST: tuple[StepAtRest, ...] = (
    StepAtRest(
        name="snapshots",
        to=3,
        says="write the snapshots in the form of this version; from then on earlier versions refuse to start here",
        run=_rewrite_snapshots,
    ),
)
"""The first must make the earlier version refuse: it may be started between two attempts."""
OPENED: tuple[StepOpened, ...] = (
    StepOpened(
        name="parts",
        to=2,
        says="bring each part up to COMMITS, make `feeds/`, and let parts and streams say whose they are",
        run=_stamp_parts,
    ),
)
_COMMIT = "commit the upgrade: the log says from which form to which, and by which software"
_MARK = "write the new form into the file `form`"


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradePlan:
    """What an upgrade will do.

    Attributes
    ----------
    found : DirectoryForm
        What the directory says of its form.
    steps : sequence of str
        What is done, in order.
    seconds : int
        About how long it takes.
    needed_bytes, free_bytes : int
        Of the disk.
    """

    folder: Path
    found: DirectoryForm
    steps: Sequence[str]
    seconds: int
    needed_bytes: int
    free_bytes: int

    def lines(self) -> list[str]:
        """Return the plan for the operator."""
        again = ", begun before and not ended" if self.found.becoming else ""
        return [
            f"The upgrade of `{self.folder}` from form {self.found.form} to form {FORM}{again}:",
            f"  form {self.found.form}: {MEANS[self.found.form]}",
            f"  form {FORM}: {MEANS[FORM]}",
            *(f"  {number}. {said}" for number, said in enumerate(self.steps, 1)),
            f"It takes about {self.seconds} s and {-(-self.needed_bytes // _MIB)} MiB of disk; "
            f"{self.free_bytes // _MIB} MiB are free. There is no way back but a copy of the directory.",
            "If it is interrupted, run it again.",
        ]


def plan_upgrade(settings: Settings) -> UpgradePlan | None:
    """Return what an upgrade would do, or None where the directory is of this version's form.

    Nothing is touched.

    Raises
    ------
    ConfigurationError
        If it is not a whole deployment, is of a later form, or the disk has no room.
    """
    deployment = Deployment(settings.folder)
    found = deployment.demand(upgrading=True)
    if found == DirectoryForm(form=FORM):
        return None
    largest = max(_sizes(deployment.part("snapshots")), default=0)
    behind = sum(sum(_sizes(deployment.part(name))) for name in ("nats", "index", "vault"))
    plan = UpgradePlan(
        folder=settings.folder,
        found=found,
        steps=[f"{name}: {says}" for name, says in _list(found)],
        seconds=_START_S + behind // _BYTES_A_SECOND,
        needed_bytes=2 * largest + _SPARE_BYTES,
        free_bytes=shutil.disk_usage(settings.folder).free,
    )
    if plan.free_bytes < plan.needed_bytes:
        raise ConfigurationError(
            f"the upgrade needs {plan.needed_bytes // _MIB} MiB of free disk, and there are "
            f"{plan.free_bytes // _MIB}: make room"
        )
    return plan


async def upgrade(settings: Settings, say: Say) -> None:
    """Bring a directory of an earlier form to this version's.

    Parameters
    ----------
    say : callable
        Told of each step before it is done.

    Raises
    ------
    ConfigurationError
        If a gateway runs in the directory, or it is not a whole deployment of an earlier form.
    """
    deployment = Deployment(settings.folder)
    lock = deployment.lock()
    try:
        found = deployment.demand(upgrading=True)
        if found == DirectoryForm(form=FORM):
            return  # by another, while this one waited for the lock
        listed = _list(found)
        lines = iter(f"{n}/{len(listed)} {name}" for n, (name, _) in enumerate(listed, 1))
        # A crash from here on leaves a directory that `serve` refuses until this has run to its end.
        write_form(settings.folder, DirectoryForm(form=found.form, becoming=FORM))
        for at_rest in _due(AT_REST, found):
            say(next(lines))
            at_rest.run(deployment)
        await _upgrade_opened(settings, found, lock, lambda: say(next(lines)), say)
        say(next(lines))
        write_form(settings.folder, DirectoryForm(form=FORM))
    finally:
        os.close(lock)


async def _upgrade_opened(
    settings: Settings, found: DirectoryForm, lock: int, begin: Callable[[], object], say: Say
) -> None:
    progress = Progress()
    async with (
        _telling(progress, say),
        # The gateway gives its lock up when it stops, and the form is still to be written.
        Gateway.open_to_upgrade(
            settings, adopting=found.form == FIRST, progress=progress, lock=os.dup(lock)
        ) as gateway,
    ):
        for opened in _due(OPENED, found):
            begin()
            await opened.run(gateway)
        begin()
        # A crash behind the commit leaves it: the next attempt finds it in the fold, and commits nothing.
        if gateway.commits.committed.directory_form < FORM:
            operation = upgraded(settings.folder, found.form, SystemClock().now_us())
            await gateway.commits.record_upgrade(operation, FORM)


def _list(found: DirectoryForm) -> list[tuple[str, str]]:
    """Return the name and the words of everything that is done."""
    steps = [(step.name, step.says) for step in (*_due(AT_REST, found), *_due(OPENED, found))]
    return [*steps, ("commit", _COMMIT), ("form", _MARK)]


def _due(steps: Iterable[_Step], found: DirectoryForm) -> list[_Step]:
    return [step for step in steps if step.to > found.form]


def _sizes(folder: Path) -> list[int]:
    return [path.stat().st_size for path in folder.rglob("*") if path.is_file()] if folder.is_dir() else []


@asynccontextmanager
async def _telling(progress: Progress, say: Say) -> AsyncIterator[None]:
    """Say now and then what is under way, and how much of it is done."""

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TELL_S)
            (behind,) = progress.behind()
            share = "" if behind.share is None else f", {behind.share:.0%}"
            say(f"    still at {behind.part}{share}")

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()
