"""The operator's entries of a log: starts, upgrades, leaps and steps of the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.forms import FIRST, is_form, newer_form
from wicketgate.ledger.facts import ENTRIES_FORM
from wicketgate.regime.documents.binding import DOCUMENTS_FORM

_ALWAYS = {"kind", "at", "operation"}
_SOFTWARE = {"software", "settings", "documents", "entries"}
_MEMBERS = {
    "init": _ALWAYS | _SOFTWARE | {"log_key"},
    "start": _ALWAYS
    | _SOFTWARE
    | {"missing_from", "missing_until", "machine", "accepted_clock", "adopted", "took_over", "restored"},
    "clock-step": _ALWAYS | {"machine"},
    "fronts-replaced": _ALWAYS | {"count"},
    "readers-replaced": _ALWAYS | {"count"},
    "edges-replaced": _ALWAYS | {"count"},
    "roles": _ALWAYS | {"roles"},
    "backup": _ALWAYS | {"recipients"},
    "upgraded": _ALWAYS | _SOFTWARE | {"machine", "from", "to", "forms"},
}
"""Every operation that a gateway writes or ever wrote, and the members that it can have."""
_NOT_WORDS = {"documents", "entries", "adopted", "from", "to", "forms", "count", "roles", "recipients"}

_SAY_FORMS = frozenset({"init", "start", "upgraded"})
"""The operations that say by which software, and in which form, the log goes on."""


class Operations:
    """The operations of a log so far.

    Parameters
    ----------
    vkey : str
        The log's key; the entry of `init` must name it.

    Attributes
    ----------
    begun : bool
        Whether its second entry is that of `init`.
    bound : bool
        Whether documents must name their log from here on.
    form : int
        Of the entries from here on.
    """

    def __init__(self, vkey: str) -> None:
        self._vkey = vkey
        self.bound = False
        self.begun = False
        self.form = FIRST
        self.clock_steps = 0
        self.clock_leaps = 0

    def take(self, index: int, body: Mapping[str, Any]) -> None:
        """Take an entry of kind `operation`.

        InputError where it is none.
        """
        operation = body.get("operation")
        if not isinstance(operation, str):
            raise InputError("an operation without a name")
        members = _MEMBERS.get(operation)
        if members is None:
            raise InputError(f"an operation `{operation[:40]}` that this version does not know")
        if not body.keys() <= members:
            raise InputError(f"an operation `{operation}` with members that it cannot have")
        if not _worded(body):
            raise InputError(f"an operation `{operation}` with a member that is not in words")
        if operation == "init":
            if index != 1:
                raise InputError("a log is begun twice")
            if "log_key" not in body:
                raise InputError("the log was begun without its key")
            self.begun = True
        if body.get("log_key", self._vkey) != self._vkey:
            raise InputError("the log was begun with another key than the one trusted")
        form = body.get("documents", 1)
        if not isinstance(form, int) or isinstance(form, bool) or not 0 <= form <= DOCUMENTS_FORM:
            raise InputError(f"documents of a form `{str(form)[:20]}` that this version does not know")
        self.bound = self.bound or form == DOCUMENTS_FORM
        self._take_forms(operation, body)
        if operation == "clock-step" and "machine" not in body:
            raise InputError("a step of the clock without the time that it had")
        if operation.endswith("s-replaced") and not is_form(body.get("count")):
            raise InputError("replaced processes without a number of them")
        if operation == "backup" and not (_are_words(body.get("recipients")) and body["recipients"]):
            raise InputError("a backup that does not say to whom its keys are encrypted")
        if operation == "roles" and not _are_words(body.get("roles")):
            raise InputError("roles that are not named")
        for name in ("machine", "restored"):
            text = body.get(name)
            if text is not None and (not isinstance(text, str) or rfc3339(parse_rfc3339(text)) != text):
                raise InputError(f"`{name}` is not written as times are in the log")
        if "accepted_clock" in body:
            reason = body["accepted_clock"]
            if operation != "start" or not isinstance(reason, str) or not reason or "machine" not in body:
                raise InputError("a leap of the clock that no start takes with a reason")
            self.clock_leaps += 1
        self.clock_steps += operation == "clock-step"

    def _take_forms(self, operation: str, body: Mapping[str, Any]) -> None:
        if operation not in _SAY_FORMS:
            return
        form = body.get("entries", FIRST)
        if not is_form(form):
            raise InputError("entries of a form that is no number")
        if form > ENTRIES_FORM:
            raise InputError(newer_form("what follows in the log", form, ENTRIES_FORM))
        if form < self.form:
            raise InputError(
                f"an earlier version wrote on: entries of form {form} behind those of form {self.form}"
            )
        self.form = form
        if operation != "upgraded":
            return
        before, after, forms = body.get("from"), body.get("to"), body.get("forms")
        if not (is_form(before) and is_form(after) and before < after and "machine" in body):
            raise InputError("an upgrade that does not say from which form to which, and when")
        if not isinstance(forms, dict) or not all(map(is_form, forms.values())):
            raise InputError("an upgrade that does not say in which form each part is written")

    def clock_words(self) -> str:
        """Return in words what became of the machine's clock, empty where it never leapt."""
        steps, leaps = self.clock_steps, self.clock_leaps
        said = f"; the machine's clock was moved {steps} times while the gateway ran" if steps else ""
        return said + (f"; {leaps} starts took a leap of it by the operator's word" if leaps else "")


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _worded(body: Mapping[str, Any]) -> bool:
    adopted = body.get("adopted", [])
    words = [value for name, value in body.items() if name not in _NOT_WORDS]
    return isinstance(adopted, list) and all(isinstance(value, str) for value in [*words, *adopted])
