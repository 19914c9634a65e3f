"""The register, made ready for the templates.

Ids become names and codes become words. Pure.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from wicketgate.pages import phrases, sentences
from wicketgate.pages.phrases import at_us_of
from wicketgate.pages.review_figures import figures_of
from wicketgate.pages.sentences import Stands, stands_of
from wicketgate.regime.documents.fields import IMAGES


def texts(value: object) -> list[str]:
    """Return the items of a list as texts.

    There are none where it is no list.
    """
    return [str(one) for one in value] if isinstance(value, list | tuple) else []


def small_cells_of(register: Mapping[str, Any]) -> int:
    """Return the limit of suppressed counts.

    Counts below it are suppressed. It is 0 where the register does not say.
    """
    small = register.get("small_cells")
    return small if isinstance(small, int) else 0


def least_traffic_of(register: Mapping[str, Any]) -> int:
    """Return the least count of traffic that is shown; where the register does not say, that of small cells."""
    least = register.get("least_traffic")
    return least if isinstance(least, int) else small_cells_of(register)


def step_of(register: Mapping[str, Any]) -> int:
    """Return the step of counts of targeting; where the register does not say, that of small cells."""
    step = register.get("step")
    return step if isinstance(step, int) else small_cells_of(register)


def tables(value: object) -> list[Mapping[str, Any]]:
    """Return the tables of a list.

    There are none where it is no list.
    """
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


class ShownNames:
    """The titles of the charter's ids.

    An id that it does not name stands for itself.
    """

    def __init__(self, register: Mapping[str, Any]) -> None:
        charter = (register.get("charter") or {}).get("document") or {}
        charters = [one.get("document") or {} for one in tables(register.get("charters"))]
        organisations = tables(charter.get("organisations"))
        self.organisations = {item.get("id"): item.get("name") for item in organisations}
        operator = (charter.get("charter") or {}).get("operator")
        self.operator = self.organisation(operator) if operator else ""
        self.sources = [item.get("name") for item in organisations if "source" in (item.get("roles") or ())]
        self.units = {
            (item.get("id"), unit.get("id")): unit.get("name")
            for item in organisations
            for unit in tables(item.get("units"))
        }
        self.purposes = {item.get("id"): item.get("title") for item in tables(charter.get("purposes"))}
        self.offices = {
            key_id(item["key"]): item
            for each in (*charters, charter)  # who signed under an earlier charter held the office then
            for item in tables(each.get("offices"))
            if isinstance(item.get("key"), str)
        }

    def organisation(self, name: object) -> str:
        """Return the name of an organisation."""
        return str(self.organisations.get(name) or name)

    def purpose(self, name: object) -> str:
        """Return the titles of a purpose and those above it: `National security: Counter-terrorism`."""
        parts = str(name).split("/")
        ids = ["/".join(parts[: depth + 1]) for depth in range(len(parts))]
        titles = [str(self.purposes[one]) for one in ids if self.purposes.get(one)]
        return ": ".join(titles) if self.purposes.get(name) else str(name)

    def signer(self, key_id: object) -> dict[str, str] | None:
        """Return office, organisation and holder of a key, or None for an unknown key."""
        office = self.offices.get(str(key_id))
        if office is None:
            return None
        organisation = self.organisation(str(office.get("id")).split("/")[0])
        return {"office": str(office.get("title") or office.get("id")), "organisation": organisation} | {
            "holder": str(office.get("holder") or "")
        }


def key_id(public: str) -> str:
    """Return the key id of `ed25519:<base64>`.

    It is empty for anything else, so that it matches nothing.
    """
    try:
        raw = base64.b64decode(public.removeprefix("ed25519:"), validate=True)
    except (binascii.Error, ValueError):
        return ""
    return hashlib.sha256(raw).hexdigest()


# The members of a document that its page puts into words; any other is shown as it stands.
TOLD = frozenset(
    {
        "name",
        "version",
        "title",
        "controller",
        "recipient",
        "unit",
        "purpose",
        "mode",
        "instrument",
        "valid_from",
        "valid_until",
        "review_every",
        "recipient_retention",
        "necessity",
        "proportionality",
        "why_not_match",
        "why_not_search",
        "onward",
        "assessment",
        "consultation",
        "urgent",
    }
)


def view_of(item: Mapping[str, Any], names: ShownNames) -> dict[str, Any]:
    """Return one authority with the words for both pages."""
    document = item.get("document") or {}
    authority = document.get("authority") or {}
    scope = document.get("scope") or {}
    stands = stands_of(item)
    is_by_id = (
        "log" not in authority and stands.status != "proposed"
    )  # a proposal is signed anew, with its log
    mode = str(item.get("mode") or authority.get("mode"))
    instrument = authority.get("instrument") or {}
    unit_id, recipient_id = authority.get("unit"), authority.get("recipient")
    own_use = authority.get("controller") == recipient_id
    unit = names.units.get((recipient_id, unit_id)) or unit_id
    recipient = names.organisation(recipient_id)
    kind = str(instrument.get("kind") or "not named")
    return {
        "item": item,
        "document": authority,
        "name": item.get("name"),
        "version": item.get("version"),
        "href": f"/authorities/{item.get('name')}/{item.get('version')}",
        "title": authority.get("title") or item.get("name"),
        "status": sentences.status_of(stands),
        "is_current": stands.is_current,
        "has_begun": stands.begun,
        "verb": sentences.verb_of(stands, own_use=own_use),
        "mode": {
            "id": mode,
            "short": phrases.MODES.get(mode, (mode, mode))[0],
            "long": phrases.MODES.get(mode, (mode, mode))[1],
        },
        "controller": names.organisation(authority.get("controller")),
        "own_use": own_use,
        "recipient": recipient,
        "unit": unit,
        "purpose": names.purpose(authority.get("purpose")),
        "fields": [
            phrases.PLACE_BY_ID if field == "place" and is_by_id else phrases.FIELDS.get(field, field)
            for field in scope.get("fields") or ()
        ],
        "shows_images": not IMAGES.isdisjoint(scope.get("fields") or ()),
        "sources": [names.organisation(source) for source in scope.get("sources") or ()],
        "groups": list(scope.get("groups") or ()),
        "hours": [phrases.hours_of(one) for one in scope.get("hours") or ()],
        "instrument": {
            "kind": phrases.INSTRUMENTS.get(kind, kind.replace("-", " ").capitalize()),
            "value": instrument,
        },
        "signers": [(names.signer(one.get("keyid")), one) for one in tables(item.get("signatures"))],
        "events": events_of(item),
        "until": item.get("in_force_until"),
        "dates": _dates_of(item, stands, item.get("in_force_until")),
        "review": sentences.review_of(stands),
        "marks": marks_of(item),
        "consulted": consulted_of(item),
        "consultations": [],
        "onward": [names.organisation(one) for one in authority.get("onward") or ()],
        "max_cameras": scope.get("max_cameras"),
        "area": phrases.area(scope["area"]) if scope.get("area") else "",
        "redactions": [
            {
                "member": one.get("member"),
                "reason": one.get("reason"),
                "until": one.get("until"),
                "commitment": one.get("commitment"),
            }
            for one in tables(document.get("redactions"))
        ],
        "reviews": _reviews_of(item),
        "others": _others_of(document),
        "json": phrases.as_json(document, indent=2),
    }


def _others_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rest of an authority's document, in words.

    It has what has no place of its own on the page.
    """
    authority, scope = document.get("authority") or {}, document.get("scope") or {}
    others = {key: value for key, value in authority.items() if key not in TOLD}
    others |= {
        f"scope: {key}": value
        for key, value in scope.items()
        if key not in {"sources", "groups", "fields", "hours", "area", "max_cameras"}
    }
    others |= {
        key: value for key, value in document.items() if key not in {"authority", "scope", "redactions"}
    }
    return {key.replace("_", " "): phrases.plain(value) for key, value in others.items()}


