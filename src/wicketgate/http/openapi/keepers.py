"""The table of the operations on links to keepers."""

from __future__ import annotations

from dataclasses import replace

from wicketgate.gateway.keepers.values import LinkAnswer, LinkSaid, ListedLinks
from wicketgate.http import codes
from wicketgate.http.api.keepers import MAX_LINK
from wicketgate.http.openapi.operation import Operation, tagged
from wicketgate.regime.standing import STOPPED

_ERASED = replace(codes.REQUEST["erased"], status=403)
_UNCONFIRMED = replace(codes.REQUEST["not-confirmed"], status=403)
_NO_REASON = replace(codes.REQUEST["reason-missing"], status=403)
_STOPS = " ".join(sorted({*STOPPED, "unwitnessed"}))

# fmt: off

KEEPERS = (
    *tagged(
        "recipients", ("recipient",),
        Operation(
            "linkKeeper", "POST /v1/keepers", "Ask for the keeper of one shown row",
            "By showing a row that was released to the unit, or a confirmed hit, for a cause that its authority names. "
            "There is no look-up by plate, and the date of the event is the row's own. The fact is committed before "
            "the register is asked, first of the vehicle, in which there is no person; where make or colour "
            "contradict the camera the answer is `vehicle-differs`, and a person decides. A row has one link for a "
            "cause. A keeper is not the driver. docs/spec/keepers.md.",
            takes=LinkSaid, most=MAX_LINK, gives=LinkAnswer, commits=True,
            codes="malformed cause-not-allowed row-unknown image-needed not-before limit-reached vehicle-differs "
            "not-in-force-yet expired person-needed presence-needed unknown-keeper unknown-hit register-unavailable "
            f"{_STOPS}",
            refusals=(_ERASED, _UNCONFIRMED, _NO_REASON),
        ),
    ),
    *tagged(
        "sources", ("source", "overseer"),
        Operation(
            "listLinks", "GET /v1/keepers", "Links of the last 31 days",
            "Of a source: those of rows that its cameras read. Of an overseer: those whose source is the recipient "
            "itself, to be sampled, which is a look. Never a plate, a name or an address.",
            gives=ListedLinks, commits=True,
        ),
    ),
)

# fmt: on
