"""A gateway's turn: it folds COMMITS, waits until no other one leads, and shuts out whoever led."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.roles import RoleBook
from wicketgate.gateway.standby.book import SharedBook
from wicketgate.gateway.standby.following import Following
from wicketgate.gateway.standby.keys import SharedKeys
from wicketgate.gateway.standby.waiting import Waiting
from wicketgate.regime.parsed import Parsed

if TYPE_CHECKING:
    from wicketgate.gateway.node import Gateway


async def take_turn(gateway: Gateway, following: Following, parsed: Parsed) -> None:
    """Let a gateway lead. On return it has folded everything, and nobody else can append.

    Raises
    ------
    ConfigurationError
        If a part is not what COMMITS says, or the charter leaves no time for a takeover.
    """
    leading, state = gateway.leading, following.state
    if leading.lease is None:
        gateway.progress.begin("commits")
        await following.fold(gateway.directory.projected(), gateway.progress.reach)
        gateway.progress.begin("hotlists")
        await following.load_lists()
    else:
        gateway.shared = _shared(gateway)
        gateway.said |= await _waiting(gateway, gateway.shared, following, parsed).until_leading(gateway.lost)
    leading.demand_charter(parsed, state)
    await leading.fence(state, gateway.keys, following.catch_up)
    if gateway.shared is not None:
        await gateway.shared.lead(state.at_us)
        gateway.projections.tell = leading.tell


def _shared(gateway: Gateway) -> SharedKeys:
    deployment = gateway.deployment
    return SharedKeys(
        gateway.link,
        deployment.index_secret(),
        gateway.leading.node,
        keys=gateway.keys,
        images=KeyRing(deployment.part("content-keys") / "images", ()),
        quarantine=gateway.projections.quarantine.keys,
    )


def _waiting(gateway: Gateway, keys: SharedKeys, following: Following, parsed: Parsed) -> Waiting:
    return Waiting(
        link=gateway.link,
        leading=gateway.leading,
        following=following,
        keys=keys,
        book=SharedBook(gateway.link, gateway.deployment.index_secret(), RoleBook(gateway.deployment.roles)),
        snapshots=gateway.snapshots,
        directory=gateway.directory,
        projections=gateway.projections,
        seen=gateway.seen,
        vehicles=gateway.vehicles,
        hits=gateway.hits,
        lists=gateway.lists,
        parsed=parsed,
        verifier=gateway.deployment.log_signer().verifier,
        right=gateway.right,
        progress=gateway.progress,
        history=gateway.history,
        guarded=gateway.guarded,
    )
