"""The table of the operations on alerts, and their pages."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from wicketgate.alerts.rules import MOST_BYTES, AlertRules
from wicketgate.http.api.alerts import AlertsShown, AlertTestAsked, AlertTestSent
from wicketgate.http.openapi.operation import OFFICER, PAGE, Content, Operation, tagged
from wicketgate.http.requests import FORM, MAX_MEMBERS


class RuleForm(Struct, frozen=True, kw_only=True):
    """A change of rules; `kind-…` and `target-…` besides, one for each that is chosen."""

    form_key: str
    revision: str
    act: Literal["add", "remove", "zone"]
    number: str = ""
    zone: str = ""
    priority: str = ""
    every_minutes: str = ""
    quiet_from: str = ""
    quiet_until: str = ""
    breaks: str = ""


class AlertTestForm(Struct, frozen=True, kw_only=True):
    """Which target is tested."""

    form_key: str
    target: str


# fmt: off

_SIGN_IN: dict[int, tuple[str, Content]] = {
    303: ("Nobody is signed in: a browser is sent to `/sign-in`.", {})
}
_FORM = "malformed form-refused unsupported-media-type"

ALERTS = (
    *tagged(
        "duty", (OFFICER,),
        Operation("showAlerts", "GET /me/alerts", "By which rules one is told", gives=PAGE, also=_SIGN_IN),
        Operation(
            "changeAlerts", "POST /me/alerts", "Add a rule, take one away, or set the zone", takes={FORM: RuleForm},
            most=MAX_MEMBERS, gives=PAGE, also=_SIGN_IN, as_page=True, commits=True, codes=f"not-entitled {_FORM}",
        ),
        Operation(
            "testAlerts", "POST /me/alerts/test", "Send a test to a target", takes={FORM: AlertTestForm},
            most=MAX_MEMBERS, gives=PAGE, also=_SIGN_IN, as_page=True, codes=f"not-entitled {_FORM}",
        ),
    ),
    *tagged(
        "recipients", ("recipient", "source", "overseer"),
        Operation(
            "getAlerts", "GET /v1/alerts", "The rules by which one is told, and what could not be sent",
            gives=AlertsShown, codes="not-entitled",
        ),
        Operation(
            "putAlerts", "PUT /v1/alerts", "Set the rules by which one is told",
            "Whole. Of people it needs the role confirmer or hotlist-keeper in a unit, source-officer of a source, "
            "data-protection-officer, overseer or approver in an office. docs/spec/alerts.md.",
            takes=AlertRules, most=MOST_BYTES, gives=AlertsShown, commits=True, codes="not-entitled malformed",
        ),
        Operation(
            "testAlert", "POST /v1/alerts/test", "Send a test to a target", "At most five in ten minutes.",
            takes=AlertTestAsked, most=1024, gives=AlertTestSent, codes="not-entitled malformed not-found busy",
        ),
    ),
)

# fmt: on
