"""The API's description against the routes, the structs and the codes that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from tests import made_gateway
from tests.described import OPENAPI, OPERATIONS, validator_for
from tests.routed import every_route
from tools.check_docs import codes_in, given_codes
from wicketgate.base.periods import parse_period
from wicketgate.base.signing import canonical, parse_envelope
from wicketgate.commits.register import build_register, dump_register
from wicketgate.feeds import batches
from wicketgate.gate import terms as terms_module
from wicketgate.gateway.filing.cameras import MAX_CAMERAS
from wicketgate.hotlists import TEXTS, Hotlist
from wicketgate.hotlists.forms import CSV, NDJSON, HotlistLine, parse_hotlist
from wicketgate.http import codes
from wicketgate.http.answers import BatchProof
from wicketgate.http.gatekeeper import PUSH_PREFIX, is_for_officers, is_public
from wicketgate.http.hot import READS_PATH
from wicketgate.http.openapi.bodies import BatchHeader, EnvelopeBody, RowBody
from wicketgate.http.openapi.examples import EXAMPLES, HOTLIST_CSV
from wicketgate.http.openapi.operation import Operation
from wicketgate.http.problems import CODES
from wicketgate.ledger import facts
from wicketgate.pages import reference
from wicketgate.reads import checks, parse
from wicketgate.reads.adapters import moments
from wicketgate.reads.parse import RawRead
from wicketgate.regime.documents.authority import MatchTerms
from wicketgate.regime.documents.document import KINDS
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import IMAGE_CODES

DOCUMENTS_PAGE = Path("docs/spec/documents.md")
SCHEMAS = OPENAPI["components"]["schemas"]
NAMES = [one.id for one in OPERATIONS]


@pytest.fixture
def served(tmp_path: Path) -> set[tuple[str, str]]:
    """Every route and method of the application."""
    found = {(READS_PATH, "POST"), *((PUSH_PREFIX + "{adapter}", method) for method in ("GET", "POST"))}
    for route in every_route(tmp_path):
        path = re.sub(r":\w+}", "}", route.path)
        # A GET answers HEAD as well, which is not described apart.
        found |= {(path, method) for method in route.methods or () if method != "HEAD"}
    return found


# --- operations ---------------------------------------------------------------------------------------------------


def test_every_route_is_in_the_table_and_every_operation_is_routed(served: set[tuple[str, str]]) -> None:
    listed = [(one.path, one.method) for one in OPERATIONS]
    assert len(set(listed)) == len(listed)
    assert set(listed) - served == set(), "described, and not there"
    assert served - set(listed) == set(), "there, and not described"


def test_the_document_has_every_operation_of_the_table_under_its_id() -> None:
    written = {
        (path, method.upper()): operation["operationId"]
        for path, item in OPENAPI["paths"].items()
        for method, operation in item.items()
    }
    assert written == {(one.path, one.method): one.id for one in OPERATIONS}
    assert len(set(NAMES)) == len(NAMES)
    assert all(re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name) for name in NAMES)


@pytest.mark.parametrize("operation", OPERATIONS, ids=NAMES)
def test_an_operation_says_what_it_is_and_who_may_call_it(operation: Operation) -> None:
    assert (not operation.who) == is_public(operation.path)
    assert operation.is_for_officers == is_for_officers(operation.path)
    assert (not operation.who) == (401 not in operation.refused())
    placed = {one.name for one in operation.parameters if one.place == "path"}
    assert placed == set(re.findall(r"{(\w+)}", operation.path))
    assert operation.summary
    assert operation.tag in {tag["name"] for tag in OPENAPI["tags"]}
    assert all(meaning for meaning, _ in operation.answers().values())
    assert min(operation.answers()) < 400
    assert not operation.answers().keys() & operation.refused().keys()


def test_limits_and_kinds_are_those_of_the_program() -> None:
    cameras = OPENAPI["paths"]["/v1/cameras"]["put"]
    assert f"{MAX_CAMERAS:,} cameras" in cameras["description"]
    assert cameras["requestBody"]["content"]["application/json"]["schema"]["maxItems"] == MAX_CAMERAS
    documents = OPENAPI["paths"]["/v1/documents"]["post"]["description"]
    assert all(kind in documents for kind in KINDS)
    assert len(SCHEMAS["EnvelopeBody"]["properties"]["payloadType"]["enum"]) == len(KINDS)


def test_every_reference_leads_somewhere() -> None:
    named = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(OPENAPI)))
    assert named == set(SCHEMAS)
    assert OPENAPI["openapi"].startswith("3.1.")
    json.loads(msgspec.json.encode(OPENAPI))


def test_the_page_can_show_it() -> None:
    shown = reference.read(OPENAPI)
    assert sum(len(group["operations"]) for group in shown["groups"]) == len(OPERATIONS)
    assert {one["name"] for one in shown["schemas"]} == set(SCHEMAS)
    listed = {
        f"{one['method']} {one['path']}": one for group in shown["groups"] for one in group["operations"]
    }
    for operation in OPERATIONS:
        assert listed[operation.at]["public"] == (not operation.who)
        assert listed[operation.at]["by_session"] == operation.is_for_officers


# --- shapes -------------------------------------------------------------------------------------------------------


def test_every_struct_says_what_it_is() -> None:
    assert [name for name, schema in SCHEMAS.items() if not schema.get("description")] == []
    assert [name for name, schema in SCHEMAS.items() if "----" in schema["description"]] == []


def test_a_line_of_a_hotlist_has_every_text_of_an_entry() -> None:
    assert set(HotlistLine.__struct_fields__) >= {"plate", "kind", "priority", "reason", *TEXTS}


def test_a_register_is_as_described(tmp_path: Path) -> None:
    world = made_gateway.World(tmp_path / "log")
    try:
        world.document(made_gateway.documents.example("authority"))
        register = build_register(
            RegimeAt(world.state.regime, world.parsed, world.at_us), world.state, checkpoint=b"", log_key=""
        )
    finally:
        world.close()
    assert register["authorities"]
    validator_for(SCHEMAS["RegisterBody"]).validate(json.loads(dump_register(register)))


# --- examples -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", EXAMPLES, ids=lambda kind: kind.__name__)
def test_an_example_is_of_its_type(kind: type) -> None:
    validator = validator_for(SCHEMAS[kind.__name__])
    for text in EXAMPLES[kind]:
        msgspec.json.decode(text, type=kind)
        validator.validate(json.loads(text))


def test_the_example_reads_can_be_posted() -> None:
    cameras = {"ccz-0001": 0, "ccz-0002": 1}
    for body, media_type in (
        (EXAMPLES[RawRead][0], parse.JSON),
        ("\n".join(EXAMPLES[RawRead]), parse.NDJSON),
    ):
        rows = parse.parse(body.encode(), media_type)
        now_us = made_gateway.START_US + 60_000_000
        limits = checks.ClockLimits(clock_ahead_us=0, too_old_us=1 << 40)
        checked = checks.check(rows, source="tfl", cameras=cameras.get, limits=limits, now_us=now_us)
        assert not checked.quarantined
        assert len(checked.reads) == len(rows)


def test_the_example_hotlists_can_be_sent() -> None:
    terms = MatchTerms(kinds=("robbery",), max_entries=9, entry_life=parse_period("P28D"))
    for text, media_type in ((EXAMPLES[HotlistLine][0], NDJSON), (HOTLIST_CSV, CSV)):
        changes = parse_hotlist(
            text.encode(),
            media_type,
            terms=terms,
            hotlist=Hotlist.empty(),
            at_us=made_gateway.START_US,
            draw_voi=lambda: "drawn",
            whole=True,
        )
        assert [change.plate for change in changes] == ["AB12CDE"]


def test_the_example_envelope_is_one() -> None:
    envelope = parse_envelope(EXAMPLES[EnvelopeBody][0].encode())
    assert envelope.payload_type == "application/vnd.wicketgate.revocation+json"


def test_the_example_batch_is_proved_by_the_example_proof() -> None:
    header = json.loads(EXAMPLES[BatchHeader][0])
    assert header["rows"] == len(EXAMPLES[RowBody])
    proof = json.loads(EXAMPLES[BatchProof][0])
    assert canonical(proof["fact"]) == facts.release_fact(header)
    erased = json.loads(batches.erased_line(1, b"\0" * 32))
    validator_for(SCHEMAS["ErasedRow"]).validate(erased)


# --- codes --------------------------------------------------------------------------------------------------------


def test_every_code_of_a_request_is_documented() -> None:
    assert codes.REQUEST.keys() == CODES.keys()
    for code, (status, title) in CODES.items():
        assert (codes.REQUEST[code].status, codes.REQUEST[code].meaning) == (status, title)


def test_every_code_of_a_document_is_documented_here_and_in_its_specification() -> None:
    section = DOCUMENTS_PAGE.read_text().split("## 7. Codes")[1]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == codes.DOCUMENT.keys()


def test_every_code_of_a_hotlist_is_documented_here_and_in_its_specification() -> None:
    section = Path("docs/spec/hotlist.md").read_text().split("## 3. ")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)) == codes.HOTLIST.keys()


def test_every_code_of_a_read_and_of_the_gate_is_documented() -> None:
    given = (
        codes_in(Path(parse.__file__).read_text())
        | codes_in(Path(checks.__file__).read_text())
        | codes_in(Path(moments.__file__).read_text())
    )
    given |= {"id-conflict", "plate-empty", "plate-unreadable", "text-changed-late"} | IMAGE_CODES
    assert given == codes.READ.keys()
    assert set(get_args(terms_module.Reason)) == codes.REFUSAL.keys()


def test_no_code_is_given_that_is_not_documented() -> None:
    assert given_codes() <= {one.code for one in codes.ALL}


def test_codes_are_in_the_description_once_for_each_place() -> None:
    listed = [(one["where"], one["code"]) for one in OPENAPI["x-codes"]]
    assert len(set(listed)) == len(listed) == len(codes.ALL)
    assert {where for where, _ in listed} == set(OPENAPI["x-code-places"])


def test_every_code_of_a_request_stands_at_an_operation() -> None:
    given = {one.code for operation in OPERATIONS for some in operation.refused().values() for one in some}
    assert set(codes.REQUEST) - given == {
        "method-not-allowed",
        "internal",
        # before there is an operation
        "head-too-large",
        "too-slow",
        # at a reader of another host, which has the operations of what it serves alone
        "elsewhere",
    }
    refused = OPENAPI["paths"]["/v1/documents"]["post"]["responses"]["422"]["description"]
    assert all(f"`{code}`" in refused for code in codes.DOCUMENT)
