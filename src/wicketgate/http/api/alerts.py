"""Handlers of `/v1/alerts`: the rules by which a place is told, and how its targets do."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.alerts.rules import MOST_BYTES, AlertRules, parse_rules
from wicketgate.base.clock import rfc3339
from wicketgate.base.errors import NotEntitled
from wicketgate.base.shapes import about
from wicketgate.gateway.alerting import Alerting
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.http.gatekeeper import Principal, withdrawn
from wicketgate.http.requests import decoded, private_answer, read_body
from wicketgate.http.roles import SETTERS

_MOST_SHOWN = 100


class AlertTestAsked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which target is tested."""

    target: str


class AlertTestSent(msgspec.Struct, frozen=True, kw_only=True):
    """A test is on its way."""

    id: Annotated[str, about("Of the message.")]


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    """A target that the operator set up for this place; no URL and no secret is shown."""

    name: str
    kind: Literal["webhook", "mail", "apprise"]
    leads_to: Annotated[str, about("A host, addresses, or a service.")]
    failures: Annotated[int, about("In a row.")]
    fault: Annotated[str, about("What the last attempt came to; empty where it arrived.")]
    disabled: Annotated[bool, about("It answered 410: nothing is sent there until a test arrives.")]
    delivered_at: str | None = None


class DeadShown(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up."""

    id: str
    target: str
    kind: str
    priority: int
    count: Annotated[int, about("Of how many events it told.")]
    given_up_at: str
    why: str


class AlertsShown(msgspec.Struct, frozen=True, kw_only=True):
    """A place's rules, its targets, and what could not be sent."""

    who: str
    revision: Annotated[int, about("Of the rules; 0 where none were set.")]
    rules: AlertRules
    targets: list[TargetShown]
    waiting: Annotated[int, about("Messages that are not sent.")]
    dead: Annotated[list[DeadShown], about("Messages that were given up, the latest first.")]


_asked = msgspec.json.Decoder(AlertTestAsked)


class AlertsApi:
    """The handlers of `/v1/alerts`, over one gateway's alerting."""

    def __init__(self, alerting: Alerting, entitlement: Entitlement) -> None:
        self._alerting = alerting
        self._entitlement = entitlement

    def routes(self) -> list[Route]:
        """Return the routes of `/v1/alerts`."""
        return [
            Route("/v1/alerts", self.get_alerts, methods=["GET"]),
            Route("/v1/alerts", self.put_alerts, methods=["PUT"]),
            Route("/v1/alerts/test", self.post_test, methods=["POST"]),
        ]

    async def get_alerts(self, request: Request) -> Response:
        """`GET /v1/alerts`."""
        return await self._shown(place_of(_own(request)))

    async def put_alerts(self, request: Request) -> Response:
        """`PUT /v1/alerts`: the rules, whole; each change is recorded with who made it."""
        self._setter(request)
        rules = parse_rules(await read_body(request, MOST_BYTES))
        who = self._setter(request)  # the body may have taken long
        await self._alerting.set_rules(place_of(who), rules, who.by)
        return await self._shown(place_of(who))

    async def post_test(self, request: Request) -> Response:
        """`POST /v1/alerts/test`."""
        self._setter(request)
        asked = decoded(_asked, await read_body(request, 1024), "the name of a target")
        who = self._setter(request)
        return private_answer(AlertTestSent(id=await self._alerting.test(place_of(who), asked.target)))

    def _setter(self, request: Request) -> Principal:
        """Return the caller, if they may set the rules: a person by role; a machine where no authority demands one."""
        who = _own(request)
        demand_setter(self._entitlement, place_of(who), who.person, who.roles)
        return who

    async def _shown(self, who: str) -> Response:
        rules, revision = self._alerting.rules_of(who)
        dead = await self._alerting.dead_of(who)
        return private_answer(
            AlertsShown(
                who=who,
                revision=revision,
                rules=rules,
                targets=[
                    TargetShown(
                        name=target.name,
                        kind=target.kind,
                        leads_to=target.shown,
                        failures=state.failures,
                        fault=state.fault,
                        disabled=bool(state.disabled_us),
                        delivered_at=rfc3339(state.delivered_us) if state.delivered_us else None,
                    )
                    for target, state in self._alerting.targets_of(who)
                ],
                waiting=self._alerting.waiting_of(who),
                dead=[
                    DeadShown(
                        id=letter.message.id,
                        target=letter.message.target,
                        kind=letter.message.kind,
                        priority=letter.message.priority,
                        count=letter.message.count,
                        given_up_at=rfc3339(letter.at_us),
                        why=letter.why,
                    )
                    for letter in dead[:_MOST_SHOWN]
                ],
            )
        )


def demand_setter(entitlement: Entitlement, place: str, person: str, roles: Collection[str]) -> None:
    """Raise NotEntitled for whoever may not set a place's rules.

    That is a person without the role, and a token where an authority of the place demands a person.

    Parameters
    ----------
    place : str
        As `place_of` has it.
    person : str
        Who it is; empty for a token.
    """
    kind, _, name = place.partition(":")
    needed = SETTERS[kind]
    if person and not set(needed).intersection(roles):
        raise NotEntitled(f"this needs the role {' or '.join(needed)}")
    entitlement.demand_person_of_any(name, person, needed)


def _own(request: Request) -> Principal:
    """Return the caller, if there can be rules for where they work.

    A machine of the place sets them too: what it sets stands in the ledger under its token's name.
    """
    principal: Principal | None = request.scope["principal"]
    if not request.scope["still_known"]():
        raise withdrawn()
    if principal is None or principal.kind not in {"recipient", "source", "overseer", "office"}:
        raise NotEntitled("this is for a unit, an office or a source")
    return principal


def place_of(principal: Principal) -> str:
    """Return the place whose rules a caller sees."""
    kind = "office" if principal.kind == "overseer" else principal.kind
    return f"{kind}:{principal.name}"
