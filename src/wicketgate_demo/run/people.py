"""The people of a demonstration: their officers name them, and each signs in by a code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import PrivateKey, dump_envelope
from wicketgate.clients.officer.people import PeopleDraft, draft_people
from wicketgate.http.sessions import COOKIE
from wicketgate.regime.documents.document import parse_toml, sign_document
from wicketgate.regime.documents.toml import dump_toml
from wicketgate_demo.run.enrolment import bearer, need
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.world.people import PEOPLE, SIGNERS, named


async def name_people(folder: Folder, client: httpx.AsyncClient) -> None:
    """Have each organisation's officer name its people, where nobody has yet.

    A demonstration whose charter lets nobody name people, as that of an older version, has none.
    """
    register = need(await client.get("/register.json"), 200)
    there = {one["organisation"] for one in register.get("people", ())}
    for organisation, office in SIGNERS.items():
        if organisation not in there and not await _submit(folder, client, organisation, office):
            return
        opened = json.loads(folder.openings(organisation).read_bytes())
        answer = await client.put(
            f"/v1/people/{organisation}/openings",
            json=opened,
            headers=bearer(read_secret(folder.token("admin"))),
        )
        need(answer, 200)


async def _submit(folder: Folder, client: httpx.AsyncClient, organisation: str, office: str) -> bool:
    document = folder.document(f"people-{organisation}")
    if not document.exists():
        _draft(folder, organisation, office)
    signed = sign_document(parse_toml(document.read_bytes()), [PrivateKey.load(folder.office_key(office))])
    envelope = dump_envelope(signed)
    folder.envelope(f"people-{organisation}").write_bytes(envelope + b"\n")
    headers = bearer(read_secret(folder.token("source:tfl")))
    answer = await client.post("/v1/documents", content=envelope, headers=headers)
    if answer.status_code == 422 and answer.json()["code"] == "not-entitled":
        return False
    need(answer, 201)
    return True


def _draft(folder: Folder, organisation: str, office: str) -> PeopleDraft:
    """Write a document in which nobody is named, and beside it who is meant; the document last."""
    drafted = draft_people(named(organisation, SystemClock().now_us()))
    folder.openings(organisation).parent.mkdir(mode=0o700, exist_ok=True)
    for path, value in (
        (folder.openings(organisation), {"openings": drafted.openings}),
        (folder.codes(organisation), drafted.codes),
    ):
        write_whole(path, json.dumps(value, indent=1).encode() + b"\n", mode=0o600)
    text = dump_toml(drafted.document, f"Signed by {office}. Names are commitments.")
    write_whole(folder.document(f"people-{organisation}"), text.encode())
    return drafted


async def sign_in_everybody(folder: Folder, client: httpx.AsyncClient) -> dict[str, Any]:
    """Sign each person in by their code, as a browser does; return what `credentials.json` says of them."""
    found = {}
    codes = codes_of(folder)
    for one in PEOPLE:
        if one.short in codes:
            found[one.short] = {
                "name": one.name,
                "of": one.of,
                "roles": list(one.roles),
                "code": codes[one.short],
                "token": await _session(client, codes[one.short]),
            }
    return found


def codes_of(folder: Folder) -> Mapping[str, str]:
    """Return the code of each person, by their short name; of those who are named."""
    found = {}
    for one in PEOPLE:
        path = folder.codes(one.organisation)
        if path.exists() and folder.envelope(f"people-{one.organisation}").exists():
            found[one.short] = json.loads(path.read_bytes())[one.name]
    return found


async def _session(client: httpx.AsyncClient, code: str) -> str:
    answer = await client.post(
        "/sign-in/code",
        data={"code": code},
        headers={"Origin": str(client.base_url).rstrip("/"), "Accept": "application/json"},
    )
    session = answer.cookies.get(COOKIE)
    client.cookies.clear()
    if answer.status_code != 303 or not session:
        raise WicketgateError(
            f"the gateway answers {answer.request.url.path} with {answer.status_code}", code="set-up-refused"
        )
    return session
