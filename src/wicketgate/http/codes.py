"""Every stable code, with its places and its remedy.

It is the one list behind `/openapi.json` and docs/spec/codes.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wicketgate.http.charging_codes import CHARGING
from wicketgate.http.command_codes import COMMAND
from wicketgate.http.problems import CODES

Where = Literal["request", "document", "hotlist", "read", "refusal", "search", "command"]

PLACES: dict[Where, str] = {
    "request": "`code` of a problem document: the request as a whole was not served",
    "document": "`code` of the 422 that refuses a signed document; nothing of it took effect",
    "hotlist": "`code` of the 422 that refuses a hotlist, and of each of its `lines`; nothing of it took effect",
    "read": "`code` of a read in `quarantined`; the other reads of the post were taken",
    "refusal": "`reason` in figures and openings: why an authority did not release a read; never told to a source",
    "search": "`code` of a question that was refused, or of an approval that does not count",
    "command": "in brackets behind the error of a command of `wicketgate`; it exits as docs/commands.md says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code in one place."""

    code: str
    where: Where
    status: int | None
    meaning: str
    remedy: str


_REQUEST = {
    "unauthorised": "Send `Authorization: Bearer TOKEN`; ask the admin for a token if yours was withdrawn.",
    "not-entitled": "Use the token of the unit, source or office that this belongs to.",
    "revoked": "Nothing more can be read; the register names the revocation.",
    "suspended": "Wait for the resumption; the cursor stays good.",
    "review-overdue": "Wait for the review; the cursor stays good.",
    "consultation-overdue": "Wait for the decision on the consultation; the cursor stays good.",
    "unwitnessed": "Wait: it goes on by itself once the witnesses cosign again.",
    "expired": "Have the authority renewed; what it released before can still be read.",
    "person-needed": "Sign in as a person whom your organisation names for that role; a machine's token cannot.",
    "presence-needed": "Show that it is you at `/presence`, or sign the program in again; then do it again.",
    "form-refused": "Load the page again, and send its own form.",
    "unknown-code": "Ask whoever signed the document of people for a code: each enrols one passkey.",
    "provider-unreachable": "Try again; if it goes on, the organisation's provider is down or misnamed.",
    "sign-in-refused": "Begin again at `/sign-in`; if it goes on, ask whoever names the people of your organisation.",
    "unknown-passkey": "Look at your passkeys: it was withdrawn already.",
    "not-committed": "Send the openings that were made with the document of people, and no others.",
    "not-found": "Look at `/docs` for what there is.",
    "unknown-moment": "Name an entry of the ledger, or a time that is past, from the first charter on.",
    "unknown-search": "Use an `id` that `POST /v1/searches` gave you.",
    "question-kind": "Ask by one of `plate`, `plates`, `pattern` and `scenes`; the message says what goes with what.",
    "not-answered": "Look how it stands: `GET /v1/searches/{id}`.",
    "answer-ended": "Ask anew: an answer is kept for as long as its authority says.",
    "self-approval": "Let another person approve.",
    "approver-twice": "Let another person approve.",
    "count-differs": "Look at the number and approve.",
    "approval-spent": "Have it asked anew.",
    "too-many-searches": "Wait, or let questions of yours end first.",
    "not-stopped": "Look at `GET /v1/emergencies`.",
    "history-unavailable": "Ask again in a minute; where the gateway keeps no history nothing can be asked of it.",
    "not-in-force-yet": "Wait until the authority is in force; the register says when.",
    "cause-not-allowed": "Name a cause that the authority, the version that released the row, and the charter name.",
    "row-unknown": "Show the line, the header and the path as they were delivered, while the row stands in its feed.",
    "image-needed": "Show as `image` the `ref` of an image in the row: the source is the recipient itself.",
    "not-before": "Ask again once the authority's `not_before` has passed since the read.",
    "limit-reached": "Nothing of this row for this cause; of others, ask again on another day (UTC).",
    "vehicle-differs": "Look at the image. A person who is sure asks again with `decided`; both may be a clone's.",
    "unknown-keeper": "Nothing: the register has nobody. What it lacks is no keeper's fault.",
    "register-unavailable": "Ask again later: the same link may be asked three times in all.",
    "unknown-hit": "Use an `id` that the feed or `GET /v1/hits` shows.",
    "unknown-read": "Use an `id` that this source gave to a read that was accepted, within the term of its repeats.",
    "not-due": "Ask again after the batch's `merge_by`. If there is nothing then, the promise was broken.",
    "image-unbound": "Send images within ten minutes of their read, or with it. It is in the quarantine.",
    "image-conflict": "Nothing: the read keeps the image that it has. This one is in the quarantine.",
    "image-unreadable": "Send JPEG or PNG.",
    "method-not-allowed": "Look at `/docs` for what can be done here.",
    "not-a-match-authority": "Use an authority of mode match; a hotlist has one of mode unlisted too.",
    "not-confirmed": "Record `confirmed` first, once somebody has compared it.",
    "needs-look": "Fetch the hit's image with the same credential, look at it, and confirm it again.",
    "seen-missing": "Send the plate as it is seen in the image: `plate_seen`.",
    "seen-differs": "Look again. If the plate in the image is another one, record `misread`.",
    "needs-image": "Wait for the image or an exact read, or record `misread`, or `not-acted` with the reason.",
    "already-ended": "Nothing: read the hit to see what was recorded.",
    "cursor-past-term": "Begin behind the first batch still held; what lay before it is gone from the gateway.",
    "revision-differs": "Read the list again, and send what you want to change of it.",
    "reason-missing": "Say why nothing was done.",
    "onward-not-allowed": "Do not pass it on: `onward` of that version names who may have it. The attempt is recorded.",
    "more-than-released": "Correct `rows`, `version` or `at`. Nothing was taken.",
    "clock-ahead": "Set your clock; send a time that is past.",
    "custody-not-extended": "Keep the folder as it is, and tell the overseer: its journal is cut or another's.",
    "already-attested": "Nothing: what you attest was attested already.",
    "id-conflict": "Give each disclosure an `id` of its own.",
    "too-many-failures": "Look at your unit's token: this one is wrong. A right one is taken at once.",
    "too-many-documents": "Wait as long as `Retry-After` says, and send the same again.",
    "too-many-lists": "Wait as long as `Retry-After` says. The list that you have already is always answered.",
    "evidence-past-term": "Nothing: rows end with the charter's term of feeds, and so does what proves them.",
    "erased": "Nothing: the row is gone, and its hash alone is left.",
    "responses-past-term": "Nobody has them any more; the register still says how many there were.",
    "too-many-responses": "Wait as long as `Retry-After` says, and send the same again.",
    "unknown-consultation": "Use an `id` of `/consultations`.",
    "consultation-not-open": "Respond once it has opened: its page says when.",
    "consultation-closed": "Nothing: responses are taken until the closing alone.",
    "consultation-not-closed": "Ask again after the closing.",
    "too-many-errata": "Nothing more of this read; of others, wait until earlier errata are past their term.",
    "too-much-at-once": "Wait for some of it, then send the same again: `Retry-After` says when.",
    "head-too-large": "Send fewer or shorter header fields.",
    "too-slow": "Send the same again. What a request is made of must be ready before it begins.",
    "too-large": "Send less at once. Nothing was taken.",
    "unsupported-media-type": "Set `Content-Type` to one of those listed.",
    "malformed": "Repair the request. Nothing was taken.",
    "busy": "Post the same again after a moment: `Retry-After` says when.",
    "stream-full": "Tell the operator: the disk is full. Post the same again later.",
    "streams-unavailable": "Post the same again: what was stored already is found to be repeated.",
    "standby": "Ask the other sequencer, or whatever stands before both: this one takes nothing while it waits.",
    "starting": "Try again when `/readyz` answers 200: it says what is under way.",
    "stalled": "Operator: look at the gateway's log and at the disk. Sources post again what was not answered.",
    "not-ready": "Operator: wait for what `behind` names; where it goes on growing, look at the disk.",
    "elsewhere": "Ask the gateway itself: what answered is one of its fronts or readers, on another host.",
    "internal": "Tell the operator: the gateway's log has the place.",
}
_DOCUMENT = {
    "unknown-cause": (
        "`keeper.causes` names a cause that the charter does not list.",
        "Name one of the charter's `causes`, or have the charter amended first.",
    ),
    "malformed": (
        "Not an envelope, not canonical, or a member is missing or of the wrong form.",
        "Check it with `wicketgate check`; sign it again.",
    ),
    "unknown-key": (
        "A member that this kind of document does not have.",
        "Remove or correct the member named.",
    ),
    "unknown-purpose": ("A purpose that the charter's tree does not hold.", "Use a purpose of the charter."),
    "unknown-field": (
        "No such field of a read.",
        "Use `plate`, `time`, `place`, `vehicle`, `patch-image` or `overview-image`.",
    ),
    "unknown-organisation": (
        "No such organisation, unit or office, or not with the role that is needed.",
        "Use the names of the charter.",
    ),
    "signature-invalid": (
        "A signature that does not verify, or of a key of no office.",
        "Sign again with the key that stands in the charter.",
    ),
    "signature-missing": ("Offices that have not signed; they are named.", "Let those offices sign too."),
    "signer-duplicate": (
        "One holder or one key counted twice.",
        "Each office must be held by another person with another key.",
    ),
    "not-entitled": (
        "The charter lets nobody do that, or nobody of those who signed.",
        "Change the document or its signers.",
    ),
    "other-log": (
        "It is signed for another log, or for none.",
        "Set `log` to the origin of this gateway's log; sign again.",
    ),
    "term-too-long": (
        "Validity, retention, rhythm of reviews, redaction or coverage beyond the charter's limit.",
        "Shorten it.",
    ),
    "already-expired": (
        "It would have ended before it was submitted.",
        "Set a later `valid_until`; sign again.",
    ),
    "version-not-next": (
        "Not the version that follows, or a review of another version than the latest.",
        "Use the version named.",
    ),
    "named-elsewhere": (
        "A person, or the hash of a code, that stands in another organisation's document of people.",
        "Draft the document anew: commitments and codes are made for one organisation.",
    ),
    "too-many-to-come": (
        "As many versions of these people are to come as may be.",
        "Submit it once one of them holds.",
    ),
    "feed-purpose-fixed": (
        "Controller, recipient, unit or purpose changed under one name; of a scheme its controller, unit, zone or "
        "currency.",
        "Use a new name: one feed never serves two purposes.",
    ),
    "calendar-missing": (
        "A charging scheme reaches into a year, or could be paid in one, that its calendar does not have.",
        "Write out that year in `calendar`.",
    ),
    "not-at-day-edge": (
        "A charging scheme that begins or ends within a day of its zone.",
        "Begin and end it at local midnight.",
    ),
    "retroactive": (
        "A charging scheme that would begin before it was taken.",
        "Choose a later `valid_from`; a waiver alone may look back.",
    ),
    "tariff-gap": ("An hour of a charging scheme without a tariff; it is named.", "Add the tariff."),
    "tariff-overlap": (
        "An hour of a charging scheme with two tariffs; it is named.",
        "Take one of them out.",
    ),
    "unknown-scheme": ("A waiver of a scheme that never took effect.", "Correct its name."),
    "widening": (
        "It allows what no closed consultation covers, and the charter wants one before. `powers` lists it.",
        "Narrow it, or hold the consultation and name it in `authority.consultation`.",
    ),
    "consultation-open": (
        "The consultation named is open, or has no decision yet; or a decision came before the closing.",
        "Wait for the closing and the decision.",
    ),
    "consultation-too-short": (
        "The consultation closes sooner after its publication than the charter wants.",
        "Choose a later `closes_at`.",
    ),
    "consultation-does-not-cover": (
        "The consultation named is not known, was rejected or quashed, or covers less or ends sooner.",
        "Narrow or shorten it, or hold another consultation.",
    ),
    "consultation-closed": ("An objection to a proposal after its closing.", "Object to the authority."),
    "unknown-consultation": ("A document about a consultation that was never opened.", "Correct its id."),
    "objection-unanswered": ("A decision that does not answer an objection.", "Answer it in `answers`."),
    "urgent-too-long": ("An urgent authority of more than the charter's `urgency.longest`.", "Shorten it."),
    "urgent-renewed": (
        "A power that was urgent before, under whatever name, within the charter's `urgency.again_after`.",
        "Hold a consultation.",
    ),
    "retention-beyond-source": (
        "Searches that would reach further back than the source keeps its reads.",
        "Shorten `search.max_age`.",
    ),
    "purpose-redefined": (
        "A charter that takes a purpose out or gives it another title.",
        "Leave the purpose as it is, and add another.",
    ),
    "still-in-use": (
        "A charter without an organisation, unit or purpose that an authority names which is not over.",
        "Revoke the authority first.",
    ),
    "unsupported": (
        "A kind or condition that this version does not enforce.",
        "Leave it out, or wait for a version that enforces it.",
    ),
    "unknown-authority": ("An act on an authority that never took effect.", "Correct the name."),
    "already-taken": ("Its id took effect before, or a second end or decision.", "Nothing: it is done."),
    "unknown-suspension": ("A resumption of what is not suspended.", "Name an open suspension."),
}
_HOTLIST = {
    "malformed": (
        "A line that is not in the form, or a member that is missing or wrong.",
        "Correct the line.",
    ),
    "plate-unreadable": ("The text is not a plate.", "Correct or remove the line."),
    "kind-not-allowed": (
        "A kind that the authority does not name, or none where it names several.",
        "Use a kind that `[match]` of the authority names.",
    ),
    "life-too-long": ("The entry would outlive what the authority allows.", "Set an earlier `expires_at`."),
    "already-expired": ("Its end or its review is past.", "Remove the line, or review the entry."),
    "entry-twice": ("A plate or an `id` that an earlier line has.", "Keep one of the lines."),
    "too-many-entries": (
        "The list would hold more entries than the authority allows.",
        "Take others off the list first.",
    ),
}
_READ = {
    "malformed": (
        "The read has a member that is missing, unknown or of the wrong form.",
        "Correct the sender.",
    ),
    "unknown-camera": ("The source has registered no such camera.", "Register it: `PUT /v1/cameras`."),
    "zone-missing": ("`captured_at` has no time zone.", "Send `Z` or an offset."),
    "time-ambiguous": (
        "A device's date can be read with the day first or the month first.",
        "Set the device to a date that begins with its year.",
    ),
    "clock-ahead": ("Captured further ahead than the charter allows.", "Set the camera's clock."),
    "too-old": ("Captured longer ago than the charter allows.", "Send reads sooner; it cannot be taken."),
    "excluded-place": (
        "The charter lets nothing be collected at this place and time; nothing of it is kept.",
        "Nothing, or turn the camera off there.",
    ),
    "plate-empty": ("Nothing is left of the plate but separators.", "Nothing, or look at the camera."),
    "plate-unreadable": ("The text is not a plate.", "Nothing, or look at the camera."),
    "confidence-range": ("`confidence` is not between 0 and 1.", "Scale it."),
    "id-conflict": ("The `id` was given to another read before.", "Give each read an `id` of its own."),
    "text-changed-late": (
        "A device gave a vehicle another text after the vehicle's read was emitted.",
        "Nothing; often, let the device say sooner that vehicles have left.",
    ),
    "image-missing": (
        "`image` names a part that did not come with the read.",
        "Send both in one form, or the read without `image` and its image after it.",
    ),
    "image-unbound": (
        "An image, not a read: no read can be given it with certainty.",
        "Let exactly one read name it, or send it to the read's `id` within ten minutes.",
    ),
    "image-conflict": (
        "An image, not a read: the read has another one of this kind.",
        "Nothing; the read keeps the image that came first.",
    ),
    "image-unreadable": ("An image, not a read: neither JPEG nor PNG, or too large.", "Set the camera up."),
}
_REFUSAL = {
    "out-of-scope": ("Camera or hour outside the scope.", ""),
    "not-listed": ("Mode match: the vehicle is not on the recipient's list.", ""),
    "listed": ("Mode unlisted: the vehicle is on one of the recipient's lists, and stays.", ""),
    "before-validity": ("Captured before the authority's validity.", ""),
    "not-in-force-yet": ("Decided before the authority took effect.", ""),
    "expired": ("Captured or decided after the authority's validity.", ""),
    "review-overdue": ("A review did not come in time.", "Record the review."),
    "consultation-overdue": (
        "The consultation that the charter wants within a time did not come.",
        "Close one that covers the authority.",
    ),
    "revoked": ("The authority is revoked.", ""),
    "suspended": ("The authority is suspended.", ""),
    "unwitnessed": (
        "Too few witnesses cosign the log, for longer than the charter allows.",
        "Wait for them.",
    ),
    "feed-full": (
        "The feed holds as much as the operator allows.",
        "Raise `feed_bytes`, or wait for the term.",
    ),
    "error": ("Deciding failed; any error is a refusal.", "Tell the operator."),
}
_SEARCH = {
    "no-authority": (
        "No authority of this name lets this unit ask the past.",
        "Ask under one of your unit's own that has `[search]`.",
    ),
    "not-in-force-yet": ("The authority has not taken effect.", ""),
    "expired": ("The authority's validity is over.", ""),
    "suspended": ("The authority is suspended.", "Wait for the resumption."),
    "revoked": ("The authority was revoked, annulled or quashed.", ""),
    "review-overdue": ("A review did not come in time.", "Have the review recorded."),
    "consultation-overdue": ("A consultation did not cover it in time.", ""),
    "unwitnessed": ("Too few witnesses cosign the log, for longer than the charter allows.", "Ask later."),
    "reason-missing": ("Offence, case number or reason is missing.", "Give all three."),
    "question-kind": ("The authority does not name this kind of question.", "Ask as it lets you."),
    "out-of-scope": ("No camera of the question is in the authority's scope.", "Name cameras that are."),
    "older-than-allowed": ("The question begins before what may be looked back at.", "Begin it later."),
    "too-broad": (
        "It is broader than the authority says, and the charter names nobody who may let that.",
        "Ask for less time, fewer cameras or fewer plates.",
    ),
    "approval-needed": ("A read is of an age for which nobody approved the question.", ""),
    "zone-missing": ("A time of the question has no zone.", "Send `Z` or an offset."),
    "approval-spent": ("The question has run, was refused or has ended.", "Have it asked anew."),
    "self-approval": ("Whoever asks does not approve.", "Let another person approve."),
    "approver-twice": ("This person approved it already.", "Let another person approve."),
    "count-differs": ("The approval quotes another number than was told.", "Look at the number and approve."),
    "not-entitled": ("This person approves for no office that is needed.", ""),
}


