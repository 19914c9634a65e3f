"""Everything that people come to, put together: sessions, signing in, the pages of officers."""

from __future__ import annotations

from starlette.routing import Route

from wicketgate.gateway.camera_health import CameraDesk
from wicketgate.gateway.filing.handovers import HandoverFiling
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.people import PeopleInForce
from wicketgate.gateway.zones import PlaceZones
from wicketgate.http.api.images import FeedImages
from wicketgate.http.people.api import PeopleApi
from wicketgate.http.people.at_provider import AtProvider
from wicketgate.http.people.by_code import ByCode
from wicketgate.http.people.opening import DoorOpening
from wicketgate.http.people.passkeys import Passkeys
from wicketgate.http.people.programs import Programs
from wicketgate.http.people.providers import Providers
from wicketgate.http.people.site import PeopleSite
from wicketgate.http.sessions import Sessions
from wicketgate.http.site.addition import Addition
from wicketgate.http.site.alerts import AlertsSite
from wicketgate.http.site.answers import Answers
from wicketgate.http.site.approving import Approving
from wicketgate.http.site.asking import AskingPages
from wicketgate.http.site.duty import Duty
from wicketgate.http.site.emergencies import Emergencies
from wicketgate.http.site.handover import Handover
from wicketgate.http.site.lists import Lists
from wicketgate.http.site.officers import OfficerPages
from wicketgate.http.site.protection import Protection
from wicketgate.http.site.public import Public
from wicketgate.http.site.source_desk import SourceDesk
from wicketgate.http.site.source_questions import SourceQuestions
from wicketgate.pages.alerts import AlertPages
from wicketgate.pages.answers import AnswerPages
from wicketgate.pages.approving import ApprovalPages
from wicketgate.pages.asking import AskPages
from wicketgate.pages.duty import DutyPages
from wicketgate.pages.emergencies import EmergencyPages
from wicketgate.pages.people import PeoplePages
from wicketgate.pages.protection import ProtectionPages
from wicketgate.pages.public import assets_of
from wicketgate.pages.shift import ShiftPages
from wicketgate.pages.source_desk import SourcePages
from wicketgate.pages.source_questions import SourceQuestionPages


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
        self.sessions = Sessions(
            clock.now_us, lambda: commits.committed.tokens, people, PlaceZones(commits, clock).of
        )
        pages, address = PeoplePages(demonstration=charter.demonstration), str(gateway.settings.address)
        self._programs = Programs(clock, self.sessions, officers, pages, address)
        opening = DoorOpening(people, filing, self.sessions, address, clock.now_us)
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
            people=people,
        )
        self._alerts = AlertsSite(
            gateway.alerting, gateway.entitlement, officers, AlertPages(demonstration=charter.demonstration)
        )
        self._desks = [
            *_desks(gateway, officers, people, demonstration=demonstration),
            *_of_the_past(gateway, images, officers, people, ground, demonstration=demonstration),
        ]
        self._api = PeopleApi(commits, filing, clock.now_us)

    def routes(self) -> list[Route]:
        """Return every route of theirs."""
        parts = (
            self._site,
            self._at_provider,
            self._by_code,
            self._programs,
            self._duty,
            self._alerts,
            self._api,
        )
        return [*(route for part in parts for route in part.routes()), *self._desks]


def _desks(
    gateway: Gateway, officers: OfficerPages, people: PeopleInForce, *, demonstration: bool
) -> list[Route]:
    """Return the routes of the desks beside the queue."""
    commits, clock, looks = gateway.commits, gateway.clock, gateway.looks
    shift = ShiftPages(demonstration=demonstration)
    handover = Handover(
        commits,
        clock,
        entitlement=gateway.entitlement,
        unit_hits=gateway.unit_hits,
        filing=HandoverFiling(commits, clock),
        looks=looks,
        people=people,
        officers=officers,
        pages=shift,
    )
    lists = Lists(
        commits,
        clock,
        desk=gateway.desk,
        lists=gateway.lists,
        entitlement=gateway.entitlement,
        looks=looks,
        officers=officers,
        pages=shift,
    )
    source = SourceDesk(
        commits,
        clock,
        cameras=CameraDesk(commits, clock, gateway.intake.lags),
        looks=looks,
        officers=officers,
        pages=SourcePages(demonstration=demonstration),
    )
    protection = Protection(
        commits,
        clock,
        lists=gateway.lists,
        looks=looks,
        officers=officers,
        pages=ProtectionPages(demonstration=demonstration),
        address=str(gateway.settings.address),
    )
    return [*handover.routes(), *lists.routes(), *source.routes(), *protection.routes()]


def _of_the_past(
    gateway: Gateway,
    images: FeedImages,
    officers: OfficerPages,
    people: PeopleInForce,
    ground: str | None,
    *,
    demonstration: bool,
) -> list[Route]:
    """Return the routes of questions to the past."""
    commits, clock, searches = gateway.commits, gateway.clock, gateway.searches
    asking = AskingPages(
        commits,
        clock,
        searches=searches,
        officers=officers,
        pages=AskPages(demonstration=demonstration),
    )
    answers = Answers(
        commits,
        clock,
        searches=searches,
        officers=officers,
        pages=AnswerPages(demonstration=demonstration, ground=ground),
        images=images,
    )
    approving = Approving(
        commits,
        clock,
        searches=searches,
        people=people,
        looks=gateway.looks,
        officers=officers,
        pages=ApprovalPages(demonstration=demonstration),
    )
    source = SourceQuestions(
        commits,
        clock,
        searches=searches,
        looks=gateway.looks,
        officers=officers,
        pages=SourceQuestionPages(demonstration=demonstration),
    )
    emergencies = Emergencies(
        commits,
        clock,
        searches=searches,
        looks=gateway.looks,
        officers=officers,
        pages=EmergencyPages(demonstration=demonstration),
    )
    return [
        *asking.routes(),
        *answers.routes(),
        *approving.routes(),
        *source.routes(),
        *emergencies.routes(),
    ]
