"""The table of the operations by which people sign in, and by which they are administered."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Struct

from wicketgate.base.shapes import about
from wicketgate.http.openapi.bodies import SignInForm, SignOutForm
from wicketgate.http.openapi.operation import JSON, OFFICER, PAGE, Content, Operation, tagged
from wicketgate.http.parameters import Parameter
from wicketgate.http.people.answers import OpeningsGiven, OpeningsTaken, PasskeysShown
from wicketgate.http.people.passkeys import MOST_ANSWER
from wicketgate.http.requests import FORM, MAX_MEMBERS, MAX_NAME

_ORGANISATION = Parameter(name="organisation", words="An organisation of the charter.")
_PROVIDER = Parameter(name="provider", words="The id of a provider in its document of people.")
_PASSKEY = Parameter(name="id", words="The id of a passkey.")
_NEXT = Parameter(name="next", place="query", words="A path of the gateway to go to afterwards.")
_ENDED = Parameter(name="ended", place="query", words="Says that a session has ended.")
_STATE = Parameter(name="state", place="query", words="What the provider was given.")
_CODE = Parameter(name="code", place="query", words="The provider's code.")
_ISSUER = Parameter(name="iss", place="query", words="Which provider sends the browser (RFC 9207).")
_USER_CODE = Parameter(name="user_code", place="query", words="The code that a program shows.")
_AWAY: dict[int, tuple[str, Content]] = {303: ("The browser is sent on.", {})}
_SIGN_IN: dict[int, tuple[str, Content]] = {
    303: ("Nobody is signed in: a browser is sent to `/sign-in`.", {})
}


class NoMembers(Struct, frozen=True, kw_only=True):
    """Nothing: the authenticator knows whom it signs in."""


class EnrolAsked(Struct, frozen=True, kw_only=True):
    """Whoever has a code wants to make a passkey."""

    code: Annotated[str, about("From whoever signed the document of people.")]


class CredentialSaid(Struct, frozen=True, kw_only=True):
    """The answer of an authenticator, as `PublicKeyCredential.toJSON()` gives it."""

    credential: dict[str, Any]
    code: Annotated[str, about("Of an enrolment.")] = ""
    next: Annotated[str, about("A path of the gateway to go to afterwards.")] = ""


class SignedIn(Struct, frozen=True, kw_only=True):
    """Signed in, by the cookie; where to go."""

    next: str


class PlaceForm(Struct, frozen=True, kw_only=True):
    """Where to work."""

    form_key: str
    place: Annotated[str, about("Its number on the page.")]


class WithdrawForm(Struct, frozen=True, kw_only=True):
    """Which passkey ends."""

    form_key: str
    id: str


class SignInByCodeForm(Struct, frozen=True, kw_only=True):
    """A code of a demonstration."""

    code: str


class DeviceForm(Struct, frozen=True, kw_only=True):
    """Whether a program is let in."""

    form_key: str
    user_code: str
    answer: Literal["yes", "no"]


class DeviceAuthorizationForm(Struct, frozen=True, kw_only=True):
    """A program wants to act for somebody (RFC 8628, 3.1)."""

    client_id: str = ""


class DeviceAuthorization(Struct, frozen=True, kw_only=True):
    """The codes of a program's request (RFC 8628, 3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


class TokenForm(Struct, frozen=True, kw_only=True):
    """A program asks whether it was let in (RFC 8628, 3.4)."""

    grant_type: str
    device_code: str
    client_id: str = ""


class OAuthError(Struct, frozen=True, kw_only=True):
    """Why there is no token (RFC 6749, 5.2; RFC 8628, 3.5)."""

    error: str


class AccessToken(Struct, frozen=True, kw_only=True):
    """A session's bearer token (RFC 6749, 5.1)."""

    access_token: str
    token_type: str
    expires_in: int


# A table: one operation after another, as short as it can be said.
# fmt: off

