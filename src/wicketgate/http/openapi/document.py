"""The API's description, OpenAPI 3.1.

It is made from the table of its operations, from structs and from `codes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from wicketgate.http import codes
from wicketgate.http.openapi.alerts import ALERTS
from wicketgate.http.openapi.custody import CUSTODY
from wicketgate.http.openapi.keepers import KEEPERS
from wicketgate.http.openapi.operation import Operation, written
from wicketgate.http.openapi.searches import SEARCHES
from wicketgate.http.openapi.site import SITE
from wicketgate.http.openapi.v1 import V1

OPERATIONS: tuple[Operation, ...] = (*V1, *SEARCHES, *CUSTODY, *KEEPERS, *ALERTS, *SITE)
"""Every method of every path of the product."""

_TAGS = {
    "sources": "For those whose cameras these are.",
    "recipients": "For the units that authorities name.",
    "duty": "For the duty officers of those units, in a browser.",
    "documents": "For officers.",
    "overseers": "For those who may open what the ledger only commits to.",
    "operators": "For who runs the machine.",
    "public": "For anybody.",
    "log": "For anybody: the ledger, in the formats of C2SP.",
}
_SCHEMES = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that the admin issued: `source:<organisation>`, `recipient:<organisation>/<unit>`, "
        "`overseer:<office>` or `admin`. An operation names the kinds that may call it.",
    },
    "basic": {"type": "http", "scheme": "basic", "description": "The source's id, and its token."},
    "key": {
        "type": "apiKey",
        "in": "query",
        "name": "key",
        "description": "The token, for devices that can send no header.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "wicketgate-duty",
        "description": "What `POST /sign-in` sets; over https `__Host-wicketgate-duty`. It opens pages, and no API.",
    },
}


def describe(operations: Iterable[Operation] = OPERATIONS) -> dict[str, Any]:
    """Return the description of an API with these operations."""
    paths, schemas = written(operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wicketgate",
            "version": version("wicketgate"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "An accountable gateway for number-plate reads. Sources post reads; units of recipients "
            "read the feeds that signed authorities give them; anyone reads the register and the log.\n\n"
            "Times are RFC 3339 with a zone. Errors are RFC 9457 problem documents with a stable `code`. Whatever is "
            "not public answers 401 without a known credential, and 403 with one that is not entitled. A method that "
            "is not described answers 405, with those that are in `Allow`. For NDJSON the shape shown is that of a "
            "line.",
        },
        "tags": [{"name": name, "description": words} for name, words in _TAGS.items()],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {"securitySchemes": _SCHEMES, "schemas": schemas},
        "x-codes": [
            {
                "code": one.code,
                "where": one.where,
                "status": one.status,
                "meaning": one.meaning,
                "remedy": one.remedy,
            }
            for one in codes.ALL
        ],
        "x-code-places": dict(codes.PLACES),
    }
