"""An officer's page below the browser: its door, its forms, its patience, and what it signs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.registers import Chancery
from tests.vectors import make_documents as world
from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import InputError, Unreachable, WicketgateError
from wicketgate.base.signing import parse_envelope
from wicketgate.clients.officer.desk.attempts import Attempts
from wicketgate.clients.officer.desk.desk import Desk
from wicketgate.clients.officer.desk.door import PageDoor, Request
from wicketgate.clients.officer.desk.forms import fields_of
from wicketgate.clients.officer.desk.server import PageAnswer
from wicketgate.regime.documents.document import open_document
from wicketgate.regime.documents.toml import dump_toml

FORM = "application/x-www-form-urlencoded"
PASSPHRASE = "a gate, a wicket"


@dataclass
class Here:
    """A gateway in this process, that judges as a real one does."""

    chancery: Chancery = field(default_factory=Chancery)
    url: str = "https://gateway.example"
    can_send: bool = True
    away: bool = False
    refusal: WicketgateError | None = None

    def register(self) -> Mapping[str, Any]:
        if self.away:
            raise Unreachable("`https://gateway.example` does not answer")
        return self.chancery.register()

    def send(self, envelope: bytes) -> Mapping[str, Any]:
        if self.refusal is not None:
            raise self.refusal
        return {"entry": self.chancery.submit(envelope), "in_force_from": None}


@dataclass
class Officer:
    """Somebody inside: each press of a button is a request with all that the door wants."""

    desk: Desk
    door: PageDoor
    cookie: str

    def _ask(self, method: str, path: str, body: bytes, kind: str) -> PageAnswer:
        headers = {
            "host": f"127.0.0.1:{self.door.port}",
            "cookie": self.cookie,
            "origin": self.door.origin,
            "content-type": kind,
        }
        return self.desk.answer(
            Request(method=method, path=f"{self.door.base}{path}", headers=headers, body=body)
        )

    def look(self, path: str = "") -> str:
        return self._ask("GET", path, b"", "").body.decode()

    def press(self, path: str, **fields: str) -> PageAnswer:
        body = urlencode({"form_key": self.door.form_key, **fields}).encode()
        return self._ask("POST", path, body, FORM)

    def seen(self) -> dict[str, str]:
        """Return what the form of the document carries."""
        page = self.look("document")
        return {
            name: page.partition(f'name="{name}" value="')[2].partition('"')[0]
            for name in ("digest", "read_at")
        }


@pytest.fixture(autouse=True)
def at_the_time_of_the_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now_us", lambda self: world.AT_US)


def officer(
    folder: Path, gateway: Here | None, office: str, *, passphrase: str = "", label: bool = True
) -> Officer:
    key = folder / f"{office.replace('/', '-')}.pem"
    world.key_of(office).save(key, label=office if label else None, passphrase=passphrase.encode() or None)
    door = PageDoor(port=4711)
    desk = Desk(door, gateway, str(key), idle_s=60)
    way_in = Request(method="GET", path=door.entrance, headers={"host": "127.0.0.1:4711"})
    said = desk.answer(way_in)
    assert desk.answer(way_in).status == 403
    return Officer(desk, door, said.headers["Set-Cookie"].partition(";")[0])


@pytest.fixture
def here() -> Here:
    made = Here()
    made.chancery.submit(world.example("authority"), world.CT_OFFICES)
    return made


def paper(**puts: Any) -> bytes:
    changes = [world.put(path.replace("__", "."), value) for path, value in puts.items()]
    return dump_toml(world.bound(world.changed(world.example("authority"), *changes))).encode()


def test_what_is_signed_is_what_was_read(tmp_path: Path, here: Here) -> None:
    mine = officer(tmp_path, here, "tfl/data-protection")
    mine.desk.open("one.toml", paper(authority__version=2))
    seen = mine.seen()
    # Another tab opens another document.
    mine.desk.open("two.toml", paper(authority__version=2, authority__recipient_retention="P1D"))
    said = mine.press("sign", **seen, then="keep")
    assert (said.status, b"has changed since you read it" in said.body) == (422, True)
    assert "Nobody has signed it yet" in mine.look("document")
    # Something takes effect at the gateway.
    mine.desk.open("one.toml", paper(authority__version=2))
    assert mine.seen() == seen
    here.chancery.submit(world.example("suspension"), ["ico/deputy"])
    assert mine.press("sign", **seen, then="keep").status == 422
    assert mine.press("sign", **mine.seen(), then="keep").status == 303
    envelope = parse_envelope(mine.look("document.dsse.json").strip().encode())
    assert len(envelope.signatures) == 1
    assert (
        open_document(mine.look("document.dsse.json").strip().encode()).payload["authority"]["version"] == 2
    )


def test_a_sentence_that_names_a_time_from_now_on_stops_nobody(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An authority that a consultation must cover within a time: until when is another moment each second."""
    clock = [world.AT_US]

    def tick(self: SystemClock) -> int:
        clock[0] += 1_000_001
        return clock[0]

    monkeypatch.setattr(SystemClock, "now_us", tick)
    mine = officer(tmp_path, here, world.MATCH_OFFICES[0])
    mine.desk.open("match.toml", dump_toml(world.bound(world.example("authority-match"))).encode())
    first, then = mine.look("document"), mine.look("document")
    assert "unless a consultation covers it by" in first
    assert first != then
    seen = mine.seen()
    clock[0] += 3_601_000_000
    assert b"too long since you read" in mine.press("sign", **seen, then="keep").body
    assert mine.press("sign", **{**seen, "read_at": "9" * 30}, then="keep").status == 422
    assert mine.press("sign", **mine.seen(), then="keep").status == 303


