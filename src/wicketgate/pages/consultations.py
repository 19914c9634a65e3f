"""The consultations of a register, made ready for the templates.

Pure: what the public said comes besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.pages import phrases
from wicketgate.pages.views import ShownNames, tables, texts, view_of

GROUPS = (
    ("open", "Open now", ("open",)),
    ("announced", "Not open yet", ("announced",)),
    ("closed", "Closed, and not decided yet", ("closed",)),
    ("decided", "Decided", ("approved", "rejected", "coverage-ended", "quashed", "void")),
)
"""The parts of the list: id, heading, and the statuses in it."""


def consultations_of(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the consultations of a register for the templates, the latest first."""
    names = ShownNames(register)
    found = [consultation_of(item, names) for item in tables(register.get("consultations"))]
    return sorted(found, key=lambda one: _entry(one["item"]), reverse=True)


def open_of(register: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the open consultations, the first to close first.

    Each has `href`, `title` and `closes`, and anybody can respond to it now.
    """
    found = [
        {
            "href": f"/consultations/{item.get('id')}",
            "title": item.get("title") or item.get("id"),
            "closes": item.get("closes_at"),
        }
        for item in tables(register.get("consultations"))
        if item.get("status") == "open"
    ]
    return sorted(found, key=lambda one: phrases.at_us_of(one["closes"]) or 0)


def groups_of(consultations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the non-empty parts of the list of consultations.

    A status that is not known stands with the decided.
    """
    known = {status for _, _, statuses in GROUPS for status in statuses}
    groups = []
    for key, title, statuses in GROUPS:
        inside = [
            one
            for one in consultations
            if one["status"]["id"] in statuses or (key == "decided" and one["status"]["id"] not in known)
        ]
        if inside:
            groups.append({"id": key, "title": title, "consultations": inside})
    return groups


def consultation_of(item: Mapping[str, Any], names: ShownNames) -> dict[str, Any]:
    """Return one consultation with the words for its pages."""
    document = item.get("document") or {}
    said = document.get("consultation") or {}
    draft = document.get("draft") or {}
    status = str(item.get("status"))
    label, colour, explanation = phrases.CONSULTATIONS.get(status, (status, "grey", ""))
    is_charter = item.get("kind") == "charter" or "charter" in draft
    return {
        "item": item,
        "id": item.get("id"),
        "href": f"/consultations/{item.get('id')}",
        "title": item.get("title") or said.get("title") or item.get("id"),
        "status": {"id": status, "label": label, "colour": colour, "explanation": explanation},
        "opens": item.get("opens_at") or said.get("opens_at"),
        "closes": item.get("closes_at") or said.get("closes_at"),
        "assessment": said.get("assessment") or "",
        "is_charter": is_charter,
        "draft": None if is_charter else _draft(item, draft, names),
        "charter": (draft.get("charter") or {}) if is_charter else {},
        "words": texts(item.get("words")),
        "wider": texts(item.get("wider")),
        "signers": [(names.signer(one.get("keyid")), one) for one in tables(item.get("signatures"))],
        "objections": [_objection(one, names) for one in tables(item.get("objections"))],
        "decision": _decision(item.get("decision"), names, item),
        "json": phrases.as_json(document, indent=2),
        "may_respond": status == "open",
        "is_shown": status not in {"announced", "open"},
    }


def _draft(item: Mapping[str, Any], draft: Mapping[str, Any], names: ShownNames) -> dict[str, Any]:
    authority = draft.get("authority") or {}
    return view_of(
        {
            "name": authority.get("name"),
            "version": authority.get("version"),
            "status": "proposed",
            "mode": authority.get("mode"),
            "document": draft,
            **({"cameras": item["cameras"]} if "cameras" in item else {}),
        },
        names,
    )


def _objection(item: Mapping[str, Any], names: ShownNames) -> dict[str, Any]:
    return {
        "id": item.get("id"),
        "who": names.organisation(item.get("organisation")),
        "reason": item.get("reason") or "",
        "at": item.get("at"),
        "entry": item.get("entry"),
        "signers": [names.signer(one.get("keyid")) for one in tables(item.get("signatures"))],
    }


def _decision(decision: object, names: ShownNames, item: Mapping[str, Any]) -> dict[str, Any] | None:
    if not isinstance(decision, Mapping):
        return None
    document = decision.get("document") or {}
    answers = decision.get("answers")
    if isinstance(answers, Mapping):
        answered = {str(key): str(value) for key, value in answers.items()}
    else:
        answered = {str(one.get("objection")): str(one.get("answer")) for one in tables(answers)}
    by_id = {str(one.get("id")): one for one in tables(item.get("objections"))}
    covered = document.get("covered")
    return {
        "id": decision.get("id"),
        "approved": decision.get("outcome") == "approved",
        "outcome": "Approved" if decision.get("outcome") == "approved" else "Rejected",
        "reasons": decision.get("reasons") or "",
        "at": decision.get("at"),
        "entry": decision.get("entry"),
        "until": decision.get("covered_until") if item.get("status") == "approved" else None,
        "covers": _covers(item, decision, less=isinstance(covered, Mapping)),
        "covered": _draft(item, covered, names) if isinstance(covered, Mapping) else None,
        "answers": [
            {
                "objection": key,
                "who": names.organisation(by_id[key].get("organisation")) if key in by_id else key,
                "answer": answer,
            }
            for key, answer in answered.items()
        ],
        "signers": [(names.signer(one.get("keyid")), one) for one in tables(decision.get("signatures"))],
        "json": phrases.as_json(document, indent=2),
    }


_COVERS: Mapping[str, str] = {
    "approved": "{what}",
    "rejected": "Nothing",
    "coverage-ended": "Nothing any more. Until {until} it covered: {what}",
    "quashed": "Nothing any more: a court quashed it on {quashed}",
    "void": "Nothing any more: since {void} a key that signed it does not count",
}
"""What a decision covers, by the status of its consultation."""


def _covers(item: Mapping[str, Any], decision: Mapping[str, Any], *, less: bool) -> str:
    words = _COVERS.get(str(item.get("status")), "The register does not say")
    what = "less than what was proposed, as stands below" if less else "what was proposed"
    if words.startswith("{what}"):
        what = phrases.sentence_case(what)
    return words.format(
        what=what,
        until=phrases.day(decision.get("covered_until")),
        quashed=phrases.day(item.get("quashed_at")),
        void=phrases.day(item.get("void_at")),
    )


def _entry(item: Mapping[str, Any]) -> int:
    entry = item.get("entry")
    return entry if isinstance(entry, int) else -1
