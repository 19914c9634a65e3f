"""Named documents that replace the admin's token."""

from __future__ import annotations

from collections.abc import Callable

from tests.vectors.make_documents import ROOTS, Case, Document, Story, changed, example, put


def cases() -> dict[str, Case]:
    """Return the cases by name."""
    act, under = example("admin"), Story.under(example("charter"))
    another = "sha256:" + "ab" * 32

    def bad(code: str, *changes: Callable[[Document], object]) -> Case:
        return under.case(changed(act, *changes), ROOTS, code=code)

    return {
        "admin-good": under.case(act, ROOTS),
        "admin-good-once-more": under.then(act, ROOTS).case(
            changed(act, put("admin.id", "admin-2"), put("admin.token", another)), ROOTS
        ),
        "admin-again": under.then(act, ROOTS).case(act, ROOTS, code="already-taken"),
        "admin-old-token-again": under.then(act, ROOTS).case(
            changed(act, put("admin.id", "admin-2")), ROOTS, code="already-taken"
        ),
        "admin-signed-by-two-of-three": under.case(act, ROOTS[:2], code="signature-missing"),
        "admin-dated-ahead": bad("malformed", put("admin.at", "2027-09-01T09:00:00Z")),
        "admin-kept-too-long": bad("malformed", put("admin.at", "2026-05-01T09:00:00Z")),
        "admin-token-in-clear": bad("malformed", put("admin.token", "Zq3nQmC2hJ0K6sVw9yYtD1xR8uB5pF7eL4gA")),
        "admin-member-unknown": bad("unknown-key", put("admin.name", "source:tfl")),
    }