_FORM = "malformed form-refused unsupported-media-type"
_STRANGER = tagged(
    "duty", (),
    Operation("showSignIn", "GET /sign-in", "The page to sign in", parameters=(_NEXT, _ENDED), gives=PAGE),
    Operation(
        "signIn", "POST /sign-in", "Sign in with the token of a unit whose people are not named",
        "From the page alone. Where it does not let you in, the page says why. A right token is always taken; after "
        "ten wrong ones from one peer the next are answered with 429, but for one every six seconds.",
        takes={FORM: SignInForm}, most=MAX_MEMBERS, status=303,
        meaning="Signed in: a cookie, and on to `/duty`.", as_page=True, codes=f"{_FORM} too-many-failures",
    ),
    Operation(
        "beginPasskey", "POST /sign-in/passkey/begin", "What a browser needs to ask for a passkey",
        takes=NoMembers, most=MOST_ANSWER, gives={JSON: None}, meaning="PublicKeyCredentialRequestOptionsJSON.",
        codes=_FORM,
    ),
    Operation(
        "signInByPasskey", "POST /sign-in/passkey", "Sign in by a passkey", takes=CredentialSaid, most=MOST_ANSWER,
        gives=SignedIn, commits=True, codes=f"sign-in-refused {_FORM}",
    ),
    Operation(
        "signInByCode", "POST /sign-in/code", "Sign in by a code, in a demonstration",
        "As whoever the code was made for, as often as it is shown. Where vehicles are real this answers 404: a code "
        "makes one passkey, once.", parameters=(_NEXT,), takes={FORM: SignInByCodeForm}, most=MAX_MEMBERS, status=303,
        meaning="Signed in: a cookie, and on.", as_page=True, commits=True,
        codes=f"unknown-code not-found too-many-failures {_FORM}",
    ),
    Operation(
        "signInWith", "GET /sign-in/with/{organisation}/{provider}", "Sign in at one's organisation",
        parameters=(_ORGANISATION, _PROVIDER, _NEXT), status=303, meaning="To the provider.", as_page=True,
        codes="not-found provider-unreachable",
    ),
    Operation(
        "comeBack", "GET /sign-in/back/{organisation}/{provider}", "Where a provider sends a browser back",
        "Its page goes on by itself. After ten sign-ins from one peer that were not good the next are answered with "
        "429, but for one every six seconds: the provider is not asked.",
        parameters=(_ORGANISATION, _PROVIDER, _STATE, _CODE, _ISSUER), gives=PAGE, as_page=True, commits=True,
        codes="sign-in-refused not-found malformed provider-unreachable too-many-failures",
    ),
    Operation("showEnrol", "GET /enrol", "The page to make a passkey", gives=PAGE),
    Operation(
        "beginEnrol", "POST /enrol/begin", "What a browser needs to make a passkey", takes=EnrolAsked,
        most=MOST_ANSWER, gives={JSON: None}, meaning="PublicKeyCredentialCreationOptionsJSON.",
        codes=f"unknown-code {_FORM}",
    ),
    Operation(
        "enrol", "POST /enrol", "Make a passkey, and sign in by it", "With a code, which does once.",
        takes=CredentialSaid, most=MOST_ANSWER, gives=SignedIn, commits=True,
        codes=f"unknown-code sign-in-refused {_FORM}",
    ),
    Operation(
        "authorizeDevice", "POST /oauth/device_authorization", "Ask to act for somebody", "RFC 8628.",
        takes={FORM: DeviceAuthorizationForm}, most=MAX_NAME, gives=DeviceAuthorization,
        codes="malformed unsupported-media-type",
    ),
    Operation(
        "getToken", "POST /oauth/token", "Ask whether one was let in",
        "RFC 8628, 3.4 and 3.5: until then 400 with `error`, as OAuth has it.", takes={FORM: TokenForm},
        most=MAX_NAME, gives=AccessToken, codes="unsupported-media-type",
        also={400: ("Or why not, as RFC 8628, 3.5, has it.", {JSON: OAuthError})},
    ),
)

