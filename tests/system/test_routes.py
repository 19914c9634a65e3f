"""Default deny: every route, method and trick, without a credential, with an unknown one, and with another's."""

from __future__ import annotations

import re
import socket
import stat
from pathlib import Path

import httpx
import pytest

from bench.harness import Running
from tests.described import pattern_of
from tests.routed import every_route
from tests.running import CHARGING, NEEDS_CURL, OVERSEER, client, curl, files_below, get, signed_in
from wicketgate.http.gatekeeper import PUSH_PREFIX, is_public
from wicketgate.http.hot import READS_PATH
from wicketgate.http.openapi.document import OPERATIONS
from wicketgate.http.openapi.operation import OFFICER
from wicketgate_demo.world import london

LIVE = "/demonstration/live"
"""An answer without an end: `tests/system/test_live_browser.py` reads it."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOWHERE = (
    "/v1",
    "/v1/",
    "/v1/nothing",
    "/v1/feeds/tfl-charging/nothing",
    "/admin",
    "/debug",
    "/metrics/x",
    "/favicon.ico",
    "/.env",
    "/keys/log.pem",
    "/log",
    "/assets",
    "/authorities",
)
RECIPIENTS = {name for name in london.TOKENS if name.startswith("recipient:")}
SOURCES = {name for name in london.TOKENS if name.startswith("source:")}


def _of(organisation: str) -> set[str]:
    """Return the tokens of an organisation."""
    return {name for name in london.TOKENS if re.split("[:/]", name)[1:2] == [organisation]}


POLICE = _of("met")
KINDS = {
    ("PUT", "/v1/cameras"): SOURCES,
    ("GET", "/v1/cameras"): SOURCES,
    ("POST", READS_PATH): SOURCES,
    ("PUT", "/v1/reads/x/images/patch"): SOURCES,
    ("GET", "/v1/push/axis"): SOURCES,
    ("POST", "/v1/push/axis"): SOURCES,
    ("GET", "/v1/feeds/tfl-charging/images/x"): {CHARGING},
    ("POST", "/v1/feeds/tfl-charging/images"): {CHARGING},
    ("GET", "/v1/quarantine"): SOURCES,
    ("GET", "/v1/feeds"): RECIPIENTS,
    ("GET", "/v1/feeds/tfl-charging"): {CHARGING},
    ("GET", "/v1/feeds/tfl-charging/proofs"): {CHARGING},
    ("GET", "/v1/feeds/tfl-charging/events"): {CHARGING},
    ("GET", "/v1/openings"): {OVERSEER},
    ("GET", "/v1/consultations/x/responses"): {OVERSEER},
    ("POST", "/v1/why"): {OVERSEER},
    ("GET", "/v1/tokens"): {"admin"},
    ("POST", "/v1/tokens"): {"admin"},
    ("POST", "/v1/tokens/withdraw"): {"admin"},
    ("GET", "/metrics"): {"admin"},
    ("POST", "/v1/documents"): {*SOURCES, *RECIPIENTS, OVERSEER, "admin"},
    ("PUT", "/v1/hotlists/tfl-charging"): {CHARGING},
    ("PATCH", "/v1/hotlists/tfl-charging"): {CHARGING},
    ("GET", "/v1/hotlists/tfl-charging"): {CHARGING},
    ("POST", "/v1/disclosures"): RECIPIENTS,
    ("GET", "/v1/disclosures"): {*RECIPIENTS, OVERSEER},
    ("POST", "/v1/receipts"): RECIPIENTS,
    ("GET", "/v1/receipts"): {*RECIPIENTS, OVERSEER},
    ("POST", "/v1/errata"): SOURCES,
    ("GET", "/v1/errata"): RECIPIENTS,
    ("POST", "/v1/errata/taken"): RECIPIENTS,
    ("POST", "/v1/custody/tfl-charging/checkpoints"): {CHARGING},
    ("GET", "/v1/custody/tfl-charging/checkpoints"): {CHARGING},
    ("GET", "/v1/custody/tfl-charging/searches"): {CHARGING},
    ("POST", "/v1/custody/tfl-charging/searches/x/count"): {CHARGING},
    ("POST", "/v1/custody/tfl-charging/searches/x/run"): {CHARGING},
    ("GET", "/v1/alerts"): {*RECIPIENTS, *SOURCES, OVERSEER},
    ("PUT", "/v1/alerts"): {*RECIPIENTS, *SOURCES, OVERSEER},
    ("POST", "/v1/alerts/test"): {*RECIPIENTS, *SOURCES, OVERSEER},
    ("GET", "/v1/hits"): RECIPIENTS,
    ("GET", "/v1/hits/x"): RECIPIENTS,
    ("GET", "/v1/hits/x/evidence"): RECIPIENTS,
    ("POST", "/v1/hits/x/outcome"): RECIPIENTS,
    ("POST", "/v1/keepers"): RECIPIENTS,
    ("GET", "/v1/keepers"): {*SOURCES, OVERSEER},
    ("GET", "/v1/cameras/searches"): SOURCES,
    ("GET", "/v1/emergencies"): {OVERSEER},
    ("POST", "/v1/emergencies/let"): {OVERSEER},
    ("PUT", "/v1/people/met/openings"): {"admin", *POLICE},
    ("GET", "/v1/people/met/passkeys"): {"admin", *POLICE},
    ("DELETE", "/v1/people/met/passkeys/x"): {"admin"},
}
"""Who may call what, written down once more and by hand."""
BY_PEOPLE = {
    ("POST", "/v1/searches"): RECIPIENTS,
    ("POST", "/v1/searches/preview"): RECIPIENTS,
    ("GET", "/v1/searches"): RECIPIENTS,
    ("GET", "/v1/searches/x"): RECIPIENTS,
    ("GET", "/v1/searches/x/rows"): RECIPIENTS,
    ("GET", "/v1/searches/x/images/x"): RECIPIENTS,
    ("GET", "/v1/searches/x/proof"): RECIPIENTS,
    ("GET", "/v1/searches/x/evidence"): RECIPIENTS,
    ("POST", "/v1/searches/x/looks"): RECIPIENTS,
    ("GET", "/v1/searches/x/question"): {*RECIPIENTS, OVERSEER},
    ("GET", "/v1/approvals"): {*RECIPIENTS, OVERSEER},
    ("POST", "/v1/searches/x/approve"): {*RECIPIENTS, OVERSEER},
    ("POST", "/v1/searches/x/refuse"): {*RECIPIENTS, OVERSEER},
}
"""Where whose people may call what; no machine of theirs may."""
OTHERS_PEOPLE = {
    (method, path.replace("/met/", f"/{organisation}/")): {"admin"}
    | (set() if method == "DELETE" else _of(organisation))
    for method, path in (*KINDS,)
    if path.startswith("/v1/people/")
    for organisation in ("tfl", london.OVERSEER.partition("/")[0])
}
"""The same of other organisations: each has its own people."""
BY_SESSION = {
    ("GET", "/me/alerts"),
    ("POST", "/me/alerts"),
    ("POST", "/me/alerts/test"),
    ("POST", "/sign-out"),
    ("GET", "/me"),
    ("POST", "/me/place"),
    ("POST", "/me/passkeys/withdraw"),
    ("GET", "/presence"),
    ("POST", "/presence/begin"),
    ("POST", "/presence"),
    ("GET", "/presence/with"),
    ("GET", "/device"),
    ("POST", "/device"),
    ("GET", "/duty"),
    ("GET", "/duty/queue"),
    ("GET", "/duty/events"),
    ("GET", "/duty/hits/x"),
    ("POST", "/duty/hits/x/outcome"),
    ("GET", "/duty/images/tfl-charging/x"),
    ("GET", "/duty/handover"),
    ("POST", "/duty/handover"),
    ("GET", "/duty/lists"),
    ("GET", "/duty/lists/tfl-charging"),
    ("POST", "/duty/lists/tfl-charging"),
    ("GET", "/duty/lists/tfl-charging/change"),
    ("POST", "/duty/lists/tfl-charging/confirm"),
    ("GET", "/source"),
    ("GET", "/source/cameras.csv"),
    ("GET", "/protection"),
    ("GET", "/protection/suspend/tfl-charging"),
    ("POST", "/protection/suspend/tfl-charging"),
    ("GET", "/approvals"),
    ("GET", "/approvals/x"),
    ("POST", "/approvals/x/approve"),
    ("POST", "/approvals/x/refuse"),
    ("GET", "/questions"),
    ("GET", "/questions/ask"),
    ("POST", "/questions/ask"),
    ("GET", "/questions/check"),
    ("POST", "/questions/check"),
    ("GET", "/questions/x"),
    ("GET", "/questions/x/answer"),
    ("GET", "/questions/x/answer/csv"),
    ("GET", "/questions/x/images/x"),
    ("GET", "/source/questions"),
    ("GET", "/emergencies"),
    ("POST", "/emergencies/let"),
}
"""What no token opens: the pages of officers."""
BY_CODE = "/sign-in/code"
FOR_PROGRAMS = {
    "/sign-in/passkey",
    "/sign-in/passkey/begin",
    "/enrol/begin",
    "/oauth/device_authorization",
    "/oauth/token",
}
"""What a page's script, or a program, posts to before anybody is known."""
PUBLIC = {
    *FOR_PROGRAMS,
    BY_CODE,
    "/enrol",
    "/sign-in/with/met/x",
    "/sign-in/back/met/x",
    "/",
    "/verify",
    "/docs",
    "/register.json",
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/sign-in",
    "/why-not-less",
    "/your-read",
    "/about",
    "/not-found",
    "/authorities",
    "/figures",
    "/figures/2026-07.json",
    "/consultations",
    "/consultations/x",
    "/consultations/x/responses",
    "/drift",
    LIVE,
    "/demonstration/cameras.json",
    "/authorities/tfl-charging/1",
    "/assets/x",
    "/log/key",
    "/log/checkpoint",
    "/log/tile/x",
    "/log/fact/x",
    "/log/policy",
    "/log/witnessed",
    "/log/proof/0",
    "/witnesses",
    "/witnesses.json",
}


