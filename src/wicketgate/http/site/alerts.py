"""Handlers of `/me/alerts`: the rules by which one's unit, office or source is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.alerts.rules import KINDS, KINDS_OF, AlertRule, AlertRules, QuietHours
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.gateway.alerting import Alerting
from wicketgate.gateway.entitlement import Entitlement
from wicketgate.http.api.alerts import demand_setter
from wicketgate.http.requests import number_in
from wicketgate.http.site.officers import OfficerPages, form_of, sentence, session_of
from wicketgate.pages.alerts import AlertPages, DeadRow, RuleRow, TargetRow
from wicketgate.pages.duty import Session

_KINDS = {"unit": "recipient", "office": "office", "organisation": "source"}
_SHOWN = 50


class AlertsSite:
    """The handlers of `/me/alerts`, over one gateway's alerting."""

    def __init__(
        self, alerting: Alerting, entitlement: Entitlement, officers: OfficerPages, pages: AlertPages
    ) -> None:
        self._alerting = alerting
        self._entitlement = entitlement
        self._officers = officers
        self._pages = pages

    def routes(self) -> list[Route]:
        """Return the routes of `/me/alerts`."""
        shown = self._officers.shown
        return [
            Route("/me/alerts", shown(self.get_alerts), methods=["GET"]),
            Route("/me/alerts", shown(self.post_alerts), methods=["POST"]),
            Route("/me/alerts/test", shown(self.post_test), methods=["POST"]),
        ]

    async def get_alerts(self, request: Request) -> Response:
        """`GET /me/alerts`."""
        return await self._page(session_of(request))

    async def post_alerts(self, request: Request) -> Response:
        """`POST /me/alerts`: add a rule, take one away, or set the zone. Each is recorded with who did it."""
        session = session_of(request)
        form = await form_of(request, session)
        session_of(request)  # the body may have taken long
        self._demand_setter(session)
        who = _place(session)
        rules, revision = self._alerting.rules_of(who)
        try:
            if form.get("revision", "") != str(revision):
                raise InputError(
                    "somebody changed these rules meanwhile: look again", code="revision-differs"
                )
            changed, done = _changed(rules, form)
            await self._alerting.set_rules(who, changed, session.by, revision=revision)
        except InputError as error:
            return await self._page(session, fault=sentence(error), form=form, status=400)
        return await self._page(session, done=done)

    async def post_test(self, request: Request) -> Response:
        """`POST /me/alerts/test`: send a test to one target."""
        session = session_of(request)
        form = await form_of(request, session)
        session_of(request)
        self._demand_setter(session)
        try:
            await self._alerting.test(_place(session), form.get("target", ""))
        except InputError as error:
            return await self._page(session, fault=sentence(error), status=400)
        return await self._page(
            session, done="A test is on its way. Load the page again to see whether it arrived."
        )

    def _sets(self, session: Session) -> bool:
        """Return whether whoever is signed in may set rules."""
        try:
            self._demand_setter(session)
        except NotEntitled:
            return False
        return True

    def _demand_setter(self, session: Session) -> None:
        demand_setter(self._entitlement, _place(session), session.person, session.roles)

    async def _page(
        self,
        session: Session,
        *,
        done: str = "",
        fault: str = "",
        form: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> Response:
        who = _place(session)
        rules, revision = self._alerting.rules_of(who)
        dead = await self._alerting.dead_of(who)
        return await self._officers.page(
            self._pages.alerts,
            session,
            zone=rules.zone,
            revision=revision,
            kinds=[kind for kind in KINDS if kind in KINDS_OF[who.partition(":")[0]]],
            rules=[RuleRow(number, rules.zone, rule) for number, rule in enumerate(rules.rules)],
            targets=[
                TargetRow(
                    name=target.name,
                    kind=target.kind,
                    leads_to=target.shown,
                    failures=state.failures,
                    fault=state.fault,
                    disabled_us=state.disabled_us,
                    delivered_us=state.delivered_us,
                )
                for target, state in self._alerting.targets_of(who)
            ],
            waiting=self._alerting.waiting_of(who),
            dead=[
                DeadRow(
                    letter.at_us, letter.message.target, letter.message.kind, letter.message.count, letter.why
                )
                for letter in dead[:_SHOWN]
            ],
            sets=self._sets(session),
            done=done,
            fault=fault,
            form=dict(form or {}),
            status=status,
        )


def _place(session: Session) -> str:
    return f"{_KINDS[session.kind]}:{session.unit}"


def _changed(rules: AlertRules, form: Mapping[str, str]) -> tuple[AlertRules, str]:
    """Return the rules that a form asks for, and what was done, as a sentence.

    InputError where it asks for nothing that there is.
    """
    replace: Any = msgspec.structs.replace
    act, number = form.get("act", ""), number_in(form.get("number", ""))
    if act == "zone":
        return replace(rules, zone=form.get("zone", "").strip()), "The time zone is set."
    if act == "remove" and number is not None and number < len(rules.rules):
        left = (*rules.rules[:number], *rules.rules[number + 1 :])
        return replace(rules, rules=left), "The rule is taken away."
    if act == "add":
        return replace(rules, rules=(*rules.rules, _rule_of(form))), "The rule is added."
    raise InputError("the form asks for nothing that can be done here")


def _rule_of(form: Mapping[str, str]) -> AlertRule:
    chosen = {
        "kinds": [name.removeprefix("kind-") for name in form if name.startswith("kind-")],
        "targets": [name.removeprefix("target-") for name in form if name.startswith("target-")],
    }
    begins, ends = form.get("quiet_from", "").strip(), form.get("quiet_until", "").strip()
    if bool(begins) != bool(ends):
        raise InputError("quiet hours need both times")
    numbers = {name: form.get(name, "") for name in ("priority", "every_minutes", "breaks")}
    if not all(text.isdecimal() and len(text) < 6 for text in numbers.values()):
        raise InputError("priority, minutes and what breaks quiet hours are whole numbers")
    try:
        return msgspec.convert(
            {
                **chosen,
                **{name: int(text) for name, text in numbers.items()},
                "quiet": [msgspec.to_builtins(QuietHours(from_=begins, until=ends))] if begins else [],
            },
            AlertRule,
        )
    except msgspec.ValidationError as error:
        raise InputError("choose at least one kind and one target") from error
