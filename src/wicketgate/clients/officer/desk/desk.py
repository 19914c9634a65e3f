"""An officer's page: what is asked of it, and what is done.

It holds one document at a time. A form says which one its reader saw, and in which words: where another has been opened
since, or something else has taken effect, nothing is signed and the page is shown anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import InputError, SignerError, Unreachable, WicketgateError
from wicketgate.base.signing import add_signature, dump_envelope
from wicketgate.clients.officer.beside import Stoppable, standing, stoppable
from wicketgate.clients.officer.desk.attempts import Attempts
from wicketgate.clients.officer.desk.door import PageDoor, Request, Turned
from wicketgate.clients.officer.desk.forms import fields_of
from wicketgate.clients.officer.desk.keyring import Keyring
from wicketgate.clients.officer.desk.reading import Reading, read, with_envelope
from wicketgate.clients.officer.desk.server import Idle, PageAnswer, plain
from wicketgate.clients.officer.drafting import draft_stop, new_id
from wicketgate.clients.officer.from_register import ShownRegister, learn
from wicketgate.clients.officer.keyfiles import open_signer, require_passphrase
from wicketgate.clients.officer.refusing import require_needed, require_sound
from wicketgate.pages.officer import HEADERS, AnswerShown, KeyPlace, SigningPages, StoppableShown
from wicketgate.pages.public import assets_of
from wicketgate.regime.documents.binding import bind
from wicketgate.regime.documents.document import SignedDocument, open_either
from wicketgate.regime.documents.toml import dump_toml

_SECOND_US = 1_000_000
_CHANCE_BYTES = 3
_MOST_REASON = 4_000
_MOST_DIGITS = 18
_READ_FOR_US = 3_600 * _SECOND_US
"""For how long a page that was read may be signed."""


class PaperGateway(Protocol):
    """The gateway whose documents are in force."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def rests_on(self) -> str:
        """What the register rests on where it is verified, in words; empty where it is believed."""
        ...

    @property
    def can_send(self) -> bool:
        """Whether there is a token with which to hand documents in."""
        ...

    def register(self) -> Mapping[str, Any]:
        """Return its register, or raise `Unreachable`."""
        ...

    def send(self, envelope: bytes) -> Mapping[str, Any]:
        """Hand a document in, and return its answer; raise what it refuses."""
        ...


class Fault(Exception):
    """Something for the officer to mend: a sentence, and the field at which it stands."""

    def __init__(self, words: str, at: str = "") -> None:
        super().__init__(words)
        self.words = words
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPaper:
    """The document that is open.

    Attributes
    ----------
    mine : bool
        Whether it was signed here.
    """

    name: str
    document: SignedDocument
    mine: bool = False