_PERSON = tagged(
    "duty", (OFFICER,),
    Operation(
        "signOut", "POST /sign-out", "Sign out", takes={FORM: SignOutForm}, most=MAX_MEMBERS, status=303,
        meaning="The session has ended, or there was none.", as_page=True, codes=_FORM,
    ),
    Operation("showMe", "GET /me", "Who one is, and by what", gives=PAGE, also=_SIGN_IN),
    Operation(
        "workAt", "POST /me/place", "Work somewhere else", takes={FORM: PlaceForm}, most=MAX_MEMBERS, status=303,
        meaning="In a new session, there.", as_page=True, codes=f"sign-in-refused {_FORM}",
    ),
    Operation(
        "withdrawOwnPasskey", "POST /me/passkeys/withdraw", "End one of one's own passkeys",
        takes={FORM: WithdrawForm}, most=MAX_MEMBERS, gives=PAGE, also=_AWAY, as_page=True, commits=True,
        codes=f"unknown-passkey presence-needed {_FORM}",
    ),
    Operation(
        "showPresence", "GET /presence", "The page to prove that one is there", parameters=(_NEXT,), gives=PAGE,
        also=_SIGN_IN,
    ),
    Operation(
        "beginPresence", "POST /presence/begin", "What a browser needs for that", takes=NoMembers, most=MOST_ANSWER,
        gives={JSON: None}, meaning="PublicKeyCredentialRequestOptionsJSON.", also=_SIGN_IN, codes="malformed",
    ),
    Operation(
        "provePresence", "POST /presence", "Prove by a passkey that one is there", takes=CredentialSaid,
        most=MOST_ANSWER, gives=SignedIn, also=_SIGN_IN, codes=f"sign-in-refused {_FORM}",
    ),
    Operation(
        "provePresenceWith", "GET /presence/with", "Prove it at one's organisation", parameters=(_NEXT,), status=303,
        meaning="To the provider.", as_page=True, codes="sign-in-refused not-found provider-unreachable",
    ),
    Operation(
        "showDevice", "GET /device", "The page to let a program act for oneself", parameters=(_USER_CODE,),
        gives=PAGE, also=_SIGN_IN,
    ),
    Operation(
        "answerDevice", "POST /device", "Let it, or refuse it", takes={FORM: DeviceForm}, most=MAX_MEMBERS,
        gives=PAGE, also=_SIGN_IN, as_page=True, codes=f"sign-in-refused presence-needed {_FORM}",
    ),
)

_ADMIN = tagged(
    "operators", ("admin", "recipient", "source", "overseer"),
    Operation(
        "openPeople", "PUT /v1/people/{organisation}/openings", "Say what an organisation's commitments are to",
        "By the admin, or with a token of the organisation itself. docs/spec/people.md.",
        parameters=(_ORGANISATION,), takes=OpeningsGiven, most=512 << 10, gives=OpeningsTaken, commits=True,
        codes="not-entitled malformed not-committed not-found",
    ),
    Operation(
        "listPasskeys", "GET /v1/people/{organisation}/passkeys", "The passkeys of an organisation's people",
        parameters=(_ORGANISATION,), gives=PasskeysShown, codes="not-entitled",
    ),
    Operation(
        "withdrawPasskey", "DELETE /v1/people/{organisation}/passkeys/{id}", "End a passkey",
        "By the admin. People end their own at `/me`; whoever signs who they are ends it with a version without them.",
        who=("admin",), parameters=(_ORGANISATION, _PASSKEY), status=204, meaning="It signs nobody in any more.",
        commits=True, codes="not-entitled unknown-passkey",
    ),
)

# fmt: on

PEOPLE = (*_STRANGER, *_PERSON, *_ADMIN)
