"""The parts of one running gateway, bound to it and to its streams."""

from __future__ import annotations

import lmdb
import msgspec

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.parts import LmdbPart, Stamp, StampedPart, bind, demand_own
from wicketgate.base.streams.link import Link
from wicketgate.commits.rewritten import COMMITS
from wicketgate.commits.state import State
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.forms import FORM
from wicketgate.gateway.projections import Projections


class Directory:
    """The binding of a deployment's parts: whose each is, and how far it has come.

    Parameters
    ----------
    deployment : Deployment
        Where the log's key and the index's secret lie.
    link : Link
        To the streams; they say whose they are from now on.
    adopting : bool
        Whether parts and streams that do not say whose they are are taken as they are: at an upgrade from 0.3.
    """

    def __init__(self, deployment: Deployment, link: Link, *, adopting: bool = False) -> None:
        self._plain = deployment.stamp()
        self._keyed = deployment.stamp(deployment.index_secret())
        self._parts: list[tuple[StampedPart, Stamp]] = []
        self._adopting = adopting
        self._link = link
        link.belong_to(f"{self._plain.origin} {self._plain.key}", adopting=adopting)

    async def take(
        self,
        part: StampedPart,
        *,
        position: int = 0,
        keyed: bool = False,
        of_reads: bool = False,
        lasting: bool = False,
        passing: bool = False,
    ) -> None:
        """Bind a part, or refuse it.

        Parameters
        ----------
        position : int
            How far the part itself knows that it has come.
        keyed : bool
            Whether it hangs on the index's secret too.
        of_reads : bool
            Whether it followed READS in earlier versions: at an upgrade it follows COMMITS from then on, all of it.
        lasting : bool
            Whether nothing can make it anew.
        passing : bool
            Whether one that is missing begins with what COMMITS still holds: it need not know what came before.

        Raises
        ------
        ConfigurationError
            If it is foreign, older than the streams, or emptied.
        """
        stamp = self._keyed if keyed else self._plain
        held = (await self._link.info(COMMITS)).state
        if lasting and part.is_fresh and held.last_seq and not self._adopting:
            raise ConfigurationError(
                f"`{part.name}/` is missing, or was emptied, and nothing can make it anew: restore it as it was "
                "together with the rest of the directory"
            )
        if passing and part.is_fresh:
            position = max(position, held.first_seq - 1)
        if self._adopting and of_reads:
            demand_own(part, stamp)
            part.put_stamp(msgspec.structs.replace(stamp, position=max(held.first_seq - 1, 0)))
            self._parts.append((part, stamp))
            return
        bind(
            part,
            msgspec.structs.replace(stamp, position=position),
            stream=COMMITS,
            first=held.first_seq,
            last=held.last_seq,
            adopting=self._adopting,
        )
        self._parts.append((part, stamp))

    def projected(self) -> int:
        """Return up to which message of COMMITS every part holds everything."""
        stamps = [part.stamp() for part, _ in self._parts]
        return min((stamp.position for stamp in stamps if stamp is not None), default=0)

    def environments(self) -> list[lmdb.Environment]:
        """Return the environments of LMDB among the parts."""
        return [part.environment for part, _ in self._parts if isinstance(part, LmdbPart)]

    def reached(self, position: int) -> None:
        """Stamp every part with what it has, before COMMITS lets go of it.

        Runs in any one thread. About 1 ms a part.
        """
        for part, stamp in self._parts:
            found = part.stamp()
            if found is None or found.position < position:
                part.put_stamp(msgspec.structs.replace(stamp, position=position))


def demand_founded(state: State, *, upgrading: bool = False) -> None:
    """Demand that COMMITS was begun by `init`, and has come to this version's form of the directory.

    Parameters
    ----------
    upgrading : bool
        Whether an earlier form will do.

    Raises
    ------
    ConfigurationError
        Saying what is wrong.
    """
    if not state.charter_envelope:
        raise ConfigurationError("COMMITS holds no charter: this deployment was not finished by `init`")
    if state.directory_form != FORM and not upgrading:
        raise ConfigurationError(
            f"`form` says {FORM} and COMMITS {state.directory_form}: restore all of the directory as it was at one time"
        )


async def demand_projected(projections: Projections, state: State) -> None:
    """Demand that no projection lacks what COMMITS holds no longer, and that each open hit can be read.

    Call it once COMMITS was replayed.

    Raises
    ------
    ConfigurationError
        Naming the projection.
    """
    ends = {
        "the log (`log/`)": (projections.reached("log"), state.entries),
        "OPENINGS (`nats/`)": (projections.reached("openings"), state.seconds),
        "QUARANTINED (`nats/`)": (projections.reached("quarantine"), state.quarantine_batches),
    }
    for name, feed in state.feeds.items():
        ends[f"the feed `{name}` (`feeds/`)"] = (projections.reached(f"feed {name}"), feed.batches)
    for consultation, number in state.responses.items():
        await projections.responses(consultation)
        ends[f"the responses to `{consultation}` (`nats/`)"] = (
            projections.reached(f"responses {consultation}"),
            number,
        )
    for name, (reached, wanted) in ends.items():
        if reached < wanted:
            raise ConfigurationError(
                f"{name} ends at {reached}, and {wanted} were committed: it is older than the rest, or was emptied; "
                "restore all of the directory as it was at one time"
            )
    # A key ends only once its hour has no open hit: of such a hit it was lost, and nobody would see the hit again.
    lost = projections.hits.unreadable & state.open_hits.keys()
    if lost:
        raise ConfigurationError(
            f"`content-keys/hits/` lacks the keys of {len(lost)} open hits: restore it as it was together with the "
            "rest of the directory"
        )