def _reviews_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the reviews of a version, with their figures."""
    return [
        {
            **act,
            "figures": figures_of(act["figures"]),
            "figures_from": act["figures"].get("from") or act["figures"].get("since"),
            "figures_until": act["figures"].get("until"),
        }
        for act in tables(item.get("acts"))
        if act.get("kind") == "review" and isinstance(act.get("figures"), Mapping)
    ]


def _dates_of(item: Mapping[str, Any], stands: Stands, until: object) -> str:
    """Return from when until when a version is or was in force, in words."""
    if stands.tense == "never":
        return "Never in force"
    return f"{phrases.day(item.get('in_force_from'))} to {phrases.day(until)}"


def events_of(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a version in the order of time.

    Its publication is one of them.
    """
    published = {
        "what": "Signed and published",
        "at": item.get("committed_at"),
        "entry": item.get("entry"),
        "reason": f"To be in force from {phrases.moment(item.get('in_force_from'))}",
    }
    acts = [
        {**act, **act_of(act), "what": phrases.ACTS.get(str(act.get("kind")), act.get("kind"))}
        for act in tables(item.get("acts"))
    ]
    by_the_clock = [
        {
            "what": f"{sentences.LABELS[told['status']][0]}, by the clock",
            "reason": sentences.BY_THE_CLOCK[told["status"]],
            "at": told.get("at"),
            "entry": told.get("entry"),
        }
        for told in tables(item.get("standings"))
        if told.get("status") in sentences.BY_THE_CLOCK
    ]
    return sorted([published, *acts, *by_the_clock], key=lambda event: at_us_of(event.get("at")) or 0)


