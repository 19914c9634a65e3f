"""The state at a past moment: documents and cameras, folded again.

They are folded as far as they went then. Pure. A regime keeps every document with its entry and time, and the state
every change of a camera; so both can be made again for any entry. What has no history in the state (tokens,
hotlists, feeds, figures) is not in the answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from wicketgate.base.errors import InputError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.state import State
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.fold import ConsultationTaken, Regime, Version
from wicketgate.regime.parsed import Parsed


class _Step(NamedTuple):
    """A document's taking effect.

    In the order of the ledger these steps make the regime.
    """

    entry: int
    at_us: int
    envelope: bytes
    admitted: Admitted


def rewind(state: State, parsed: Parsed, *, entries: int | None = None, until_us: int | None = None) -> State:
    """Return the documents and cameras of a moment.

    Parameters
    ----------
    state : State
        As it stands now.
    parsed : Parsed
        Where its documents are kept opened.
    entries : int, optional
        Of the ledger's entries those below this number count; None: all.
    until_us : int, optional
        Of those what was committed until this time, microseconds, inclusive; None: all.

    Returns
    -------
    State
        Its regime, its cameras, and in `at_us` the time of the last change that counts; nothing else.

    Raises
    ------
    InputError
        `unknown-moment` if no charter was in force then, or the cameras of then are not kept.

    Notes
    -----
    O(documents + changes of cameras); some 0.5 ms besides for each document that nobody has opened yet.
    """

    def counts(entry: int, at_us: int) -> bool:
        return (entries is None or entry < entries) and (until_us is None or at_us <= until_us)

    regime, last_us = Regime(), 0
    for step in sorted(_steps(state.regime)):
        if counts(step.entry, step.at_us):
            regime.apply(
                parsed.open(step.envelope),
                step.envelope,
                entry=step.entry,
                at_us=step.at_us,
                admitted=step.admitted,
            )
            last_us = max(last_us, step.at_us)
    if not regime.charters:
        raise InputError("no charter was in force then: nothing could leave", code="unknown-moment")
    cameras: list[Camera] = []
    for change in state.camera_log:
        # A registration's own entry is the last of those that there were after it.
        if not counts(change.entries - 1, change.at_us):
            continue
        if change.number > len(cameras):
            raise InputError(
                "the cameras as of then are not kept: they were registered before their changes were",
                code="unknown-moment",
            )
        if change.number == len(cameras):
            cameras.append(change.camera)
        else:
            cameras[change.number] = change.camera
        last_us = max(last_us, change.at_us)
    return State(regime=regime, cameras=cameras, at_us=last_us)


def _steps(regime: Regime) -> Iterator[_Step]:
    for taken in regime.charters:
        yield _Step(taken.entry, taken.at_us, taken.envelope, taken.admitted)
    for named in regime.authorities.values():
        for version in named.versions:
            yield _Step(version.entry, version.committed_us, version.envelope, _of_version(version))
        for act in named.acts:
            yield _Step(act.entry, act.at_us, act.envelope, act.admitted)
    for consultation in regime.consultations.values():
        yield from _of_consultation(consultation)


def _of_version(version: Version) -> Admitted:
    return Admitted(
        cameras=version.cameras,
        cap=version.cap,
        need=version.need,
        wider=tuple(version.wider),
        by=tuple(version.by),
        due_us=version.consult_due_us,
    )


def _of_consultation(taken: ConsultationTaken) -> Iterator[_Step]:
    found = Admitted(cameras=taken.cameras, cap=taken.cap, wider=tuple(taken.wider))
    yield _Step(taken.entry, taken.at_us, taken.envelope, found)
    for objection in taken.objections:
        yield _Step(objection.entry, objection.at_us, objection.envelope, Admitted())
    decision = taken.decision
    if decision is not None:
        yield _Step(decision.entry, decision.at_us, decision.envelope, decision.admitted)