def _all() -> tuple[Code, ...]:
    listed = [
        Code(code=code, where="request", status=CODES[code][0], meaning=CODES[code][1], remedy=remedy)
        for code, remedy in _REQUEST.items()
    ]
    groups: tuple[tuple[Where, int | None, dict[str, tuple[str, str]]], ...] = (
        ("document", 422, _DOCUMENT),
        ("hotlist", 422, _HOTLIST),
        ("read", None, _READ),
        ("refusal", None, _REFUSAL),
        ("search", None, _SEARCH),
        ("command", None, {**COMMAND, **CHARGING}),
    )
    for where, status, group in groups:
        listed += [
            Code(code=code, where=where, status=status, meaning=meaning, remedy=remedy)
            for code, (meaning, remedy) in group.items()
        ]
    return tuple(listed)


ALL = _all()
"""Every code in every place where it appears."""
REQUEST = {one.code: one for one in ALL if one.where == "request"}
DOCUMENT = {one.code: one for one in ALL if one.where == "document"}
HOTLIST = {one.code: one for one in ALL if one.where == "hotlist"}
READ = {one.code: one for one in ALL if one.where == "read"}
SEARCH = {one.code: one for one in ALL if one.where == "search"}
REFUSAL = {one.code: one for one in ALL if one.where == "refusal"}


def as_markdown() -> str:
    """Return the text of docs/spec/codes.md."""
    titles = {
        "request": "Requests",
        "document": "Signed documents",
        "hotlist": "Hotlists",
        "read": "Reads",
        "refusal": "Refusals of the gate",
        "search": "Questions to the past",
        "command": "Commands",
    }
    lines = [
        "# Codes",
        "",
        "Made from `src/wicketgate/http/codes.py` by `python tools/check_docs.py --write`. Codes are stable: what a",
        "code means never changes, and none is used again for something else.",
    ]
    for where, place in PLACES.items():
        group = [one for one in ALL if one.where == where]
        lines += ["", f"## {titles[where]}", "", f"{place[0].upper()}{place[1:]}.".replace("`C", "`c"), ""]
        with_status = any(one.status for one in group)
        lines += (
            ["| code | status | when | what to do |", "|---|---|---|---|"]
            if with_status
            else [
                "| code | when | what to do |",
                "|---|---|---|",
            ]
        )
        for one in group:
            cells = [
                f"`{one.code}`",
                *([str(one.status)] if with_status else []),
                one.meaning,
                one.remedy or "–",
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