def served() -> set[tuple[str, str]]:
    """Return every method and path that the application routes, with its parameters filled in."""
    filled = {
        "authority": "tfl-charging",
        "name": "tfl-charging",
        "version": "1",
        "path": "x",
        "leaf": "x",
        "kind": "patch",
        "ref": "x",
        "id": "x",
        "organisation": "met",
        "provider": "x",
        "form": "csv",
        "month": "2026-07",
        "entry": "0",
    }
    found = {("POST", READS_PATH), ("POST", PUSH_PREFIX + "axis"), ("GET", PUSH_PREFIX + "axis")}
    for route in every_route(Path("nowhere")):
        path = re.sub(r"{(\w+)(?::\w+)?}", lambda match: filled[match[1]], route.path)
        found |= {(method, path) for method in route.methods or () if method != "HEAD"}
    return found


def test_every_route_is_public_or_stands_in_the_table() -> None:
    protected = {(method, path) for method, path in served() if not is_public(path)}
    assert protected == {*KINDS, *BY_PEOPLE, *BY_SESSION}
    assert {path for _, path in served() if is_public(path)} == PUBLIC


def test_the_description_says_the_same_of_who_may_call_what() -> None:
    described = {(one.method, one.path): set(one.who) for one in OPERATIONS if one.who}
    assert len(described) == len(KINDS) + len(BY_PEOPLE) + len(BY_SESSION)
    for (method, path), who in described.items():
        written = [
            known
            for known in {*KINDS, *BY_PEOPLE, *OTHERS_PEOPLE, *BY_SESSION}
            if known[0] == method and pattern_of(path).fullmatch(known[1])
        ]
        kinds = {
            name.partition(":")[0]
            for known in written
            for name in (KINDS | BY_PEOPLE | OTHERS_PEOPLE).get(known, {OFFICER})
        }
        assert who == kinds, (method, path)


