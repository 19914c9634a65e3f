"""The desks of a gateway: what files its facts, and what decides who may see or change which thing."""

from __future__ import annotations

from wicketgate.base.clock import Clock
from wicketgate.base.space import DiskSpace
from wicketgate.commits.writer import Commits
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.gateway.filing.cameras import CameraFiling
from wicketgate.gateway.filing.custody import CustodyFiling
from wicketgate.gateway.filing.disclosures import DisclosureFiling
from wicketgate.gateway.filing.documents import Filing
from wicketgate.gateway.filing.facts import FactFiling
from wicketgate.gateway.filing.hotlists import HotlistFiling
from wicketgate.gateway.filing.looks import LookFiling
from wicketgate.gateway.filing.outcomes import OutcomeFiling
from wicketgate.gateway.filing.responses import Responses
from wicketgate.gateway.filing.tokens import TokenFiling
from wicketgate.gateway.hits import UnitHits
from wicketgate.gateway.projections import Projections
from wicketgate.hotlists.hit_store import HitQueue
from wicketgate.hotlists.in_force import Hotlists


class Desks:
    """The desks of one gateway, over its commits and the parts that follow them."""

    clock: Clock
    space: DiskSpace
    commits: Commits
    projections: Projections
    hits: HitQueue
    lists: Hotlists

    def open_desks(self) -> None:
        """Make each desk, once the parts are open."""
        self.desk = HotlistFiling(self.commits, self.lists, self.clock)
        self.outcomes = OutcomeFiling(self.commits, self.hits, self.clock)
        self.filing = Filing(self.commits, self.projections, self.clock)
        self.camera_lists = CameraFiling(self.commits)
        self.tokens = TokenFiling(self.commits, self.projections)
        self.facts, self.looks = FactFiling(self.commits), LookFiling(self.commits, self.clock)
        self.entitlement = Entitlement(self.commits, self.clock)
        self.unit_hits = UnitHits(self.commits, self.hits, self.entitlement)
        self.responses = Responses(self.commits, self.projections, self.clock, admit=self.space.demand)
        self.disclosures, self.custody = DisclosureFiling(self.commits), CustodyFiling(self.commits)
