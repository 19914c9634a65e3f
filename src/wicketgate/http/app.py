"""The ASGI application: routes behind the gatekeeper, errors as problems."""

from __future__ import annotations

import logging
from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from wicketgate.base.errors import WicketgateError
from wicketgate.gateway.node import Gateway
from wicketgate.http.api import Api
from wicketgate.http.consultations import Consultations
from wicketgate.http.disclosures import DisclosuresApi, attested_metrics
from wicketgate.http.duty import Duty
from wicketgate.http.gatekeeper import PUSH_PREFIX, Gatekeeper, require
from wicketgate.http.hits import HitsApi
from wicketgate.http.hotlists import HotlistsApi
from wicketgate.http.images import FeedImages
from wicketgate.http.problems import problem, problem_of
from wicketgate.http.public import Public
from wicketgate.http.push import Push
from wicketgate.http.reads import Reads
from wicketgate.http.why import WhyApi
from wicketgate.reads.mqtt.ingress import Ingress
from wicketgate.regime.standing import current, status

log = logging.getLogger(__name__)


READS_PATH = "/v1/reads"


def build_app(gateway: Gateway, ingress: Ingress | None = None) -> ASGIApp:
    """Return the application over a running gateway."""
    api, duty = Api(gateway), Duty(gateway)
    app = Starlette(
        routes=routes(gateway, api, duty, ingress),
        exception_handlers={
            WicketgateError: _on_error,
            HTTPException: _on_http,
            Exception: _on_unforeseen,
        },
    )
    return Gatekeeper(
        _Outermost(app, gateway), lambda: gateway.commits.committed.tokens, sessions=duty.sessions
    )


def routes(
    gateway: Gateway, api: Api, duty: Duty | None = None, ingress: Ingress | None = None
) -> list[Route]:
    """Return every route but `READS_PATH` and those below `PUSH_PREFIX`, which are reached without routing."""
    metrics = CollectorRegistry()
    metrics.register(_Metrics(gateway))
    if ingress is not None:
        metrics.register(_MqttMetrics(ingress))

    async def get_metrics(request: Request) -> Response:
        require(request, "admin")
        return Response(generate_latest(metrics), media_type="text/plain; version=0.0.4; charset=utf-8")

    return [
        *(public := Public(gateway)).routes(),
        *Consultations(gateway, public).routes(),
        *Reads(gateway).routes(),
        *FeedImages(gateway).routes(),
        *api.routes(),
        *HitsApi(gateway).routes(),
        *DisclosuresApi(gateway).routes(),
        *WhyApi(gateway).routes(),
        *HotlistsApi(gateway).routes(),
        *(duty or Duty(gateway)).routes(),
        Route("/metrics", get_metrics),
    ]


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, WicketgateError)
    return problem_of(error)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return problem("method-not-allowed", "see `/docs` for what can be done here")
    return problem("not-found", "see `/docs` for what there is")


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    return problem("internal", "something is wrong with the gateway", status=500)


