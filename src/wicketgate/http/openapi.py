"""The API's description, OpenAPI 3.1, built from small pieces and from `codes`.

`tests/unit/test_openapi.py` holds it to the routes that there are, and to the codes that the program gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from wicketgate.http import codes
from wicketgate.http.examples import EXAMPLES as EG
from wicketgate.http.schemas import SCHEMAS

JSON, NDJSON, TEXT, HTML = "application/json", "application/x-ndjson", "text/plain", "text/html"
ARROW, BINARY, EVENTS = "application/vnd.apache.arrow.stream", "application/octet-stream", "text/event-stream"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
_ANY_TOKEN = ("source", "recipient", "overseer", "admin")

Content = dict[str, Any]
Answers = Mapping[int, tuple[str, Content]]


# --- helpers ------------------------------------------------------------------------------------------------------


def _shape(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _content(media_type: str, schema: Any = None, example: Any = None) -> Content:
    inner = {} if schema is None else {"schema": _shape(schema) if isinstance(schema, str) else schema}
    return {media_type: inner if example is None else {**inner, "example": example}}


def _parameter(
    name: str, description: str, schema: Mapping[str, Any], *, place: str = "query", required: bool = False
) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "required": required or place == "path",
        "description": description,
        "schema": dict(schema),
    }


def _number(name: str, description: str, *, least: int = 0, **schema: int) -> dict[str, Any]:
    required = "default" not in schema
    return _parameter(name, description, {"type": "integer", "minimum": least, **schema}, required=required)


def _refused(given: Sequence[str | codes.Code]) -> dict[str, Any]:
    """Return the answers of a list of codes: a problem document for each status, in their order."""
    answers: dict[str, Any] = {}
    known_codes = [codes.REQUEST[one] if isinstance(one, str) else one for one in given]
    for one in sorted(known_codes, key=lambda one: one.status or 0):
        words = f"`{one.code}`: {one.meaning.removesuffix('.')}."
        known = answers.get(str(one.status))
        if known:
            known["description"] += f" {words}"
            continue
        answers[str(one.status)] = {
            "description": words,
            "content": _content("application/problem+json", "Problem"),
        }
    return answers


def _operation(
    tag: str,
    summary: str,
    answers: Answers,
    *,
    description: str = "",
    parameters: Sequence[Mapping[str, Any]] = (),
    body: Content | None = None,
    token: Sequence[str] = (),
    refused: Sequence[str | codes.Code] = (),
) -> dict[str, Any]:
    """Return an operation. `token` names the kinds of token that may call it; none at all makes it public."""
    if token:
        who = "any known token" if len(token) == len(_ANY_TOKEN) else f"`{token[0]}`"
        description = f"{description}\n\nToken: {who}.".strip()
        refused = ["unauthorised", *(["not-entitled"] if len(token) == 1 else []), *refused]
    operation: dict[str, Any] = {
        "tags": [tag],
        "summary": summary,
        "description": description,
        "security": [{"bearer": []}] if token else [],
        "parameters": list(parameters),
        "responses": {
            **{
                str(status): {"description": words, **({"content": content} if content else {})}
                for status, (words, content) in answers.items()
            },
            **_refused(refused),
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _page(summary: str, **more: Any) -> dict[str, Any]:
    return {"get": _operation("public", summary, {200: ("The page.", _content(HTML))}, **more)}


# --- what is public -----------------------------------------------------------------------------------------------

_PUBLIC: dict[str, Any] = {
    "/": _page("The register, as a page"),
    "/authorities/{name}/{version}": _page(
        "One version of an authority, in full",
        parameters=[
            _parameter("name", "The authority's name.", {"type": "string"}, place="path"),
            _parameter("version", "Its version.", {"type": "integer", "minimum": 1}, place="path"),
        ],
        refused=["not-found"],
        description="Where there is no such version the 404 is a page as well.",
    ),
    "/verify": _page("How to check all of it"),
    "/docs": _page("This description, as a page"),
    "/assets/{path}": {
        "get": _operation(
            "public",
            "Style sheet and pictures of the pages",
            {200: ("The asset; it may be kept for ever.", _content("*/*"))},
            parameters=[_parameter("path", "As the pages name it.", {"type": "string"}, place="path")],
            refused=["not-found"],
        )
    },
    "/register.json": {
        "get": _operation(
            "public",
            "The register, as data",
            {200: ("The register.", _content(JSON, "Register", EG["register"]))},
            description="Made at most twice a second. Counts come from closed periods alone, so that "
            "nothing here moves with the traffic. `wicketgate verify` compares it with the log.",
        )
    },
    "/openapi.json": {
        "get": _operation("public", "This description, as data", {200: ("OpenAPI 3.1.", _content(JSON))})
    },
    "/healthz": {
        "get": _operation(
            "public", "Liveness", {200: ("The gateway answers.", _content(JSON, None, {"status": "ok"}))}
        )
    },
}

_LOG: dict[str, Any] = {
    "/log/key": {
        "get": _operation(
            "log",
            "The log's verifier key",
            {200: ("A C2SP vkey and a newline.", _content(TEXT, None, EG["vkey"]))},
            description="Whoever runs the gateway chose what is shown here: compare it with the key got "
            "another way.",
        )
    },
    "/log/checkpoint": {
        "get": _operation(
            "log",
            "The log's signed head",
            {200: ("A C2SP tlog-checkpoint.", _content(TEXT, None, EG["checkpoint"]))},
        )
    },
    "/log/tile/{path}": {
        "get": _operation(
            "log",
            "A tile of hashes or a bundle of entries",
            {200: ("Bytes as C2SP tlog-tiles says; they may be kept for ever.", _content(BINARY))},
            parameters=[
                _parameter(
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
        "get": _operation(
            "log",
            "From the hash of a release's fact to the ledger entry of its second",
            {200: ("The proof.", _content(JSON, "FactProof", EG["fact"]))},
            description="The hash can be computed only by those who hold the batch: the fact holds a random "
            "salt. So a recipient needs no token to have its batch proved, and nobody learns anything by "
            "asking.\n\n"
            "The fact of a batch is the canonical JSON (RFC 8785) of its header's `authority`, `batch`, "
            "`commit`, `released_at`, `root` and `rows`, with `kind` set to `release` and `salt` to the "
            "promise's salt. Its leaf hash is SHA-256 over a zero byte and those bytes.",
            parameters=[
                _parameter(
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
        "post": _operation(
            "sources",
            "Post reads",
            {200: ("Everything accepted is durable.", _content(JSON, "Taken", EG["taken"]))},
            description="One read, a JSON array, NDJSON, or an Arrow stream with the members of a read as "
            "columns (plain buffers, no compression). At most 8 MiB.\n\n"
            "The same `id` from the same source, or the same camera, plate and time, is a repeat; repeats "
            "are known for as long as `too_old` of the charter, over restarts too. What cannot be taken "
            "goes to the quarantine with its code. Sent = accepted + repeated + quarantined.\n\n"
            "After no answer, or 503 or 507, post the same again: what was stored is then found to be "
            "repeated. Keep to one connection, and post several reads at once where you can.",
            body={
                **_content(
                    JSON, {"anyOf": [_shape("Read"), {"type": "array", "items": _shape("Read")}]}, EG["read"]
                ),
                **_content(NDJSON, "Read", EG["reads_ndjson"]),
                **_content(ARROW, {"type": "string", "format": "binary"}),
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
    "/v1/cameras": {
        "put": _operation(
            "sources",
            "Register the source's cameras",
            {
                200: (
                    "Registered, and public as counts in the entry named.",
                    _content(JSON, None, EG["registered"]),
                )
            },
            description="The whole list: a camera that is not in it takes no more reads. At most 100,000 "
            "cameras and 8 MiB. Groups are what authorities name in their scope. The entry shows how many "
            "cameras there are and how many of each group; the list itself is sealed to the overseer.",
            body=_content(JSON, {"type": "array", "items": _shape("Camera")}, EG["cameras"]),
            token=["source"],
            refused=["malformed", "too-large", "busy", "streams-unavailable"],
        ),
        "get": _operation(
            "sources",
            "The source's cameras, with what became of their reads",
            {200: ("The cameras.", _content(JSON, "Cameras", EG["camera_list"]))},
            token=["source"],
        ),
    },
    "/v1/quarantine": {
        "get": _operation(
            "sources",
            "What of the source's own could not be taken",
            {
                200: (
                    "A line for each read, oldest first.",
                    _content(NDJSON, "Quarantined", EG["quarantined"]),
                )
            },
            description="Kept for as long as `too_old` of the charter. Ask again behind the last `number`.",
            parameters=[
                _number("after", "Begin behind this number.", default=0),
                _number("limit", "At most so many lines.", default=100, maximum=1000),
            ],
            token=["source"],
            refused=["malformed"],
        )
    },
}

_DOCUMENTS: dict[str, Any] = {
    "/v1/documents": {
        "post": _operation(
            "documents",
            "Submit a signed document",
            {201: ("It took effect with this entry of the ledger.", _content(JSON, "Effect", EG["effect"]))},
            description="A DSSE envelope of at most 1 MiB, whose payload is the canonical JSON of the "
            "document. The signatures are what counts, not who submits. Kinds: authority, revocation, "
            "suspension, resumption, review.",
            body=_content(ENVELOPE, "Envelope", EG["envelope"]),
            token=_ANY_TOKEN,
            refused=["too-large", "busy", "streams-unavailable", *codes.DOCUMENT.values()],
        )
    }
}

# --- recipients ---------------------------------------------------------------------------------------------------

_FEED = _parameter("authority", "The authority's name, without a version.", {"type": "string"}, place="path")
_AFTER = _number("after", "Begin behind this batch.", default=0)
_STOPPED = ["revoked", "suspended", "review-overdue", "cursor-past-term", "malformed"]

_RECIPIENTS: dict[str, Any] = {
    "/v1/feeds": {
        "get": _operation(
            "recipients",
            "The unit's feeds",
            {200: ("The feeds.", _content(JSON, "Feeds", EG["feeds"]))},
            token=["recipient"],
        )
    },
    "/v1/feeds/{authority}": {
        "get": _operation(
            "recipients",
            "The next batches of a feed",
            {
                200: (
                    "Batches in order; empty if there is nothing new.",
                    _content(NDJSON, "BatchHeader", EG["batch"]),
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
                _number("limit", "At most so many batches.", least=1, default=100, maximum=10_000),
                _parameter(
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
        "get": _operation(
            "recipients",
            "From a batch's root to the ledger",
            {200: ("The proof, up to a checkpoint.", _content(JSON, "BatchProof", EG["batch_proof"]))},
            parameters=[_FEED, _number("batch", "The batch.", least=1)],
            token=["recipient"],
            refused=[*_STOPPED, "not-found", "not-due"],
        )
    },
    "/v1/feeds/{authority}/events": {
        "get": _operation(
            "recipients",
            "A feed as server-sent events",
            {
                200: (
                    "An event for each batch, without end.",
                    _content(EVENTS, {"type": "string"}, EG["events"]),
                )
            },
            description="`id` is the batch; `data` is its header and rows, a line each. A comment comes "
            "every 15 seconds. When the authority is stopped, an event `end` names the code and the answer "
            "ends.",
            parameters=[
                _FEED,
                _AFTER,
                _parameter(
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
        "get": _operation(
            "overseers",
            "The sealed openings of seconds",
            {200: ("A line for each second, by number.", _content(NDJSON, "Opening", EG["opening"]))},
            description="`sealed` is base64 of an age file to the opening keys of the charter. Opened it is "
            "the second, its `entry`, its `seed` and its `facts`, from which the root in the ledger can be "
            "built again.",
            parameters=[
                _number("after", "Begin behind this number; they count from 1.", default=0),
                _number("limit", "At most so many.", least=1, default=100, maximum=1000),
            ],
            token=["overseer"],
            refused=["malformed"],
        )
    },
    "/v1/tokens": {
        "post": _operation(
            "operators",
            "Issue a token",
            {201: ("The token. It is shown once; only its hash is kept.", _content(JSON, None, EG["token"]))},
            description="A name may have several tokens, so that one can be exchanged without a gap. The "
            "charter must know the source, the recipient's unit or the overseer.",
            body=_content(JSON, "TokenName", EG["token_name"]),
            token=["admin"],
            refused=["malformed", "busy", "streams-unavailable"],
        )
    },
    "/v1/tokens/withdraw": {
        "post": _operation(
            "operators",
            "Withdraw every token of a name",
            {200: ("They are worthless from now on.", _content(JSON, None, EG["token_name"]))},
            body=_content(JSON, "TokenName", EG["token_name"]),
            token=["admin"],
            refused=["malformed", "busy", "streams-unavailable"],
        )
    },
    "/metrics": {
        "get": _operation(
            "operators",
            "Metrics for Prometheus",
            {200: ("Text format 0.0.4.", _content(TEXT, None, EG["metrics"]))},
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
        {"name": "documents", "description": "For officers."},
        {"name": "overseers", "description": "For those who may open what the ledger only commits to."},
        {"name": "operators", "description": "For who runs the machine."},
        {"name": "public", "description": "For anybody."},
        {"name": "log", "description": "For anybody: the ledger, in the formats of C2SP."},
    ],
    "security": [{"bearer": []}],
    "paths": {**_SOURCES, **_RECIPIENTS, **_DOCUMENTS, **_OTHERS, **_PUBLIC, **_LOG},
    "components": {
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "A token that the admin issued: `source:<organisation>`, "
                "`recipient:<organisation>/<unit>`, `overseer:<office>` or `admin`.",
            }
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