class PaperDesk:
    """One officer's page.

    Parameters
    ----------
    door : PageDoor
        Who is let in.
    gateway : PaperGateway or None
        Where documents are in force and are sent to.
    keys : Keyring
        Who may sign.
    idle_s : float
        After how long without a request it is over.
    cameras : int or None
        How many cameras are in a document's scope, where that was said.
    """

    def __init__(
        self,
        door: PageDoor,
        gateway: PaperGateway | None,
        keys: Keyring,
        *,
        idle_s: float,
        cameras: int | None = None,
    ) -> None:
        self._door, self._gateway, self._keys = door, gateway, keys
        self._cameras = cameras
        self._idle = Idle(idle_s)
        self._attempts = Attempts()
        self._held: OpenPaper | None = None
        self._answer: AnswerShown | None = None
        self._office = ""
        self._pages = SigningPages()
        self._busy = threading.Lock()  # one thing at a time: a key signs once for one press of a button
        self._ended = False

    def over(self) -> bool:
        """Say whether the officer ended it, or has not used it for long."""
        return self._ended or (self._idle.over() and not self._busy.locked())

    def open(self, name: str, data: bytes) -> None:
        """Open a document.

        Raises
        ------
        InputError, DocumentRefused
            If it is none.
        """
        document = open_either(data)
        _ = document.value  # whether it says anything is seen now
        self._held, self._answer = OpenPaper(name=name, document=document), None

    # --- requests -----------------------------------------------------------------------------------------

    def answer(self, request: Request) -> PageAnswer:
        """PageAnswer a request, after asking the door."""
        turned = self._door.misled(request)
        if turned is not None:
            return plain(turned)
        if request.method == "GET" and request.path.startswith("/assets/"):
            return _asset(request.path)
        if request.method == "GET" and self._door.enter(request.path):
            self._idle.stir()
            return _page(self._pages.enter(self._place()), headers={"Set-Cookie": self._door.cookie})
        turned = self._door.turn(request)
        if turned is not None:
            return plain(turned)
        self._idle.stir()
        with self._busy:
            try:
                return self._route(request)
            except WicketgateError as error:
                return _page(self._pages.problem(self._place(), _sentence(error)), status=422)
            finally:
                self._idle.stir()

    def _route(self, request: Request) -> PageAnswer:
        path = request.path[len(self._door.base) :]
        name, _, about = path.partition("/")
        if request.method == "GET":
            return self._show(name, about)
        fields = fields_of(request.body, request.headers.get("content-type", ""))
        if not self._door.knows_form(fields.get("form_key", b"").decode("utf-8", "replace")):
            return plain(Turned(status=403, words="This form is not of this page, so nothing was done."))
        handler = _FORMS.get(name)
        if handler is None or (about and name != "suspend"):
            return plain(_NOWHERE)
        return handler(self, fields, about)

    def _show(self, name: str, about: str) -> PageAnswer:
        if name == "" and not about:
            return self._home()
        if name == "document" and not about:
            return self._document() if self._held is not None else self._go("")
        if name == "document.dsse.json" and not about and self._held is not None:
            return PageAnswer(
                body=dump_envelope(self._held.document.envelope) + b"\n",
                media_type="application/json",
                headers={**HEADERS, "Content-Disposition": 'attachment; filename="document.dsse.json"'},
            )
        if name == "suspend":
            return self._suspending(about)
        if name == "answer" and not about and self._answer is not None:
            return _page(self._pages.answer(self._place(), self._answer))
        return plain(_NOWHERE)

    # --- what is shown ------------------------------------------------------------------------------------

    def _home(self, fault: str = "", at: str = "document") -> PageAnswer:
        try:
            known = self._learn()
            office = self._whose(known)
            shown = [
                _shown(one)
                for one in ([] if known is None else stoppable(known, _now()))
                if one.required and (not office or one.open_to(office))
            ]
            authorities = None if known is None else shown
        except Unreachable as error:
            authorities, fault = None, fault or _sentence(error)
        page = self._pages.home(
            self._place(),
            authorities=authorities,
            document="" if self._held is None else self._held.name,
            fault=fault,
            at=at,
        )
        return _page(page, status=422 if fault else 200)

    def _document(self, fault: Fault | None = None) -> PageAnswer:
        reading = self._read()
        shown = reading.shown(
            can_send=self._gateway is not None and self._gateway.can_send, mine=self._here().mine
        )
        words, at = ("", "") if fault is None else (fault.words, fault.at)
        page = self._pages.document(self._place(), shown, fault=words, at=at)
        return _page(page, status=200 if fault is None else 422)

    def _suspending(self, name: str, fault: Fault | None = None, reason: str = "") -> PageAnswer:
        known = self._learn()
        found = None if known is None else self._stoppable(known, name)
        if found is None:
            return plain(_NOWHERE)
        words, at = ("", "") if fault is None else (fault.words, fault.at)
        page = self._pages.suspend(self._place(), _shown(found), reason=reason, fault=words, at=at)
        return _page(page, status=200 if fault is None else 422)

    # --- what is done -------------------------------------------------------------------------------------

    def _choose(self, fields: Mapping[str, bytes], _: str) -> PageAnswer:
        data = fields.get("document", b"")
        if not data.strip():
            return self._home("Choose a document")
        try:
            self.open("The document that you chose", data)
        except WicketgateError as error:
            return self._home(_sentence(error))
        return self._go("document")

    def _choose_key(self, fields: Mapping[str, bytes], _: str) -> PageAnswer:
        if not self._keys.choose(fields.get("key", b"").decode("ascii", "replace")):
            return self._home("Choose one of your keys", "key-0")
        self._office = ""
        return self._go("")

    def _sign(self, fields: Mapping[str, bytes], _: str) -> PageAnswer:
        if self._held is None:
            return self._go("")
        try:
            reading = self._seen(fields)
            self._add_signature(reading, fields)
        except Fault as fault:
            return self._document(fault)
        if fields.get("then") == b"send":
            return self._hand_in()
        return self._go("document")

    def _send(self, fields: Mapping[str, bytes], _: str) -> PageAnswer:
        if self._held is None:
            return self._go("")
        try:
            self._seen(fields)
        except Fault as fault:
            return self._document(fault)
        return self._hand_in()

    def _suspend(self, fields: Mapping[str, bytes], name: str) -> PageAnswer:
        known = self._learn()
        if known is None or self._stoppable(known, name) is None:
            return plain(_NOWHERE)
        reason = fields.get("reason", b"").decode("utf-8", "replace").replace("\r\n", "\n").strip()
        try:
            if not reason:
                raise Fault("Say why, in words", "reason")
            if len(reason) > _MOST_REASON:
                raise Fault(f"Say why in at most {_MOST_REASON} characters", "reason")
            at_us = _now() // _SECOND_US * _SECOND_US
            id_ = new_id("suspension", at_us, secrets.token_hex(_CHANCE_BYTES))
            draft = draft_stop("suspension", name, id_=id_, at_us=at_us, reason=reason)
            document = open_either(dump_toml(bind(draft, known.charter.origin)).encode())
            held = OpenPaper(name=id_, document=document)
            reading = read(held.name, document, known, at_us=_now(), cameras=None)
            self._add_signature(reading, fields)
        except Fault as fault:
            return self._suspending(name, fault, reason)
        return self._hand_in()

    def _end(self, fields: Mapping[str, bytes], _: str) -> PageAnswer:
        self._ended = True
        return _page(self._pages.ended(self._place()))

    # --- a signature, and sending it ----------------------------------------------------------------------

    def _seen(self, fields: Mapping[str, bytes]) -> Reading:
        """Return the reading of the document, if it is the one that the form was shown with.

        It is read again for the moment at which it was shown, as some sentences name a time from then on; what was read
        long ago is no more.
        """
        read_at = fields.get("read_at", b"").decode("ascii", "replace")
        at_us = int(read_at) if read_at.isdigit() and len(read_at) < _MOST_DIGITS else 0
        if not 0 <= _now() - at_us <= _READ_FOR_US:
            raise Fault("It is too long since you read the document. Nothing was done: read it again")
        reading = self._read(at_us)
        if fields.get("digest", b"").decode("ascii", "replace") != reading.digest:
            raise Fault(
                "The document or what is in force has changed since you read it. Nothing was done: read it again"
            )
        return self._read()

    def _add_signature(self, reading: Reading, fields: Mapping[str, bytes]) -> None:
        """Sign what was read, with the key that the form's secret opens."""
        try:
            if reading.appraisal is not None:
                require_sound(reading.appraisal)
            signer = self._open_key(fields.get("secret", b""))
            if reading.appraisal is not None:
                require_needed(reading.appraisal, signer.public)
            envelope = add_signature(reading.document.envelope, signer)
        except WicketgateError as error:
            raise Fault(_sentence(error), "secret" if isinstance(error, SignerError) else "") from error
        self._office = reading.office_of(signer.public)
        self._held = OpenPaper(
            name=reading.name, document=with_envelope(reading.document, envelope), mine=True
        )
        self._answer = None

    def _open_key(self, secret: bytes) -> Any:
        """Open the key, unless somebody has tried too often just now."""
        if not self._keys.spec:
            raise Fault("Choose the key that you sign with, on the first page")
        word = self._keys.known.opened_by
        if not word:
            return open_signer(self._keys.spec, _no_secret)
        if not secret:
            raise Fault(f"Type the {word} of your key", "secret")
        wait_s = self._attempts.wait_s(time.monotonic())
        if wait_s > 0:
            raise Fault(
                f"That was not looked at: after a wrong {word} wait {int(wait_s) + 1} seconds, and then try again",
                "secret",
            )
        try:
            signer = open_signer(self._keys.spec, lambda what: require_passphrase(secret, f"the {word}"))
        except SignerError as error:
            if error.code != "passphrase-wrong":
                raise
            self._attempts.note(time.monotonic(), good=False)
            wait = int(self._attempts.wait_s(time.monotonic())) + 1
            raise Fault(
                f"The {word} is wrong. Nothing was signed. Wait {wait} seconds before you try again", "secret"
            ) from error
        self._attempts.note(time.monotonic(), good=True)
        return signer

    def _hand_in(self) -> PageAnswer:
        """Send the document, where nobody else need sign and there is a way; show it otherwise."""
        held, reading = self._here(), self._read()
        if self._gateway is None or not self._gateway.can_send or reading.wanting or reading.refused:
            return self._go("document")
        try:
            said = self._gateway.send(dump_envelope(held.document.envelope))
        except WicketgateError as error:
            return self._document(Fault(f"The gateway did not take it. {_sentence(error)}"))
        known = self._learn_again()
        self._answer = AnswerShown(
            kind=held.document.kind,
            name=held.name,
            entry=int(said.get("entry", 0)),
            in_force_from=str(said.get("in_force_from") or ""),
            stands=[] if known is None else standing(held.document.value, known, _now()),
        )
        return self._go("answer")

    # --- what is known ------------------------------------------------------------------------------------

    def _here(self) -> OpenPaper:
        held = self._held
        assert held is not None
        return held

    def _read(self, at_us: int | None = None) -> Reading:
        held = self._here()
        try:
            known = self._learn()
        except Unreachable:
            known = None
        at_us = _now() if at_us is None else at_us
        return read(held.name, held.document, known, at_us=at_us, cameras=self._cameras)

    def _learn(self) -> ShownRegister | None:
        return None if self._gateway is None else learn(self._gateway.register())

    def _learn_again(self) -> ShownRegister | None:
        """Return what is in force after a document was taken: that it cannot be shown undoes nothing."""
        try:
            return self._learn()
        except (Unreachable, InputError):
            return None

    def _stoppable(self, known: ShownRegister, name: str) -> Stoppable | None:
        return next(
            (one for one in stoppable(known, _now()) if one.authority.name == name and one.required), None
        )

    def _whose(self, known: ShownRegister | None) -> str:
        """Return the office of the key, as far as it can be told; empty otherwise."""
        if known is not None and not self._office:
            offices = known.charter.offices
            public = self._keys.known.public
            held = [one.id for one in offices.values() if one.public == public]
            made_for = self._keys.known.made_for
            self._office = held[0] if held else made_for if public is None and made_for in offices else ""
        return self._office

    def _place(self) -> KeyPlace:
        return KeyPlace(
            base=self._door.base,
            form_key=self._door.form_key,
            gateway="" if self._gateway is None else self._gateway.url,
            key=self._keys.known.name,
            keys=self._keys.names,
            chosen=self._keys.chosen,
            secret=self._keys.known.opened_by,
            office=self._office or self._keys.known.made_for,
            rests_on="" if self._gateway is None else self._gateway.rests_on,
        )

    def _go(self, path: str) -> PageAnswer:
        return PageAnswer(status=303, headers={**HEADERS, "Location": f"{self._door.base}{path}"})


