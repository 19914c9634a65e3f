"""The form of a deployment's directory: one number, in its file `form`.

Whoever starts a gateway reads it before anything else. docs/spec/directory.md, section 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from wicketgate.alerts.outbox import OUTBOX_FORM
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_durably
from wicketgate.base.forms import FIRST, newer_form
from wicketgate.commits.snapshots import stored_forms
from wicketgate.commits.state import STATE_FORM
from wicketgate.commits.stored import FORM as COMMITS_FORM
from wicketgate.feeds.index import FEEDS_FORM
from wicketgate.hotlists.hit_store import HITS_FORM
from wicketgate.hotlists.stored import VAULT_FORM
from wicketgate.ledger.facts import ENTRIES_FORM
from wicketgate.regime.publishing import REGISTER_FORM

FORM: Final = 3
"""The form of directories that this version runs."""
MEANS: Final[Mapping[int, str]] = {
    1: "what version 0.3 left, whose parts do not say whose they are",
    2: "each part says whose it is, how far it has come and in which form; reads stand in transactions, and private "
    "parts under keys that end",
    3: "the figures of closed months stand in the log alone, and the state and the register hold their sums",
}
"""What each form means."""
PART_FORMS: Final[Mapping[str, int]] = {
    "alerts": OUTBOX_FORM,
    "commits": COMMITS_FORM,
    "entries": ENTRIES_FORM,
    "feeds": FEEDS_FORM,
    "hits": HITS_FORM,
    "register": REGISTER_FORM,
    "snapshots": STATE_FORM,
    "vault": VAULT_FORM,
}
"""In which form each part of a directory of `FORM` is written. What this says changes with `FORM` alone."""
FILE: Final = "form"


class DirectoryForm(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """What the file `form` says.

    Attributes
    ----------
    becoming : int
        Where an upgrade has begun and not ended: the form that it leads to. 0 elsewhere.
    """

    form: int
    becoming: int = 0


def read_form(folder: Path) -> DirectoryForm:
    """Return the form of a directory; that of version 0.3 is known by what it lacks.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or is missing where it must be.
    """
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        # Taken for an older one, it would have its parts taken as they are.
        if max(stored_forms(folder / "snapshots"), default=FIRST) > FIRST:
            raise ConfigurationError(
                f"`{folder / FILE}` is missing, and the snapshots are of a version that writes it: restore it together "
                "with the rest of the directory"
            ) from None
        return DirectoryForm(form=FIRST)
    except OSError as error:
        raise ConfigurationError(f"`{folder / FILE}` cannot be read") from error
    try:
        return msgspec.json.decode(data, type=DirectoryForm)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"`{folder / FILE}` does not say a form that this version knows: restore it, or use a later version"
        ) from error


def write_form(folder: Path, form: DirectoryForm) -> None:
    """Write the form of a directory durably."""
    # A crash in here leaves the former one, and perhaps a file aside.
    write_durably(folder / FILE, msgspec.json.encode(form) + b"\n", aside=folder / f".{FILE}.new")


def refuse_newer(folder: Path, found: DirectoryForm) -> None:
    """Refuse a directory of a later form than this version runs.

    Raises
    ------
    ConfigurationError
        Naming both forms.
    """
    newest = max(found.form, found.becoming)
    if newest > FORM:
        raise ConfigurationError(newer_form(f"`{folder}`", newest, FORM))


def refuse_older(folder: Path, found: DirectoryForm) -> None:
    """Refuse a directory that must be upgraded first, or whose upgrade has not ended.

    Raises
    ------
    ConfigurationError
        Saying which command does it.
    """
    if found.becoming:
        raise ConfigurationError(
            f"the upgrade of `{folder}` from form {found.form} to form {found.becoming} has not ended: run "
            f"`wicketgate upgrade {folder}` again"
        )
    if found.form < FORM:
        raise ConfigurationError(
            f"`{folder}` is of form {found.form} ({MEANS[found.form]}), and this version runs form {FORM}: copy the "
            f"directory, then run `wicketgate upgrade {folder}`"
        )
