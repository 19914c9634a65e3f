"""The gateway behind its HTTP server, with fronts before it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from wicketgate.base.descriptors import Descriptors
from wicketgate.base.ending import asked_to_end
from wicketgate.base.roles import READER
from wicketgate.base.settings import MqttSettings, Settings
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.operations import replaced
from wicketgate.gateway.roles import Roles
from wicketgate.http.app import build_app
from wicketgate.http.connections import HttpBounds
from wicketgate.http.fronts.answers import FrontAnswers
from wicketgate.http.fronts.door import Door
from wicketgate.http.fronts.server import calm_collector
from wicketgate.http.leading import WhileLeading
from wicketgate.http.peers import Proxies
from wicketgate.http.site.addition import find_addition, sight_of
from wicketgate.http.site.description import description_of, told_description
from wicketgate.http.site.rendering import Renderer
from wicketgate.http.starting import Start
from wicketgate.reads.mqtt.connection import MqttLimits
from wicketgate.reads.mqtt.delivery import delivery
from wicketgate.reads.mqtt.ingress import Ingress

log = logging.getLogger(__name__)

_SETTLE_S = 5.0


async def serve(
    settings: Settings,
    start: Start,
    *,
    ready: Callable[[str, str | None], None],
    accept_clock: str | None = None,
) -> int:
    """Run a deployment until SIGTERM or SIGINT.

    Return the process's exit code.

    Parameters
    ----------
    start : Start
        What listens already, and answers until the gateway has started.
    accept_clock : str, optional
        The operator's reason for taking a leap of the machine's clock.
    ready : callable
        Called once requests are answered, with the base URL and the address of the MQTT ingress, if there is one.

    Raises
    ------
    ConfigurationError
        If the deployment's parts contradict one another, or the machine's clock has leapt.
    """
    stop = asked_to_end()
    connections, mqtt_limits = _bounds(settings, start.descriptors)
    gateway = await _started(settings, start, accept_clock, stop)
    if gateway is None:
        start.end()
        start.entrance.close()
        return 0
    ingress: Ingress | None = None
    door: Door | None = None
    roles: Roles | None = None
    renderer = Renderer()
    try:
        mqtt: str | None = None
        if settings.mqtt is not None:
            ingress = _ingress(settings, settings.mqtt, gateway, connections, mqtt_limits)
            mqtt = await ingress.start(accepting=False)
        app = WhileLeading(build_app(gateway, ingress, renderer, connections), gateway.leading.leads)
        roles = await Roles.open(gateway)
        description = description_of(find_addition(sight_of(gateway)))
        roles.answering.answer("description", told_description(description), {READER})
        FrontAnswers(gateway).begin(roles.answering)
        door = Door(gateway, settings, app, connections, start.sockets, roles, ingress)
        await asyncio.to_thread(start.hand_over)
        serving = await door.open()
        await asyncio.to_thread(start.end)
        calm_collector()
        gateway.loop.start()
        ready(start.entrance.url, mqtt)
        edging = asyncio.create_task(
            start.entrance.keep(lambda count: gateway.commits.commit(replaced("edge", count)))
        )
        failed = asyncio.create_task(gateway.failed.wait())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({failed, stopped, serving}, return_when=asyncio.FIRST_COMPLETED)
        if ingress is not None:
            # While what is under way still becomes durable, unless the gateway cannot go on.
            await ingress.stop(0.0 if gateway.failed.is_set() else _SETTLE_S)
        await door.close()
        for task in (failed, stopped, edging):
            task.cancel()
        if gateway.failed.is_set():
            log.critical("stopped: %s", gateway.failure)
            return 1
        return 0
    finally:
        if door is not None:
            await door.close()
        if roles is not None:
            await roles.close()
        if ingress is not None:
            await ingress.stop(0.0)
        await renderer.close()
        start.entrance.close()
        gateway.loop.stop()
        await gateway.stop()


def _bounds(settings: Settings, descriptors: Descriptors) -> tuple[HttpBounds, MqttLimits]:
    """Return the bounds of connections over HTTP and over MQTT."""
    limits = settings.limits
    over_http, over_mqtt = descriptors.divide(
        [limits.connections, 0 if settings.mqtt is None else limits.mqtt_connections]
    )
    return (
        HttpBounds(limits, over_http, descriptors, is_proxy=Proxies(settings.proxies).__contains__),
        MqttLimits.of(limits, over_mqtt),
    )


def _ingress(
    settings: Settings, mqtt: MqttSettings, gateway: Gateway, connections: HttpBounds, limits: MqttLimits
) -> Ingress:
    return Ingress(
        mqtt,
        delivery(gateway.pushes, gateway.adapters),
        lambda: gateway.commits.committed.tokens,
        limits=limits,
        is_proxy=Proxies(settings.proxies).__contains__,
        is_short=connections.is_short,
    )


async def _started(
    settings: Settings, start: Start, accept_clock: str | None, stop: asyncio.Event
) -> Gateway | None:
    """Return the gateway once it has started, or None where it was stopped before."""
    starting = asyncio.create_task(
        Gateway.start(settings, accept_clock=accept_clock, progress=start.progress, lock=start.lock)
    )
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
        return None if starting.cancelled() else starting.result()
    finally:
        stopped.cancel()