def test_nothing_but_the_public_paths_answers_without_a_credential(shared: Running) -> None:
    paths = sorted({path for _, path in served()} | set(NOWHERE))
    with client(shared) as anyone:
        for path in paths:
            for method in METHODS:
                for headers in (
                    {},
                    {"Authorization": "Bearer " + "x" * 43},
                    {"Authorization": "Bearer"},
                    {"Authorization": "Basic dXNlcjpwYXNz"},
                    {"Authorization": "Bearer " + "x" * 5000},
                ):
                    if (headers and method not in ("GET", "POST")) or (
                        path == LIVE and method in ("GET", "HEAD")
                    ):
                        continue
                    answer = anyone.request(method, path, headers=headers)
                    if is_public(path):
                        # A form that no page of this gateway sent is refused, whoever sends it.
                        posted = method == "POST" and path in {"/sign-in", BY_CODE, "/enrol", *FOR_PROGRAMS}
                        posted = posted or path.startswith("/sign-in/back/")
                        assert answer.status_code in ({400, 403, 405, 415} if posted else {200, 404, 405}), (
                            (method, path),
                            answer.text,
                        )
                        continue
                    assert answer.status_code == 401, (method, path)
                    assert answer.headers.get_list("www-authenticate")[0] == "Bearer"
                    if method != "HEAD":
                        assert answer.json()["code"] == "unauthorised"