def act_of(act: Mapping[str, Any]) -> dict[str, str]:
    """Return the reason of an act, with its author or effect.

    The author or the effect stands there where it is more than the kind says.
    """
    said = (act.get("document") or {}).get(act.get("kind")) or {}
    reason = str(act.get("reason") or said.get("reason") or said.get("claim") or "")
    if act.get("kind") == "challenge":
        stays = "It is suspended meanwhile." if said.get("stay") else "It goes on meanwhile."
        return {"reason": reason, "detail": f"{said.get('court') or 'A court'}. {stays}"}
    if act.get("kind") == "quashed":
        return {"reason": reason, "detail": str(said.get("court") or "")}
    if act.get("kind") == "objection":
        return {"reason": reason, "detail": "It ends the authority." if said.get("annul") else ""}
    return {"reason": reason, "detail": ""}


def consulted_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the consultation on an authority, in words.

    `wider` is what none covered when it was signed; it is None where the register does not say.
    """
    consulted = item.get("consulted")
    known: Mapping[str, Any] = consulted if isinstance(consulted, Mapping) else {}
    wider = known.get("wider")
    return {
        "words": sentences.footing_of(stands_of(item)),
        "wider": list(wider) if isinstance(wider, list | tuple) else None,
    }


def marks_of(item: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the tags of an authority.

    They say, wherever it stands, what took the place of a consultation.
    """
    tag = sentences.tag_of(stands_of(item))
    return [] if tag is None else [tag]


def tags_of(item: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the tags of an authority on a page without its status: that too, where it is not in force."""
    status = sentences.status_of(stands_of(item))
    shown = {"label": status["label"], "colour": status["colour"], "href": ""}
    return [*([] if status["id"] == "in-force" else [shown]), *marks_of(item)]


def views_of(register: Mapping[str, Any], names: ShownNames) -> list[dict[str, Any]]:
    """Return every version of every authority, in words for the pages."""
    views = [view_of(item, names) for item in tables(register.get("authorities"))]
    begins = {(view["name"], view["version"]): view["item"].get("in_force_from") for view in views}
    for view in views:
        version = view["version"]
        if view["status"]["id"] == "superseded" and isinstance(version, int):
            # It ended when the next version took its place, if its own end did not come first.
            ends = [
                end for end in (view["until"], begins.get((view["name"], version + 1))) if end is not None
            ]
            view["until"] = min(ends, key=lambda end: at_us_of(end) or 0, default=None)
            view["dates"] = _dates_of(view["item"], stands_of(view["item"]), view["until"])
        for redaction in view["redactions"]:
            redaction["over"] = is_past(redaction["until"], register.get("as_of"))
    _join_consultations(register, views)
    return views


def is_past(at: object, now: object) -> bool:
    """Return whether a time is not after another; not where either is none."""
    at_us, now_us = at_us_of(at), at_us_of(now)
    return at_us is not None and now_us is not None and at_us <= now_us


_RUNNING = {"open": "One is open", "announced": "One is announced", "closed": "One awaits its decision"}
"""The words of a link to a consultation that is waited for, by its status."""


def _join_consultations(register: Mapping[str, Any], views: list[dict[str, Any]]) -> None:
    """Give each authority the consultations on it: those it rests on, and those that propose it by its name."""
    statuses = {
        str(item.get("id")): str(item.get("status")) for item in tables(register.get("consultations"))
    }
    proposing: dict[object, list[str]] = {}
    for item in tables(register.get("consultations")):
        draft = ((item.get("document") or {}).get("draft") or {}).get("authority") or {}
        proposing.setdefault(draft.get("name"), []).append(str(item.get("id")))
    for view in views:
        stance = view["item"].get("stance") or {}
        consulted = view["item"].get("consulted") or {}
        ids = dict.fromkeys(
            str(one)
            for one in (
                view["document"].get("consultation"),
                *texts(consulted.get("by") if isinstance(consulted, Mapping) else None),
                *texts(stance.get("by")),
                *proposing.get(view["name"], ()),
            )
            if one
        )
        view["consultations"] = [
            {
                "id": id_,
                "href": f"/consultations/{id_}" if id_ in statuses else "",
                "status": phrases.CONSULTATIONS.get(statuses.get(id_, ""), ("not in this register",))[
                    0
                ].lower(),
            }
            for id_ in ids
        ]
        if sentences.waits_for_consultation(stands_of(view["item"])):
            for status, words in reversed(
                _RUNNING.items()
            ):  # the last one counts: an open one before the others
                for id_ in proposing.get(view["name"], ()):
                    if statuses[id_] == status:
                        for mark in view["marks"]:
                            mark |= {"href": f"/consultations/{id_}", "link": words}
