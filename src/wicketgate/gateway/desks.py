"""The desks of a gateway: what files its facts, and what decides who may see or change which thing."""

from __future__ import annotations

from wicketgate.base.clock import Clock
from wicketgate.base.settings import Settings
from wicketgate.base.signing import PrivateKey
from wicketgate.base.space import DiskSpace
from wicketgate.commits.rewritten import StoredTransactions
from wicketgate.commits.writer import Commits
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.errata.digests import ErrataDigests
from wicketgate.gateway.errata.finding import ReadFinder
from wicketgate.gateway.errata.sending import ErrataSending
from wicketgate.gateway.evidence import EvidenceDesk
from wicketgate.gateway.filing.cameras import CameraFiling
from wicketgate.gateway.filing.custody import CustodyFiling
from wicketgate.gateway.filing.disclosures import DisclosureFiling
from wicketgate.gateway.filing.documents import Filing
from wicketgate.gateway.filing.errata import ErrataFiling
from wicketgate.gateway.filing.facts import FactFiling
from wicketgate.gateway.filing.hotlists import HotlistFiling
from wicketgate.gateway.filing.links import LinkFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.filing.responses import Responses
from wicketgate.gateway.filing.tokens import TokenFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.gateway.keepers.desk import KeeperDesk
from wicketgate.gateway.keepers.registers import Registers
from wicketgate.gateway.keepers.showing import ShownRows
from wicketgate.gateway.projections import Projections
from wicketgate.gateway.witnessing.witnessing import Witnessing
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.ledger.witnessed import WitnessedNotes
from wicketgate.reads.repeats import Seen


class Desks:
    """The desks of one gateway, over its commits and the parts that follow them."""

    clock: Clock
    settings: Settings
    space: DiskSpace
    commits: Commits
    projections: Projections
    hits: HitQueue
    lists: Hotlists
    deployment: Deployment
    stored: StoredTransactions
    seen: Seen
    log_key: PrivateKey
    witnessing: Witnessing

    async def witnessed(self) -> WitnessedNotes:
        """Return the log's cosigned checkpoints, and what is shown of its witnesses."""
        return await self.witnessing.shown()

    def open_desks(self) -> None:
        """Make each desk, once the parts are open."""
        self.desk = HotlistFiling(self.commits, self.lists, self.clock)
        digests = ErrataDigests(self.deployment.index_secret())
        self.outcomes = OutcomeFiling(self.commits, self.hits, self.clock, digests)
        finder = ReadFinder(self.stored, self.projections.index, lambda: self.commits.committed.erased)
        self.errata = ErrataFiling(self.commits, self.seen, digests, finder)
        self.errata_sending = ErrataSending(
            self.commits, self.projections, finder, self.lists, digests, self.log_key
        )
        self.filing = Filing(self.commits, self.projections, self.clock)
        self.camera_lists = CameraFiling(self.commits)
        self.tokens = TokenFiling(self.commits, self.projections)
        self.facts, self.looks = FactFiling(self.commits), LookFiling(self.commits, self.clock)
        self.entitlement = Entitlement(self.commits, self.clock)
        self.unit_hits = UnitHits(self.commits, self.hits, self.entitlement)
        self.evidence = EvidenceDesk(self.commits, self.projections, self.looks)
        self.responses = Responses(self.commits, self.projections, self.clock, admit=self.space.demand)
        self.keepers = KeeperDesk(
            self.commits,
            self.clock,
            LinkFiling(self.commits),
            ShownRows(self.commits, self.projections, self.hits),
            Registers(self.settings.registers, self.clock),
        )
        self.disclosures, self.custody = DisclosureFiling(self.commits), CustodyFiling(self.commits)
