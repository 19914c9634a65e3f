"""The API's description, OpenAPI 3.1, built from small pieces and from `codes`.

`tests/unit/http/test_openapi.py` holds it to the routes that there are, and to the codes that the program gives.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from wicketgate.http import codes
from wicketgate.http.openapi.attested import ATTESTED
from wicketgate.http.openapi.consultations import CONSULTATIONS
from wicketgate.http.openapi.examples import EXAMPLES as EG
from wicketgate.http.openapi.match import DUTY, MATCH
from wicketgate.http.openapi.pieces import (
    ANY_TOKEN,
    ARROW,
    BINARY,
    ENVELOPE,
    EVENTS,
    FORM,
    JSON,
    NDJSON,
    TEXT,
    content,
    number,
    operation,
    page,
    parameter,
    shape,
)
from wicketgate.http.openapi.schemas import SCHEMAS
from wicketgate.http.openapi.why import WHY
from wicketgate.reads.adapters import ADAPTERS
from wicketgate.regime.standing import STOPPED

# --- what is public -----------------------------------------------------------------------------------------------

_PUBLIC: dict[str, Any] = {
    "/": page("The register, as a page"),
    "/authorities/{name}/{version}": page(
        "One version of an authority, in full",
        parameters=[
            parameter("name", "The authority's name.", {"type": "string"}, place="path"),
            parameter("version", "Its version.", {"type": "integer", "minimum": 1}, place="path"),
        ],
        refused=["not-found"],
        description="Where there is no such version the 404 is a page as well.",
    ),
    "/why-not-less": page("The modes side by side, as a page"),
    "/demonstration/live": {
        "get": operation(
            "public",
            "Counts as they change, a second each",
            {200: ("Server-sent events; `data` is a sample.", content(EVENTS))},
            refused=["not-found", "busy"],
            description="In a demonstration alone, whose vehicles are invented. Of real vehicles a count that moves as "
            "they pass would let somebody be timed, so a real deployment answers 404.\n\nA sample: `at`; counts since "
            "the gateway began: `taken`, `stayed`, `released` and `hits` by authority, `refused` by reason, `sources`; "
            "`standing`, the status of each authority; and new since the last sample: `cameras`, a list of "
            "`[number, reads]`, and `struck`, the hits as `[number, quality]`. A plate is in none of it.",
        )
    },
    "/demonstration/cameras.json": {
        "get": operation(
            "public",
            "Where the cameras of a demonstration stand",
            {200: ("`sources`: their names; `cameras`: a camera's place is its number.", content(JSON))},
            refused=["not-found"],
            description="As the samples of `/demonstration/live` number them; 404 in a real deployment.",
        )
    },
    "/verify": page("How to check all of it"),
    "/docs": page("This description, as a page"),
    "/assets/{path}": {
        "get": operation(
            "public",
            "Style sheet and pictures of the pages",
            {200: ("The asset; it may be kept for ever.", content("*/*"))},
            parameters=[parameter("path", "As the pages name it.", {"type": "string"}, place="path")],
            refused=["not-found"],
        )
    },
    "/register.json": {
        "get": operation(
            "public",
            "The register, as data",
            {200: ("The register.", content(JSON, "Register", EG["register"]))},
            description="Made at most twice a second. Counts come from closed periods alone, so that "
            "nothing here moves with the traffic. `wicketgate verify` compares it with the log.",
        )
    },
    "/openapi.json": {
        "get": operation("public", "This description, as data", {200: ("OpenAPI 3.1.", content(JSON))})
    },
    "/healthz": {
        "get": operation(
            "public", "Liveness", {200: ("The gateway answers.", content(JSON, None, {"status": "ok"}))}
        )
    },
}

_LOG: dict[str, Any] = {
    "/log/key": {
        "get": operation(
            "log",
            "The log's verifier key",
            {200: ("A C2SP vkey and a newline.", content(TEXT, None, EG["vkey"]))},
            description="Whoever runs the gateway chose what is shown here: compare it with the key got "
            "another way.",
        )
    },
    "/log/checkpoint": {
        "get": operation(
            "log",
            "The log's signed head",
            {200: ("A C2SP tlog-checkpoint.", content(TEXT, None, EG["checkpoint"]))},
        )
    },
    "/log/tile/{path}": {
        "get": operation(
            "log",
            "A tile of hashes or a bundle of entries",
            {200: ("Bytes as C2SP tlog-tiles says; they may be kept for ever.", content(BINARY))},
            parameters=[
                parameter(
                    "path",
                    "`L/N` for hashes of level L, `entries/N` for entries; the last, while it is not full, "
                    "with `.p/W`.",
                    {"type": "string"},
                    place="path",
                )
            ],
            refused=["not-found"],
        )
    },
    "/log/fact/{leaf}": {
        "get": operation(
            "log",
            "From the hash of a release's fact to the ledger entry of its second",
            {200: ("The proof.", content(JSON, "FactProof", EG["fact"]))},
            description="The hash can be computed only by those who hold the batch: the fact holds a random "
            "salt. So a recipient needs no token to have its batch proved, and nobody learns anything by "
            "asking.\n\n"
            "The fact of a batch is the canonical JSON (RFC 8785) of its header's `authority`, `batch`, "
            "`commit`, `released_at`, `root` and `rows`, with `kind` set to `release` and `salt` to the "
            "promise's salt. Its leaf hash is SHA-256 over a zero byte and those bytes.",
            parameters=[
                parameter(
                    "leaf",
                    "The leaf hash, 64 lower-case hexadecimal digits.",
                    {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    place="path",
                )
            ],
            refused=["not-found", "not-due"],
        )
    },
}

# --- sources ------------------------------------------------------------------------------------------------------

_SOURCES: dict[str, Any] = {
    "/v1/reads": {
        "post": operation(
            "sources",
            "Post reads",
            {200: ("Everything accepted is durable.", content(JSON, "Taken", EG["taken"]))},
            description="One read, a JSON array, NDJSON, or an Arrow stream with the members of a read as "
            "columns (plain buffers, no compression). At most 8 MiB.\n\n"
            "Or a form of at most 2,000 parts and 32 MiB: a part `reads` of one of these types, and parts that hold "
            "images, named by the reads' `image`. A part that no read names, or more than one, goes to the "
            "quarantine.\n\n"
            "The same `id` from the same source, or the same camera, plate and time, is a repeat; repeats "
            "are known for as long as `too_old` of the charter, over restarts too. What cannot be taken "
            "goes to the quarantine with its code. Sent = accepted + repeated + quarantined.\n\n"
            "After no answer, or 503 or 507, post the same again: what was stored is then found to be "
            "repeated. Keep to one connection, and post several reads at once where you can.",
            body={
                **content(
                    JSON, {"anyOf": [shape("Read"), {"type": "array", "items": shape("Read")}]}, EG["read"]
                ),
                **content(NDJSON, "Read", EG["reads_ndjson"]),
                **content(ARROW, {"type": "string", "format": "binary"}),
                **content(FORM, {"type": "object", "properties": {"reads": {"type": "string"}}}),
            },
            token=["source"],
            refused=[
                "malformed",
                "too-large",
                "unsupported-media-type",
                "busy",
                "streams-unavailable",
                "stream-full",
            ],
        )
    },
    "/v1/reads/{id}/images/{kind}": {
        "put": operation(
            "sources",
            "Send an image after its read",
            {200: ("The read has it.", content(JSON, "Joined", EG["joined"]))},
            description="For a read of this source with this `id` that was accepted within the last ten minutes. "
            "JPEG or PNG; a patch of at most 512 KiB, an overview of at most 4 MiB. The read's first image of each "
            "kind stays. What cannot be joined goes to the quarantine, and never to another read.",
            parameters=[
                parameter("id", "The read's own `id`.", {"type": "string"}, place="path"),
                parameter("kind", "Which image.", {"enum": ["patch", "overview"]}, place="path"),
            ],
            body={
                **content("image/jpeg", {"type": "string", "format": "binary"}),
                **content("image/png", {"type": "string", "format": "binary"}),
            },
            token=["source"],
            refused=[
                "not-found",
                "image-unbound",
                "image-conflict",
                "image-unreadable",
                "too-large",
                "busy",
                "streams-unavailable",
                "stream-full",
            ],
        )
    },
    "/v1/push/{adapter}": {
        "post": operation(
            "sources",
            "What a device pushes by itself",
            {200: ("Everything accepted or held is durable.", content(JSON, "Taken", EG["taken"]))},
            description="In the format of its maker, at most 8 MiB. Some devices are answered as they expect, in "
            "XML. Beside a bearer token, HTTP Basic (source id, token) and `?key=` are taken, here alone; Digest is "
            "not.\n\nA vehicle that the device follows over several messages becomes one read: at the last message, "
            "or three seconds after the first.",
            parameters=[
                parameter(
                    "adapter", "The maker.", {"type": "string", "enum": sorted(ADAPTERS)}, place="path"
                ),
                parameter(
                    "camera",
                    "Which camera it is, by its id or an alias; goes before what the payload says.",
                    {"type": "string"},
                ),
                parameter("key", "The token, for devices that can send no header.", {"type": "string"}),
            ],
            body=content("*/*"),
            token=["source"],
            refused=["malformed", "not-found", "too-large", "busy", "streams-unavailable", "stream-full"],
        )
    },
    "/v1/cameras": {
        "put": operation(
            "sources",
            "Register the source's cameras",
            {
                200: (
                    "Registered, and public as counts in the entry named.",
                    content(JSON, None, EG["registered"]),
                )
            },
            description="The whole list: a camera that is not in it takes no more reads. At most 100,000 "
            "cameras and 8 MiB. Groups are what authorities name in their scope. The entry shows how many "
            "cameras there are and how many of each group; the list itself is sealed to the overseer.",
            body=content(JSON, {"type": "array", "items": shape("Camera")}, EG["cameras"]),
            token=["source"],
            refused=["malformed", "too-large", "busy", "streams-unavailable"],
        ),
        "get": operation(
            "sources",
            "The source's cameras, with what became of their reads",
            {200: ("The cameras.", content(JSON, "Cameras", EG["camera_list"]))},
            token=["source"],
        ),
    },
    "/v1/quarantine": {
        "get": operation(
            "sources",
            "What of the source's own could not be taken",
            {
                200: (
                    "A line for each read, oldest first.",
                    content(NDJSON, "Quarantined", EG["quarantined"]),
                )
            },
            description="Kept for as long as `too_old` of the charter. Ask again behind the last `number`.",
            parameters=[
                number("after", "Begin behind this number.", default=0),
                number("limit", "At most so many lines.", default=100, maximum=1000),
            ],
            token=["source"],
            refused=["malformed"],
        )
    },
}

_DOCUMENTS: dict[str, Any] = {
    "/v1/documents": {
        "post": operation(
            "documents",
            "Submit a signed document",
            {201: ("It took effect with this entry of the ledger.", content(JSON, "Effect", EG["effect"]))},
            description="A DSSE envelope of at most 1 MiB, whose payload is the canonical JSON of the "
            "document. The signatures are what counts, not who submits. Kinds: authority, revocation, "
            "suspension, resumption, review.",
            body=content(ENVELOPE, "Envelope", EG["envelope"]),
            token=ANY_TOKEN,
            refused=["too-large", "busy", "streams-unavailable", *codes.DOCUMENT.values()],
        )
    }
}

# --- recipients ---------------------------------------------------------------------------------------------------

_FEED = parameter("authority", "The authority's name, without a version.", {"type": "string"}, place="path")
_AFTER = number("after", "Begin behind this batch.", default=0)
_STOPPED = [*sorted(STOPPED), "cursor-past-term", "malformed"]

_RECIPIENTS: dict[str, Any] = {
    "/v1/feeds": {
        "get": operation(
            "recipients",
            "The unit's feeds",
            {200: ("The feeds.", content(JSON, "Feeds", EG["feeds"]))},
            token=["recipient"],
        )
    },
    "/v1/feeds/{authority}": {
        "get": operation(
            "recipients",
            "The next batches of a feed",
            {
                200: (
                    "Batches in order; empty if there is nothing new.",
                    content(NDJSON, "BatchHeader", EG["batch"]),
                )
            },
            description="Each batch is a header line and then exactly `rows` lines of rows. Batches count "
            "from 1, on over versions of the authority. Ask again with `after` set to the last batch that "
            "you keep: nothing is lost and nothing comes twice.\n\n"
            "After expiry the backlog can be read until its term; after a revocation, and while suspended, "
            "it cannot.",
            parameters=[
                _FEED,
                _AFTER,
                number("limit", "At most so many batches.", least=1, default=100, maximum=10_000),
                parameter(
                    "wait",
                    "Hold the request for so many seconds until there is something.",
                    {"type": "number", "minimum": 0, "maximum": 60, "default": 0},
                ),
            ],
            token=["recipient"],
            refused=_STOPPED,
        )
    },
    "/v1/feeds/{authority}/proofs": {
        "get": operation(
            "recipients",
            "From a batch's root to the ledger",
            {200: ("The proof, up to a checkpoint.", content(JSON, "BatchProof", EG["batch_proof"]))},
            parameters=[_FEED, number("batch", "The batch.", least=1)],
            token=["recipient"],
            refused=[*_STOPPED, "not-found", "not-due"],
        )
    },
    "/v1/feeds/{authority}/images/{ref}": {
        "get": operation(
            "recipients",
            "An image of a released read",
            {
                200: (
                    "The image; that it was fetched is committed.",
                    {
                        **content("image/jpeg", {"type": "string", "format": "binary"}),
                        **content("image/png", {"type": "string", "format": "binary"}),
                    },
                )
            },
            description="By the `ref` of `patch_image` or `overview_image` in a row; it is good for this authority "
            "alone. Compare its SHA-256 with the row's. 404 once the image is past its source's retention.",
            parameters=[
                _FEED,
                parameter("ref", "As the row says.", {"type": "string"}, place="path"),
            ],
            token=["recipient"],
            refused=[*_STOPPED, "not-found"],
        )
    },
    "/v1/feeds/{authority}/events": {
        "get": operation(
            "recipients",
            "A feed as server-sent events",
            {
                200: (
                    "An event for each batch, without end.",
                    content(EVENTS, {"type": "string"}, EG["events"]),
                )
            },
            description="`id` is the batch; `data` is its header and rows, a line each. A comment comes "
            "every 15 seconds. When the authority is stopped, an event `end` names the code and the answer "
            "ends.",
            parameters=[
                _FEED,
                _AFTER,
                parameter(
                    "Last-Event-ID",
                    "Goes before `after`: browsers send it by themselves.",
                    {"type": "integer"},
                    place="header",
                ),
            ],
            token=["recipient"],
            refused=_STOPPED,
        )
    },
}

# --- overseers, operators -----------------------------------------------------------------------------------------

_OTHERS: dict[str, Any] = {
    "/v1/openings": {
        "get": operation(
            "overseers",
            "The sealed openings of seconds",
            {200: ("A line for each second, by number.", content(NDJSON, "Opening", EG["opening"]))},
            description="`sealed` is base64 of an age file to the opening keys of the charter. Opened it is "
            "the second, its `entry`, its `seed` and its `facts`, from which the root in the ledger can be "
            "built again.",
            parameters=[
                number("after", "Begin behind this number; they count from 1.", default=0),
                number("limit", "At most so many.", least=1, default=100, maximum=1000),
            ],
            token=["overseer"],
            refused=["malformed"],
        )
    },
    "/v1/tokens": {
        "post": operation(
            "operators",
            "Issue a token",
            {201: ("The token. It is shown once; only its hash is kept.", content(JSON, None, EG["token"]))},
            description="A name may have several tokens, so that one can be exchanged without a gap. The "
            "charter must know the source, the recipient's unit or the overseer.",
            body=content(JSON, "TokenName", EG["token_name"]),
            token=["admin"],
            refused=["malformed", "busy", "streams-unavailable"],
        )
    },
    "/v1/tokens/withdraw": {
        "post": operation(
            "operators",
            "Withdraw every token of a name",
            {200: ("They are worthless from now on.", content(JSON, None, EG["token_name"]))},
            body=content(JSON, "TokenName", EG["token_name"]),
            token=["admin"],
            refused=["malformed", "busy", "streams-unavailable"],
        )
    },
    "/metrics": {
        "get": operation(
            "operators",
            "Metrics for Prometheus",
            {200: ("Text format 0.0.4.", content(TEXT, None, EG["metrics"]))},
            description="Not public: figures by the second would betray what the ledger folds into seconds.",
            token=["admin"],
        )
    },
}

# --- the whole ----------------------------------------------------------------------------------------------------

OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "Wicketgate",
        "version": version("wicketgate"),
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "description": "An accountable gateway for number-plate reads. Sources post reads; units of "
        "recipients read the feeds that signed authorities give them; anyone reads the register and the "
        "log.\n\n"
        "Times are RFC 3339 with a zone. Errors are RFC 9457 problem documents with a stable `code`. "
        "Whatever is not public answers 401 without a known credential, and 403 with one that is not "
        "entitled. For NDJSON the shape shown is that of a line.",
    },
    "tags": [
        {"name": "sources", "description": "For those whose cameras these are."},
        {"name": "recipients", "description": "For the units that authorities name."},
        {"name": "duty", "description": "For the duty officers of those units, in a browser."},
        {"name": "documents", "description": "For officers."},
        {"name": "overseers", "description": "For those who may open what the ledger only commits to."},
        {"name": "operators", "description": "For who runs the machine."},
        {"name": "public", "description": "For anybody."},
        {"name": "log", "description": "For anybody: the ledger, in the formats of C2SP."},
    ],
    "security": [{"bearer": []}],
    "paths": {
        **_SOURCES,
        **_RECIPIENTS,
        **MATCH,
        **ATTESTED,
        **WHY,
        **DUTY,
        **_DOCUMENTS,
        **_OTHERS,
        **_PUBLIC,
        **CONSULTATIONS,
        **_LOG,
    },
    "components": {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token that the admin issued: `source:<organisation>`, "
                "`recipient:<organisation>/<unit>`, `overseer:<office>` or `admin`.",
            },
            "session": {
                "type": "apiKey",
                "in": "cookie",
                "name": "wicketgate-duty",
                "description": "What `POST /sign-in` sets; over https `__Host-wicketgate-duty`. It opens pages, and "
                "no API.",
            },
        },
        "schemas": SCHEMAS,
    },
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
