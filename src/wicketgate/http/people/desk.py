"""Everything that people come to, put together: sessions, signing in, the pages of officers."""

from __future__ import annotations

from starlette.routing import Route

from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.people import PeopleInForce
from wicketgate.http.api.images import FeedImages
from wicketgate.http.people.api import PeopleApi
from wicketgate.http.people.at_provider import AtProvider
from wicketgate.http.people.by_code import ByCode
from wicketgate.http.people.opening import Opening
from wicketgate.http.people.passkeys import Passkeys
from wicketgate.http.people.programs import Programs
from wicketgate.http.people.providers import Providers
from wicketgate.http.people.site import PeopleSite
from wicketgate.http.sessions import Sessions
from wicketgate.http.site.addition import Addition
from wicketgate.http.site.duty import Duty
from wicketgate.http.site.officers import OfficerPages
from wicketgate.http.site.public import Public
from wicketgate.pages.duty import DutyPages
from wicketgate.pages.people import PeoplePages
from wicketgate.pages.public import assets_of


class OfficersDesk:
    """What one gateway has for people.

    Attributes
    ----------
    sessions : Sessions
        Those that are open.
    officers : OfficerPages
        How their pages are made.
    """

    def __init__(
        self, gateway: Gateway, images: FeedImages, public: Public, addition: Addition | None
    ) -> None:
        commits, clock = gateway.commits, gateway.clock
        charter = commits.parsed.charter(commits.committed)
        ground = None
        if addition is not None and addition.ground is not None:
            ground = assets_of(addition.package).paths[addition.ground]
        officers = self.officers = OfficerPages(
            public, DutyPages(demonstration=charter.demonstration, ground=ground)
        )
        people = PeopleInForce(commits, clock, gateway.deployment.index_secret())
        filing = PeopleFiling(commits)
        self.sessions = Sessions(clock.now_us, lambda: commits.committed.tokens, people)
        pages, address = PeoplePages(demonstration=charter.demonstration), str(gateway.settings.address)
        self._programs = Programs(clock, self.sessions, officers, pages, address)
        opening = Opening(people, filing, self.sessions, address, clock.now_us)
        providers = Providers(people, clock.now_us, gateway.settings.provider_secrets.get)
        self._at_provider = AtProvider(providers, opening, self.sessions, officers, pages)
        demonstration = charter.demonstration
        self._site = PeopleSite(
            commits,
            clock=clock,
            people=people,
            filing=filing,
            sessions=self.sessions,
            passkeys=Passkeys(people, filing, clock.now_us, charter.title),
            opening=opening,
            officers=officers,
            public=public,
            pages=pages,
            demonstration=demonstration,
        )
        self._by_code = ByCode(
            clock, people, opening, officers, self._site.not_by_code, demonstration=demonstration
        )
        self._duty = Duty(
            commits,
            clock,
            entitlement=gateway.entitlement,
            hits=gateway.hits,
            unit_hits=gateway.unit_hits,
            outcomes=gateway.outcomes,
            images=images,
            officers=officers,
            looks=gateway.looks,
        )
        self._api = PeopleApi(commits, filing, clock.now_us)

    def routes(self) -> list[Route]:
        """Return every route of theirs."""
        parts = self._site, self._at_provider, self._by_code, self._programs, self._duty, self._api
        return [route for part in parts for route in part.routes()]
