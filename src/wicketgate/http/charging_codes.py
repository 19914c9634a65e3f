"""The stable codes of the command `charging`: why money, a review or a case was not taken."""

from __future__ import annotations

CHARGING: dict[str, tuple[str, str]] = {
    "payments-refused": (
        "A file of payments has lines that cannot be taken; nothing of it was.",
        "Mend the lines that the message names, and send it whole.",
    ),
    "accounts-refused": (
        "A file of accounts has a line that cannot be taken; nothing of it was.",
        "Mend the line that the message names, and send it whole.",
    ),
    "vehicle-overlap": (
        "A plate would be registered twice for one day.",
        "End the other registration first, by its line with `until`.",
    ),
    "day-order": ("A vehicle's registration ends before it begins.", "Mend `from` or `until`."),
    "not-known": ("There is no such payment, account, review or case.", "Look at the number."),
    "already-reversed": ("A payment or charge was taken back before.", "Nothing is left to do."),
    "not-proved": (
        "An account's charge that no two cameras proved and no person confirmed.",
        "Have somebody review it.",
    ),
    "charging-stopped": (
        "Nothing new is charged: the authority is not in force, or the plate is a clone's.",
        "Look at the register; or end the clone's hold with `charging clone --end`.",
    ),
    "already-issued": ("The charge has or had its penalty.", "Nothing is issued again."),
    "not-owed": ("Nothing is owed for the day now.", "Nothing is left to do."),
    "keeper-needed": ("The register named no keeper.", "Ask the keeper desk first: `charging issue`."),
    "person-needed": ("A machine does not do this.", "Name the person with `--by`, or have somebody review."),
    "other-person-needed": ("The same person looked before.", "Let somebody else look."),
    "no-plate": ("What was typed can be no plate.", "Type what the image shows, or nothing."),
    "unknown-ground": ("The ground is not one that is listed.", "Use one of docs/spec/cases.md, section 3."),
    "wrong-state": (
        "The review or the case does not stand so.",
        "Look how it stands: `charging act D NUMBER`.",
    ),
    "not-in-order": ("Something later was done in the case already.", "Set the machine's clock right."),
    "too-early": ("A clock of the case has not run out.", "Wait for its end."),
    "too-late": ("A clock of the case, or the time to issue, has run out.", "Nothing can be done any more."),
}
"""By code: when, and what to do."""
