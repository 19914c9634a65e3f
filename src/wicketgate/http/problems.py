"""Errors as RFC 9457 problem documents with a stable code."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Annotated

from msgspec import UNSET, Struct, UnsetType, json
from starlette.responses import Response

from wicketgate.base.errors import (
    DocumentRefused,
    FencedError,
    HistoryError,
    HitRefused,
    HotlistRefused,
    InputError,
    NotEntitled,
    StreamError,
    Unreachable,
    WicketgateError,
)
from wicketgate.base.shapes import Count, about

log = logging.getLogger(__name__)

CODES: dict[str, tuple[int, str]] = {
    "unauthorised": (401, "No credential, or one that is not known"),
    "not-entitled": (403, "This credential is not entitled to that"),
    "revoked": (403, "The authority is revoked"),
    "suspended": (403, "The authority is suspended"),
    "review-overdue": (403, "The authority is suspended: its review did not come"),
    "consultation-overdue": (403, "The authority is suspended: the consultation that it needs did not come"),
    "unwitnessed": (403, "Too few witnesses cosign the log for this to go on"),
    "expired": (403, "The authority has expired"),
    "person-needed": (403, "The authority lets named people alone do this"),
    "presence-needed": (403, "This needs a fresh proof that you are there"),
    "form-refused": (403, "The form did not come from a page of this session"),
    "unknown-code": (403, "This code enrols nobody"),
    "provider-unreachable": (502, "The organisation's provider does not answer"),
    "sign-in-refused": (403, "You are not signed in by this"),
    "unknown-passkey": (404, "There is no such passkey"),
    "not-committed": (422, "An opening fits no commitment"),
    "not-found": (404, "There is nothing here"),
    "unknown-moment": (404, "There is no such entry, or no charter was in force then"),
    "unknown-search": (404, "There is no such question of yours, or it is past its term"),
    "question-kind": (422, "The question asks for what does not go together"),
    "not-answered": (409, "The question is not answered"),
    "answer-ended": (410, "The answer is kept no longer"),
    "self-approval": (403, "Nobody approves their own question"),
    "approver-twice": (409, "This person approved the question already"),
    "count-differs": (409, "The approval quotes another number than was told"),
    "approval-spent": (409, "The question has run, was refused or has ended"),
    "too-many-searches": (429, "Too many questions of this person"),
    "not-stopped": (409, "Nobody stopped this unit's right"),
    "history-unavailable": (503, "The history does not answer"),
    "not-in-force-yet": (403, "The authority is not in force yet"),
    "cause-not-allowed": (403, "No keeper is linked for this cause here"),
    "row-unknown": (403, "The row does not stand in the feed as it was shown"),
    "image-needed": (403, "The reference of an image in the row is needed"),
    "not-before": (403, "It is too early to ask for the keeper"),
    "limit-reached": (403, "The row has its link, or the day's links are used up"),
    "vehicle-differs": (403, "The register's vehicle is another than the camera's"),
    "unknown-keeper": (404, "The register knows no keeper of this vehicle"),
    "register-unavailable": (503, "The register does not answer"),
    "unknown-hit": (404, "There is no such hit, or it is past its term"),
    "unknown-read": (404, "There is no such read of this source, or it is past its term"),
    "not-due": (404, "The proof is not due yet"),
    "image-unbound": (404, "No read can be given this image with certainty"),
    "image-conflict": (409, "The read has another image"),
    "image-unreadable": (415, "The image is neither JPEG nor PNG"),
    "method-not-allowed": (405, "That cannot be done here"),
    "not-a-match-authority": (409, "This authority has no hotlist and no hits"),
    "not-confirmed": (409, "Only a confirmed hit can be acted on"),
    "needs-image": (409, "A possible hit is confirmed against its image or an exact read"),
    "needs-look": (409, "A possible hit is confirmed by somebody who opened its image"),
    "seen-missing": (422, "The plate as it was seen is needed"),
    "seen-differs": (409, "The plate as it was seen is not the one on the list"),
    "already-ended": (409, "An outcome is recorded already"),
    "cursor-past-term": (410, "What stood behind this cursor is past its term"),
    "evidence-past-term": (410, "The row is past its term"),
    "erased": (410, "The row was erased"),
    "responses-past-term": (410, "The responses were deleted at the end of their term"),
    "revision-differs": (412, "The list is not at the revision named"),
    "too-large": (413, "The body is too large"),
    "unsupported-media-type": (415, "The body's media type is not taken here"),
    "reason-missing": (422, "A reason is needed"),
    "onward-not-allowed": (422, "The authority does not let it be passed on to them"),
    "more-than-released": (422, "More than the authority released"),
    "clock-ahead": (422, "A time that lies ahead of the gateway's clock"),
    "custody-not-extended": (409, "The journal of this custody is no continuation of the last checkpoint"),
    "already-attested": (409, "A receipt reached further"),
    "id-conflict": (409, "The id was given to another one before"),
    "too-many-failures": (429, "Too many failed sign-ins from here"),
    "too-many-documents": (429, "Too many documents by this token"),
    "too-many-lists": (429, "Too many lists of cameras by this source"),
    "too-many-errata": (429, "Too many errata of this read or source"),
    "too-much-at-once": (429, "This token or address has too much under way"),
    "head-too-large": (431, "The head of the request is too large"),
    "too-slow": (408, "The request came too slowly"),
    "too-many-responses": (429, "Too many responses to this consultation at once"),
    "unknown-consultation": (404, "There is no such consultation"),
    "consultation-not-open": (409, "The consultation has not opened yet"),
    "consultation-closed": (409, "The consultation has closed"),
    "consultation-not-closed": (409, "Nobody sees responses before the consultation has closed"),
    "malformed": (400, "What was sent cannot be read"),
    "busy": (503, "Too much is waiting"),
    "stream-full": (507, "The store is full"),
    "internal": (500, "Something is wrong with the gateway"),
    "streams-unavailable": (503, "The store does not answer"),
    "starting": (503, "The gateway is starting"),
    "standby": (503, "Another sequencer leads"),
    "stalled": (503, "The gateway does not go on"),
    "not-ready": (503, "Something is behind"),
    "elsewhere": (421, "This is not done here"),
}
"""Codes of the API itself, beside those of documents and of reads; `/docs` lists them."""


class FaultyLine(Struct, frozen=True, kw_only=True):
    """A line of a hotlist that cannot be taken."""

    line: Count
    code: str
    detail: str


class PartBehind(Struct, frozen=True, kw_only=True):
    """A part of the gateway that is behind."""

    part: str
    seconds: Annotated[Count, about("For how long.")]
    share: Annotated[float, about("At a start: how much of it is done, 0 to 1.")] | UnsetType = UNSET


class Problem(Struct, frozen=True, kw_only=True):
    """An error, RFC 9457. `/docs` and docs/spec/codes.md list the codes."""

    type: Annotated[str, about("Where the code is documented.")]
    title: str
    status: int
    code: str
    detail: Annotated[str, about("What was wrong here, in words; never a plate.")]
    lines: (
        Annotated[tuple[FaultyLine, ...], about("Of a hotlist: which lines are wrong, and why; at most 100.")]
        | UnsetType
    ) = UNSET
    powers: (
        Annotated[tuple[str, ...], about("Of a document: the powers that no consultation covers, in words.")]
        | UnsetType
    ) = UNSET
    id: Annotated[str, about("Of a disclosure: it is recorded under this id.")] | UnsetType = UNSET
    commit: Annotated[Count, about("Of a disclosure: where it is recorded.")] | UnsetType = UNSET
    behind: Annotated[tuple[PartBehind, ...], about("Of the gateway's health.")] | UnsetType = UNSET


def problem(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    title: str | None = None,
    lines: tuple[FaultyLine, ...] | UnsetType = UNSET,
    powers: tuple[str, ...] | UnsetType = UNSET,
    id: str | UnsetType = UNSET,
    commit: int | UnsetType = UNSET,
    behind: tuple[PartBehind, ...] | UnsetType = UNSET,
    retry_s: int = 1,
) -> Response:
    """Return the response for a code.

    Status and title are the code's own where none is given. `retry_s` counts with 429, 503 and 507.
    """
    default, meaning = CODES.get(code, (400, code))
    number = status or default
    body = Problem(
        type=f"/docs#code-{code}",
        title=title or meaning,
        status=number,
        code=code,
        detail=detail,
        lines=lines,
        powers=powers,
        id=id,
        commit=commit,
        behind=behind,
    )
    headers = {"WWW-Authenticate": "Bearer"} if number == 401 else {}
    if number in {429, 503, 507}:
        headers["Retry-After"] = str(retry_s)
    return Response(
        json.encode(body),
        status_code=number,
        media_type="application/problem+json",
        headers=headers,
    )


def not_allowed(allowed: Iterable[str], detail: str) -> Response:
    """Return the 405 of a path for other methods.

    `Allow` names the methods that it answers (RFC 9110, 15.5.6).
    """
    answer = problem("method-not-allowed", detail)
    answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def problem_of(error: WicketgateError) -> Response:
    """Return the response for an error of ours."""
    if isinstance(error, HotlistRefused):
        faults = error.faults or tuple((line, error.code, error.detail) for line in error.lines)
        lines = tuple(FaultyLine(line=line, code=code, detail=detail) for line, code, detail in faults)
        return problem(error.code, error.detail, status=422, title="The list is refused", lines=lines)
    code, status, detail = _said(error)
    if code == "internal":
        log_unforeseen(error)
    elif isinstance(error, Unreachable):
        log.warning("answered `%s`: what the gateway asks elsewhere does not answer", code)
    if isinstance(error, DocumentRefused) and error.powers:
        return problem(code, detail, status=status, powers=error.powers)
    return problem(code, detail, status=status)


def status_and_title(error: WicketgateError) -> tuple[int, str]:
    """Return the status and title of the response for an error of ours.

    The title is for people.
    """
    code, status, _ = _said(error)
    default, title = CODES.get(code, (400, code))
    return status or default, title


def _said(error: WicketgateError) -> tuple[str, int | None, str]:
    """Return the code, status and detail of an error.

    The status is None where it is the code's own.
    """
    match error:
        case DocumentRefused() | HotlistRefused():
            return error.code, 422, error.detail
        case NotEntitled():
            return error.code, 401 if error.code == "unauthorised" else 403, error.detail
        case FencedError():
            return "streams-unavailable", None, "this gateway stops: another one has taken over"
        case StreamError():
            return error.code if error.code in CODES else "streams-unavailable", None, error.detail
        case InputError() | HitRefused():
            return error.code if error.code in CODES else "malformed", None, error.detail
        case HistoryError():
            return error.code if error.code in CODES else "history-unavailable", None, error.detail
        case Unreachable():  # a gateway asks nobody elsewhere but an organisation's provider
            return error.code if error.code in CODES else "provider-unreachable", None, error.detail
        case _:  # the gateway's own: shapes, settings, the log, signers, what it verifies
            return "internal", 500, "something is wrong with the gateway"


def internal() -> Response:
    """Return the problem of an error that nobody foresaw."""
    return problem("internal", "something is wrong with the gateway", status=500)


def log_unforeseen(error: Exception) -> None:
    """Log the type and place of an error that nobody foresaw: its text may hold posted values."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    place = f"{frame.tb_frame.f_code.co_filename}:{frame.tb_lineno}" if frame is not None else "?"
    log.error("%s at %s", type(error).__name__, place)