def test_nothing_is_sent_before_the_last_has_signed(tmp_path: Path, here: Here) -> None:
    entries = here.chancery.state.entries
    envelope = paper(authority__version=2)
    for office in world.CT_OFFICES:
        assert here.chancery.state.entries == entries
        mine = officer(tmp_path, here, office)
        mine.desk.open("paper", envelope)
        said = mine.press("sign", **mine.seen(), then="send")
        assert said.status == 303
        envelope = mine.look("document.dsse.json").strip().encode()
    assert said.headers["Location"].endswith("/answer")
    assert here.chancery.state.entries == entries + 1
    assert "`tfl-met-ct@2`" not in mine.look("answer")
    assert "is in force now" in mine.look("answer")


def test_a_refusal_of_the_gateway_is_shown_and_the_signature_kept(tmp_path: Path, here: Here) -> None:
    here.refusal = WicketgateError("the token is not known", code="unauthorised")
    mine = officer(tmp_path, here, "ico/deputy")
    said = mine.press("suspend/tfl-met-ct", reason="As the test says.")
    assert said.status == 422
    assert b"The gateway did not take it. The token is not known (unauthorised)" in said.body
    here.refusal = None
    assert mine.press("send", **mine.seen()).headers["Location"].endswith("/answer")
    assert "is suspended now" in mine.look("answer")


def test_without_a_token_it_is_signed_and_saved(tmp_path: Path, here: Here) -> None:
    here.can_send = False
    mine = officer(tmp_path, here, "ico/deputy")
    assert (
        mine.press("suspend/tfl-met-ct", reason="As the test says.").headers["Location"].endswith("/document")
    )
    assert "Send it to the gateway" not in mine.look("document")
    here.chancery.submit(mine.look("document.dsse.json").strip().encode())


def test_only_those_that_the_office_may_suspend_are_listed(tmp_path: Path, here: Here) -> None:
    assert 'suspend/tfl-met-ct"' in officer(tmp_path, here, "ico/deputy").look()
    other = officer(tmp_path, here, "met/national-security")
    assert "suspend/" not in other.look()
    assert "There is no authority that met/national-security may suspend" in other.look()
    # Typed all the same, it is refused as the command refuses it.
    said = other.press("suspend/tfl-met-ct", reason="As the test says.")
    assert (said.status, b"is of none of those who must sign" in said.body) == (422, True)
    unknown = officer(tmp_path / "..", here, "met/serious-crime", passphrase=PASSPHRASE, label=False)
    assert 'suspend/tfl-met-ct"' in unknown.look()  # whose key it is cannot be told yet