def test_the_public_paths_answer_without_a_credential(shared: Running) -> None:
    there_is_none = {
        "/not-found",
        "/assets/x",
        "/log/tile/x",
        "/log/fact/x",
        "/log/witnessed",
        "/consultations/x",
        "/figures/2026-07.json",
        "/consultations/x/responses",
        "/sign-in/with/met/x",
        "/sign-in/back/met/x",
        BY_CODE,
        *FOR_PROGRAMS,
    }
    for path in PUBLIC - {LIVE} - there_is_none:
        assert get(shared.url + path).status_code == 200, path
    assert get(f"{shared.url}/log/tile/entries/000.p/1").status_code in {200, 404}
    assert get(f"{shared.url}/figures/2026-07.json").json()["code"] == "not-found"
    # A person who mistypes an address is shown a page, and a program that it is not known.
    lost = get(f"{shared.url}/nowhere", headers={"Accept": "text/html"})
    assert (lost.status_code, "Page not found" in lost.text) == (404, True)
    page = get(shared.url).text
    assets = set(re.findall(r'(?:href|src)="(/assets/[^"]+)"', page))
    assert assets
    for asset in assets:
        assert get(shared.url + asset).status_code == 200


def test_a_credential_of_another_kind_is_refused(shared: Running) -> None:
    for name in shared.tokens:
        with client(shared, name) as caller:
            for (method, path), entitled in (KINDS | BY_PEOPLE | OTHERS_PEOPLE).items():
                if name not in entitled or (method, path) in BY_PEOPLE:
                    answer = caller.request(method, path)
                    assert answer.status_code == 403, (method, path, name)
                    code = "person-needed" if name in entitled else "not-entitled"
                    assert answer.json()["code"] == code, (method, path, name)


def test_no_token_opens_the_pages_of_duty_officers(shared: Running) -> None:
    for name in shared.tokens:
        with client(shared, name) as caller:
            for method, path in sorted(BY_SESSION):
                assert caller.request(method, path).status_code == 401, (method, path, name)


def test_a_credential_that_is_entitled_passes(shared: Running) -> None:
    for name in shared.tokens:
        with client(shared, name) as caller:
            for (method, path), entitled in (KINDS | OTHERS_PEOPLE).items():
                if name in entitled and not path.endswith("/events"):
                    assert caller.request(method, path).status_code not in {401, 403}, (method, path, name)


def test_what_cannot_be_done_is_told_with_what_can(shared: Running) -> None:
    allowed: dict[str, set[str]] = {}
    for method, path in served():
        allowed.setdefault(path, set()).update({method, "HEAD"} if method == "GET" else {method})
    session = signed_in(shared, CHARGING)
    for path, methods in allowed.items():
        written = {**KINDS, **BY_PEOPLE}
        entitled = {name for (_, known), names in written.items() if known == path for name in names}
        by_session = path in {known for _, known in BY_SESSION}
        with client(shared, min(entitled, default=None)) as caller:
            caller.headers.update(session if by_session else {})
            for method in set(METHODS) - methods:
                answer = caller.request(method, path)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].split(", ")) == methods, (method, path)
                if method != "HEAD":
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["code"] == "method-not-allowed"


TRICKS = (
    "//v1/feeds",
    "/v1//feeds",
    "/%76%31/feeds",
    "/v1%2ffeeds",
    "/v1/%66eeds",
    "/V1/feeds",
    "/v1/feeds/",
    "/v1/feeds;x",
    "/v1/feeds%00",
    "/v1/feeds%20",
    "/./v1/feeds",
    "/log/../v1/feeds",
    "/log/%2e%2e/v1/feeds",
    "/assets/../v1/feeds",
    "/assets/..%2fv1/feeds",
    "/assets/../metrics",
    "/assets/%2e%2e/metrics",
    "/authorities/../metrics",
    "/authorities/../v1/openings",
    "/log/tile/../../../keys/log.pem",
    "/log/tile/..%2f..%2fkeys/admin.token",
    "/log/tile/%2e%2e/%2e%2e/keys/admin.token",
    "/log/tile//etc/passwd",
    "/log/../keys/admin.token",
    "/assets/..%2f..%2f..%2fapp.py",
    "/\\v1\\feeds",
    "/register.json/../v1/feeds",
    "/docs/",
    "/healthz/",
    "/METRICS",
    "/metrics/",
    "/metrics?",
    "/v1/openings#/log/key",
    "/v1/openings?/log/",
    "http://elsewhere.example/v1/feeds",
)


