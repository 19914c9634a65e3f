"""The ASGI application: routes behind the gatekeeper, errors as problems."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from wicketgate.gateway.node import Gateway
from wicketgate.gateway.searching.custody import WaitingInCustody
from wicketgate.http.alert_metrics import AlertMetrics
from wicketgate.http.api.admin import AdminApi
from wicketgate.http.api.alerts import AlertsApi
from wicketgate.http.api.custody import CustodyApi
from wicketgate.http.api.disclosures import DisclosuresApi
from wicketgate.http.api.documents import DocumentsApi
from wicketgate.http.api.errata import ErrataApi
from wicketgate.http.api.evidence import EvidenceApi
from wicketgate.http.api.feeds import FeedsApi
from wicketgate.http.api.hits import HitsApi
from wicketgate.http.api.hotlists import HotlistsApi
from wicketgate.http.api.images import FeedImages
from wicketgate.http.api.keepers import KeepersApi
from wicketgate.http.api.push import Push
from wicketgate.http.api.reads import Reads
from wicketgate.http.api.searches import SearchesApi
from wicketgate.http.api.sources import SourcesApi
from wicketgate.http.api.why import WhyApi
from wicketgate.http.connections import HttpBounds
from wicketgate.http.faults import FAULTS
from wicketgate.http.gatekeeper import Gatekeeper, require
from wicketgate.http.handlers import Outermost
from wicketgate.http.health import HealthApi
from wicketgate.http.hot import HotRoute
from wicketgate.http.metrics import (
    BoundMetrics,
    GatewayMetrics,
    HealthMetrics,
    HistoryMetrics,
    LoopMetrics,
    MqttMetrics,
)
from wicketgate.http.peers import Proxies
from wicketgate.http.people.desk import OfficersDesk
from wicketgate.http.site.addition import Addition, find_addition, sight_of
from wicketgate.http.site.consultations import Consultations
from wicketgate.http.site.description import description_of
from wicketgate.http.site.public import Public
from wicketgate.http.site.rendering import PageRendering
from wicketgate.http.underway import UnderWay
from wicketgate.reads.mqtt.ingress import Ingress


def build_app(
    gateway: Gateway,
    ingress: Ingress | None = None,
    rendering: PageRendering | None = None,
    connections: HttpBounds | None = None,
) -> ASGIApp:
    """Return the application over a running gateway.

    Parameters
    ----------
    rendering : PageRendering, optional
        Renders the public pages; without it they are rendered on the loop, which is no way to run a gateway.
    connections : HttpBounds, optional
        Those of the server before it: they are shown, and get the hot route.
    """
    addition = find_addition(sight_of(gateway))
    public = Public(gateway, addition, rendering, description=description_of(addition))
    desk = OfficersDesk(gateway, _images(gateway), public, addition)
    under_way = UnderWay(gateway.settings.limits)
    bounds = BoundMetrics(under_way, connections, ingress)
    app = Starlette(
        routes=routes(gateway, public, desk, ingress, addition, bounds),
        exception_handlers=FAULTS,
    )
    reads, push = _reads(gateway), Push(gateway.pushes, gateway.intake.turns, gateway.adapters)

    def tokens() -> Mapping[str, str]:
        return gateway.commits.committed.tokens

    if connections is not None:
        connections.hot = HotRoute(reads, push, tokens, under_way)
    gatekeeper = Gatekeeper(
        Outermost(app, reads, push),
        tokens,
        sessions=desk.sessions,
        under_way=under_way,
    )
    if connections is not None:
        connections.knows = gatekeeper.knows
    return Proxies(gateway.settings.proxies).wrap(gatekeeper)


def routes(
    gateway: Gateway,
    public: Public | None = None,
    desk: OfficersDesk | None = None,
    ingress: Ingress | None = None,
    addition: Addition | None = None,
    bounds: BoundMetrics | None = None,
) -> list[Route]:
    """Return every route reached by routing.

    `READS_PATH` and the paths below `PUSH_PREFIX` are reached without it.
    """
    metrics = CollectorRegistry()
    metrics.register(LoopMetrics(gateway.loop))
    metrics.register(
        GatewayMetrics(gateway.commits, gateway.projections, gateway.clock, gateway.server, gateway.space)
    )
    metrics.register(HealthMetrics(gateway.health, gateway.watch))
    metrics.register(AlertMetrics(gateway.alerting, gateway.clock))
    if gateway.history is not None:
        metrics.register(HistoryMetrics(gateway.history, gateway.commits))
    if ingress is not None:
        metrics.register(MqttMetrics(ingress, bounds))
    if bounds is not None:
        metrics.register(bounds)

    async def get_metrics(request: Request) -> Response:
        require(request, "admin")
        return Response(generate_latest(metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    public = public or Public(gateway, addition, description=description_of(addition))
    commits, clock, entitlement = gateway.commits, gateway.clock, gateway.entitlement
    return [
        *public.routes(),
        *HealthApi(gateway.health).routes(),
        *Consultations(gateway.responses, public, clock, gateway.looks).routes(),
        *_reads(gateway).routes(),
        *_images(gateway).routes(),
        *SourcesApi(
            commits,
            gateway.camera_lists,
            gateway.projections.quarantine,
            clock,
            gateway.looks,
            gateway.pushes.signs,
        ).routes(),
        *DocumentsApi(gateway.filing, clock).routes(),
        *FeedsApi(commits, gateway.projections, entitlement, clock, gateway.looks).routes(),
        *AdminApi(commits, gateway.tokens, gateway.openings, gateway.looks).routes(),
        *HitsApi(gateway.unit_hits, gateway.outcomes, entitlement, clock, gateway.looks).routes(),
        *EvidenceApi(gateway.unit_hits, gateway.searches, entitlement, gateway.evidence).routes(),
        *SearchesApi(gateway.searches, gateway.projections, _images(gateway), clock).routes(),
        *KeepersApi(gateway.keepers, entitlement, clock, gateway.looks).routes(),
        *AlertsApi(gateway.alerting, entitlement).routes(),
        *DisclosuresApi(commits, gateway.disclosures, entitlement, clock, gateway.looks).routes(),
        *ErrataApi(commits, gateway.errata, entitlement, gateway.looks).routes(),
        *CustodyApi(
            commits, gateway.custody, entitlement, gateway.searches, WaitingInCustody(commits, clock)
        ).routes(),
        *WhyApi(commits, gateway.projections, gateway.lists, gateway.facts, clock).routes(),
        *HotlistsApi(commits, gateway.desk, gateway.lists, entitlement, clock, gateway.looks).routes(),
        *(desk or OfficersDesk(gateway, _images(gateway), public, addition)).routes(),
        Route("/metrics", get_metrics),
    ]


def _reads(gateway: Gateway) -> Reads:
    return Reads(
        gateway.cameras, gateway.intake, gateway.joining, gateway.clock, gateway.limits, gateway.intake.turns
    )


def _images(gateway: Gateway) -> FeedImages:
    return FeedImages(gateway.images, gateway.facts, gateway.entitlement, gateway.hits)