def test_what_would_be_refused_is_not_signed_whatever_is_pressed(tmp_path: Path, here: Here) -> None:
    mine = officer(tmp_path, here, "tfl/data-protection")
    mine.desk.open("bad.toml", paper(authority__version=7))
    digest = mine.desk._read().digest
    assert "cannot be signed here" in mine.look("document")
    assert mine.press("sign", digest=digest, read_at=str(world.AT_US), then="send").status == 422
    assert parse_envelope(mine.look("document.dsse.json").strip().encode()).signatures == ()


def test_a_gateway_that_is_away_is_said_so(tmp_path: Path, here: Here) -> None:
    mine = officer(tmp_path, here, "tfl/data-protection")
    here.away = True
    assert "does not answer" in mine.look()
    assert "does not answer" in mine.look("suspend/tfl-met-ct")
    mine.desk.open("paper", paper(authority__version=2))
    assert "That is not known here" in mine.look("document")
    alone = officer(tmp_path / "..", None, "met/national-security")
    assert "None was named" in alone.look()


def test_a_wrong_passphrase_waits_and_is_in_no_answer(tmp_path: Path, here: Here) -> None:
    mine = officer(tmp_path, here, "ico/deputy", passphrase=PASSPHRASE)
    fields = {"reason": "As the test says."}
    assert b"Type the passphrase" in mine.press("suspend/tfl-met-ct", **fields).body
    said = mine.press("suspend/tfl-met-ct", secret="not the one", **fields)
    assert b"The passphrase is wrong. Nothing was signed." in said.body
    assert b"not the one" not in said.body
    assert b"As the test says." in said.body
    mine.desk._attempts.note(0.0, good=True)
    assert mine.press("suspend/tfl-met-ct", secret=PASSPHRASE, **fields).status == 303


def test_each_wrong_attempt_doubles_the_wait() -> None:
    attempts, waits = Attempts(), []
    for _ in range(8):
        attempts.note(0.0, good=False)
        waits.append(attempts.wait_s(0.0))
    assert waits == [2, 4, 8, 16, 32, 64, 64, 64]
    assert attempts.wait_s(64.0) == 0
    attempts.note(64.0, good=True)
    assert (attempts.wrong, attempts.wait_s(0.0)) == (0, 0)


@given(
    st.binary(max_size=2_000), st.sampled_from([FORM, "multipart/form-data; boundary=x", "text/plain", ""])
)
def test_any_bytes_are_a_form_or_refused(body: bytes, kind: str) -> None:
    for data in (body, b"--x\r\nContent-Disposition: form-data; name=a\r\n" + body + b"\r\n--x--\r\n"):
        try:
            fields_of(data, kind)
        except InputError:
            continue


@given(st.binary(max_size=500).filter(lambda one: b"--x" not in one))
def test_a_file_comes_through_as_it_is(content: bytes) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="form_key"\r\n\r\nkey\r\n--x\r\nContent-Disposition: form-data; '
        b'name="document"; filename="a.toml"\r\nContent-Type: application/octet-stream\r\n\r\n'
        + content
        + b"\r\n--x--\r\n"
    )
    assert fields_of(body, "multipart/form-data; boundary=x") == {"form_key": b"key", "document": content}


def test_forms_are_bounded() -> None:
    nested = "".join(
        f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in range(2_000)
    )
    for body, kind in (
        (b"&".join(b"a%d=1" % n for n in range(9)), FORM),
        (b"a=1&a=2", FORM),
        (b"a=%ff", FORM),
        (nested.encode(), "multipart/form-data; boundary=b0"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 9 + b"--x--",
            "multipart/form-data; boundary=x",
        ),
    ):
        with pytest.raises(InputError):
            fields_of(body, kind)