class _Outermost:
    """The one top-level handler. An error's text may hold what was posted, so only its type and place are logged."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        self._app = app
        self._reads = Reads(gateway)
        self._push = Push(gateway)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] == READS_PATH:
                await self._reads.take_reads(scope, receive, send)
            elif scope["path"].startswith(PUSH_PREFIX):
                await self._push(scope, receive, send)
            else:
                await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - answered here or by `_on_unforeseen`
            frame = error.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "?"
            log.error("%s at %s", type(error).__name__, place)
            if scope["path"] == READS_PATH or scope["path"].startswith(PUSH_PREFIX):
                await problem("internal", "something is wrong with the gateway", status=500)(
                    scope, receive, send
                )


class _Metrics:
    """Prometheus metrics, read from the gateway when they are asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def collect(self) -> list[Metric]:
        gateway = self._gateway
        totals = gateway.commits.committed.totals
        metrics: list[Metric] = []
        reads = CounterMetricFamily(
            "wicketgate_reads", "Reads by what became of them at ingest.", labels=["became"]
        )
        for became, count in (
            ("accepted", totals.taken),
            ("repeated", totals.repeated),
            ("quarantined", totals.quarantined),
        ):
            reads.add_metric([became], count)
        withheld = CounterMetricFamily("wicketgate_withheld_reads", "Reads decided and released to nobody.")
        withheld.add_metric([], totals.withheld)
        released = CounterMetricFamily("wicketgate_released_rows", "Rows released.", labels=["authority"])
        for name, rows in totals.released.items():
            released.add_metric([name], rows)
        refused = CounterMetricFamily(
            "wicketgate_refused_rows", "Rows refused.", labels=["authority", "reason"]
        )
        for authority, reasons in totals.refused.items():
            for reason, rows in reasons.items():
                refused.add_metric([authority, reason], rows)
        behind = GaugeMetricFamily(
            "wicketgate_projection_lag", "Transactions committed and not projected yet."
        )
        behind.add_metric([], gateway.commits.committed.sequence - gateway.projections.position)
        full = GaugeMetricFamily("wicketgate_feed_full", "1 where a feed is full.", labels=["authority"])
        held = GaugeMetricFamily("wicketgate_feed_bytes", "Bytes that a feed holds.", labels=["authority"])
        for name, feed in gateway.projections.feeds.items():
            full.add_metric([name], 1.0 if feed.is_full else 0.0)
            held.add_metric([name], feed.held_bytes)
        unconsulted = GaugeMetricFamily(
            "wicketgate_unconsulted_authorities",
            "Authorities in force that no consultation covers, by what stands in for one.",
            labels=["need"],
        )
        for need, count in sorted(_unconsulted(gateway).items()):
            unconsulted.add_metric([need], count)
        size = GaugeMetricFamily("wicketgate_ledger_entries", "Entries of the ledger.")
        size.add_metric([], gateway.projections.ledger.size)
        restarts = CounterMetricFamily("wicketgate_streams_restarts", "Restarts of the NATS child.")
        restarts.add_metric([], gateway.server.restarts if gateway.server else 0)
        metrics.append(unconsulted)
        metrics += [reads, withheld, released, refused, behind, full, held, size, restarts]
        metrics += attested_metrics(gateway.commits.committed, gateway.clock.now_us())
        return metrics


def _unconsulted(gateway: Gateway) -> Counter[str]:
    state, parsed, now_us = gateway.commits.committed, gateway.commits.parsed, gateway.clock.now_us()
    found: Counter[str] = Counter({"notice": 0, "marked": 0, "within": 0, "urgent": 0})
    for named in state.authorities.values():
        number = current(named, parsed, now_us)
        version = named.versions[number]
        if version.consulted_us is None and status(named, number, parsed, now_us) == "in-force":
            found[version.need] += version.need in found
    return found


class _MqttMetrics:
    """Metrics of the MQTT ingress."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    def collect(self) -> list[Metric]:
        ingress, counts = self._ingress, self._ingress.counts
        connections = GaugeMetricFamily("wicketgate_mqtt_connections", "Clients connected by MQTT.")
        connections.add_metric([], ingress.connections)
        messages = CounterMetricFamily(
            "wicketgate_mqtt_messages", "Messages by what became of them.", labels=["became"]
        )
        for became in ("taken", "ignored", "unanswered", "lost"):
            messages.add_metric([became], counts.messages[became])
        refused = CounterMetricFamily(
            "wicketgate_mqtt_refused", "Connections refused, by the code of CONNACK.", labels=["code"]
        )
        for code, count in counts.refused.items():
            refused.add_metric([str(code)], count)
        ended = CounterMetricFamily(
            "wicketgate_mqtt_ended", "Connections that ended, by why.", labels=["why"]
        )
        for why, count in counts.ended.items():
            ended.add_metric([why], count)
        return [connections, messages, refused, ended]