_FORMS: Mapping[str, Callable[[PaperDesk, Mapping[str, bytes], str], PageAnswer]] = {
    "document": PaperDesk._choose,
    "key": PaperDesk._choose_key,
    "sign": PaperDesk._sign,
    "send": PaperDesk._send,
    "suspend": PaperDesk._suspend,
    "end": PaperDesk._end,
}
_NOWHERE = Turned(status=404, words="There is nothing here.")


def _shown(one: Stoppable) -> StoppableShown:
    return StoppableShown(name=one.authority.name, title=one.authority.title, stands=one.status, who=one.who)


def _no_secret(what: str) -> bytes:
    raise SignerError(f"`{what}` wants a passphrase now", code="passphrase-wrong")


def _sentence(error: WicketgateError) -> str:
    return f"{error.detail[:1].upper()}{error.detail[1:]} ({error.code})"


def _page(html: str, *, status: int = 200, headers: Mapping[str, str] | None = None) -> PageAnswer:
    return PageAnswer(status=status, body=html.encode(), headers={**HEADERS, **(headers or {})})


def _asset(path: str) -> PageAnswer:
    asset = assets_of().by_path.get(path)
    if asset is None:
        return plain(_NOWHERE)
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": asset.cache_control,
    }
    return PageAnswer(body=asset.content, media_type=asset.media_type, headers=headers)


def _now() -> int:
    return SystemClock().now_us()