@NEEDS_CURL
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_way_of_writing_a_path_reaches_what_is_protected(shared: Running, method: str) -> None:
    secrets = [path.read_bytes().strip() for path in (shared.folder / "keys").iterdir()]
    for trick in TRICKS:
        absolute = ("--request-target", trick) if trick.startswith("http") or "\\" in trick else ()
        url = shared.url if absolute else shared.url + trick
        answer = curl(url, "-X", method, *absolute)
        assert answer.status in {307, 400, 401, 404, 405}, trick
        assert b'feeds":' not in answer.body, trick
        assert b"wicketgate_reads" not in answer.body, trick
        assert not any(secret in answer.body for secret in secrets), trick
        if answer.status == 307:
            assert is_public(httpx.URL(answer.headers["location"]).path), trick


@NEEDS_CURL
def test_a_token_counts_in_its_header_alone(shared: Running) -> None:
    token = shared.tokens["admin"]
    for query in (
        f"?token={token}",
        f"?key={token}",
        f"?access_token={token}",
        f"?Authorization=Bearer%20{token}",
    ):
        assert curl(f"{shared.url}/metrics{query}").status == 401
    host = shared.url.removeprefix("http://")
    assert curl(f"http://admin:{token}@{host}/metrics").status == 401
    assert curl(f"{shared.url}/metrics", "-H", f"Cookie: token={token}").status == 401
    assert curl(f"{shared.url}/metrics", "-H", f"X-Api-Key: {token}").status == 401
    assert curl(f"{shared.url}/metrics", token=token).status == 200


@pytest.mark.parametrize("path", ["/", "/v1/feeds/tfl-charging/events", "/v1/reads"])
def test_no_other_protocol_is_spoken(shared: Running, path: str) -> None:
    handshake = (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with socket.create_connection(shared.address, 5) as connection:
        connection.sendall(handshake.encode())
        status = int(connection.recv(64).split()[1])
    assert status == (200 if path == "/" else 401)


def test_a_second_header_does_not_stand_in_for_the_first(shared: Running) -> None:
    for first, second in (("x" * 43, shared.tokens["admin"]), ("", shared.tokens["admin"])):
        request = (
            f"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {first}\r\n"
            f"Authorization: Bearer {second}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(shared.address, 5) as connection:
            connection.sendall(request.encode())
            assert int(connection.recv(64).split()[1]) == 401


def test_no_token_stands_in_a_file_but_the_one_written_for_its_holder(shared: Running) -> None:
    allowed = shared.folder / "keys" / "admin.token"
    for path, data in [*files_below(shared.folder), (shared.log, shared.log.read_bytes())]:
        for name, token in shared.tokens.items():
            if path != allowed or name != "admin":
                assert token.encode() not in data, (path, name)


def test_secrets_are_for_their_owner_alone(shared: Running) -> None:
    keys = sorted((shared.folder / "keys").iterdir())
    assert {path.name for path in keys} == {"admin.token", "index.key", "log.pem"}
    for path in (*keys, shared.folder / "nats" / "server.conf", shared.folder / "nats" / "server.log"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    for folder in ("keys", "nats"):
        assert stat.S_IMODE((shared.folder / folder).stat().st_mode) == 0o700, folder
    for path in shared.folder.rglob("*"):
        if path.is_relative_to(shared.folder / "log"):
            continue
        parents = [parent for parent in path.parents if parent.is_relative_to(shared.folder)]
        closed = any(not parent.stat().st_mode & 0o077 for parent in parents)
        if path.is_file() and not closed and path.name not in ("wicketgate.toml", "log.key"):
            assert not path.stat().st_mode & 0o077, f"{path} may be read by others"


def test_what_processes_are_called_with_holds_no_secret(shared: Running) -> None:
    for pid in (shared.pid, *shared.children()):
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
        for token in shared.tokens.values():
            assert token.encode() not in line
        assert b"password" not in line.lower()
