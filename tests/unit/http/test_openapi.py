"""The API's description against the routes, the shapes and the codes that there are."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import msgspec
import pytest

from tests import made_gateway
from tools.check_docs import codes_in, given_codes
from wicketgate.base.periods import parse_period
from wicketgate.base.signing import ENVELOPE_TYPE, canonical, parse_envelope
from wicketgate.commits.register import build_register
from wicketgate.commits.transactions import IMAGE_CODES, CameraSet
from wicketgate.feeds import batches
from wicketgate.gate import terms as terms_module
from wicketgate.gateway.filing import hotlists
from wicketgate.hotlists import TEXTS, Listing, outcomes
from wicketgate.hotlists.forms import CSV, NDJSON, parse_hotlist
from wicketgate.http import codes
from wicketgate.http.api.feeds import Api
from wicketgate.http.app import READS_PATH, routes
from wicketgate.http.gatekeeper import PUSH_PREFIX, is_public
from wicketgate.http.openapi.document import ENVELOPE, OPENAPI
from wicketgate.http.openapi.examples import EXAMPLES
from wicketgate.http.openapi.schemas import SCHEMAS
from wicketgate.http.problems import CODES
from wicketgate.ledger import facts
from wicketgate.pages import reference
from wicketgate.reads import parse
from wicketgate.reads.adapters import values
from wicketgate.regime import standing
from wicketgate.regime.documents.authority import MatchTerms

DOCUMENTS_PAGE = Path("docs/spec/documents.md")
METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
def served(tmp_path: Path) -> set[tuple[str, str]]:
    """Every route and method of the application."""
    charter = SimpleNamespace(demonstration=True)
    gateway: Any = SimpleNamespace(
        deployment=SimpleNamespace(log=tmp_path),
        commits=SimpleNamespace(parsed=SimpleNamespace(charter=lambda _: charter), committed=None),
    )
    found = {(READS_PATH, "post"), (PUSH_PREFIX + "{adapter}", "post")}
    for route in routes(gateway, Api(gateway)):
        path = re.sub(r":\w+}", "}", route.path)
        # A GET answers HEAD as well, which is not described apart.
        found |= {(path, method.lower()) for method in route.methods or () if method != "HEAD"}
    return found


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in OPENAPI["paths"].items()
        for method, operation in item.items()
    ]


def test_every_route_is_documented_and_every_documented_one_exists(served: set[tuple[str, str]]) -> None:
    documented = {(path, method) for path, method, _ in operations()}
    assert documented - served == set(), "described, and not there"
    assert served - documented == set(), "there, and not described"
    assert {method for _, method in documented} <= METHODS


def test_what_is_public_is_what_the_gatekeeper_lets_through() -> None:
    for path, method, operation in operations():
        open_to_all = operation["security"] == []
        assert open_to_all == is_public(path), (method, path)
        assert open_to_all == ("401" not in operation["responses"]), (method, path)


def test_parameters_in_the_path_are_described() -> None:
    for path, method, operation in operations():
        inside = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
        assert inside == set(re.findall(r"{(\w+)}", path)), (method, path)


def test_every_operation_says_what_it_is_and_answers() -> None:
    tags = {tag["name"] for tag in OPENAPI["tags"]}
    for path, method, operation in operations():
        assert operation["summary"], (method, path)
        assert set(operation["tags"]) <= tags
        assert {"200", "201", "303"} & operation["responses"].keys(), (method, path)
        for answer in operation["responses"].values():
            assert answer["description"]


def test_every_reference_leads_somewhere() -> None:
    for name in re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(OPENAPI)):
        assert name in SCHEMAS
    assert OPENAPI["openapi"].startswith("3.1.")
    json.loads(msgspec.json.encode(OPENAPI))


def test_the_page_can_show_it() -> None:
    shown = reference.read(OPENAPI)
    assert sum(len(group["operations"]) for group in shown["groups"]) == len(operations())
    assert {one["name"] for one in shown["schemas"]} == set(SCHEMAS)


# --- shapes -------------------------------------------------------------------------------------------------------


def members(name: str) -> set[str]:
    return set(SCHEMAS[name]["properties"])


def test_shapes_are_those_of_the_program() -> None:
    assert members("Read") == set(parse.RawRead.__struct_fields__)
    assert set(SCHEMAS["Read"]["properties"]["vehicle"]["properties"]) == set(parse.Vehicle.__struct_fields__)
    assert members("Camera") == set(CameraSet.__struct_fields__)
    assert members("FactProof") == set(facts.FactAnswer.__struct_fields__)
    assert members("HotlistEntry") >= {"plate", "kind", "priority", "reason", *TEXTS}
    assert set(EXAMPLES["hit"]) == members("Hit") - {"late", "clone"}
    assert (
        set(EXAMPLES["list_taken"])
        == members("ListTaken")
        == {one.name for one in fields(hotlists.ListTaken)}
    )
    assert set(SCHEMAS["Said"]["properties"]["outcome"]["enum"]) == set(get_args(outcomes.Said))
    statuses = SCHEMAS["RegisteredAuthority"]["properties"]["status"]["enum"]
    assert sorted(statuses) == sorted(get_args(standing.Status))
    assert ENVELOPE == ENVELOPE_TYPE


def test_shapes_of_the_register_are_those_of_a_register(tmp_path: Path) -> None:
    world = made_gateway.World(tmp_path / "log")
    try:
        world.document(made_gateway.documents.example("authority"))
        register = build_register(world.state, world.parsed, checkpoint=b"", log_key="", as_of_us=world.at_us)
    finally:
        world.close()
    assert set(register) == members("Register")
    assert set(register["authorities"][0]) == members("RegisteredAuthority")
    assert set(EXAMPLES["register"]) == members("Register")
    assert set(EXAMPLES["register"]["figures"][0]) == members("Figures")


# --- examples -----------------------------------------------------------------------------------------------------


def test_the_example_reads_can_be_posted() -> None:
    cameras = {"ccz-0001": 0, "ccz-0002": 1}
    for body, media_type in (
        (msgspec.json.encode(EXAMPLES["read"]), parse.JSON),
        (EXAMPLES["reads_ndjson"].encode(), parse.NDJSON),
    ):
        rows = parse.parse(body, media_type)
        now_us = made_gateway.START_US + 60_000_000
        limits = parse.Limits(clock_ahead_us=0, too_old_us=1 << 40)
        checked = parse.check(rows, source="tfl", cameras=cameras.get, limits=limits, now_us=now_us)
        assert not checked.quarantined
        assert len(checked.reads) == len(rows)


def test_the_example_cameras_can_be_registered() -> None:
    assert len(msgspec.convert(EXAMPLES["cameras"], list[CameraSet])) == 2


def test_the_example_hotlists_can_be_sent() -> None:
    terms = MatchTerms(kinds=("robbery",), max_entries=9, entry_life=parse_period("P28D"))
    for text, media_type in ((EXAMPLES["hotlist"], NDJSON), (EXAMPLES["hotlist_csv"], CSV)):
        changes = parse_hotlist(
            text.encode(),
            media_type,
            terms=terms,
            listing=Listing.empty(),
            at_us=made_gateway.START_US,
            draw_voi=lambda: "drawn",
            whole=True,
        )
        assert [change.plate for change in changes] == ["AB12CDE"]


def test_the_example_envelope_is_one() -> None:
    envelope = parse_envelope(canonical(EXAMPLES["envelope"]))
    assert envelope.payload_type == "application/vnd.wicketgate.revocation+json"


def test_the_example_batch_has_the_shapes_described() -> None:
    header, row = (json.loads(line) for line in EXAMPLES["batch"].splitlines())
    assert set(header) == members("BatchHeader")
    assert set(header["promise"]) == members("Promise")
    assert set(row) <= members("Row")
    assert header["rows"] == 1
    assert set(EXAMPLES["batch_proof"]) == members("BatchProof")
    assert canonical(EXAMPLES["batch_proof"]["fact"]) == facts.release_fact(header)
    assert batches.erased_line(1, b"\0" * 32).startswith(b'{"seq":1,"erased":"')


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
    given = codes_in(Path(parse.__file__).read_text()) | codes_in(Path(values.__file__).read_text())
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
    text = " ".join(
        answer["description"]
        for _, _, operation in operations()
        for answer in operation["responses"].values()
    )
    everywhere = {"method-not-allowed", "internal"}
    assert {code for code in codes.REQUEST if f"`{code}`" not in text} == everywhere
    refused = OPENAPI["paths"]["/v1/documents"]["post"]["responses"]["422"]["description"]
    assert all(f"`{code}`" in refused for code in codes.DOCUMENT)
