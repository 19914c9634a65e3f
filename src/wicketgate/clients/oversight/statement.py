"""What an overseer says publicly of some days: a signed note that anybody can check. Pure.

docs/spec/oversight.md. It names no person, no question and no vehicle: codes and counts alone.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wicketgate.base.clock import rfc3339
from wicketgate.base.signing import Signer
from wicketgate.clients.oversight.reconciling import Discrepancy
from wicketgate.ledger.notes import Checkpoint, NoteSigner, sign_note

FORM: Final = "wicketgate-oversight/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OverseerStatement:
    """What is said.

    Attributes
    ----------
    office : str
        `organisation/office`.
    from_us, until_us : int
        The first second that was opened, and the end of the last.
    opened : int
        How many seconds were opened and found under the log.
    false : sequence of str
        Names of the checks of `verify` that failed: they dispute the log itself.
    found : sequence of Discrepancy
        What did not agree: it disputes how the law was kept.
    reviewed, not_good : int
        Facts that were drawn and looked at closely, and how many of them were not good.
    """

    office: str
    checkpoint: Checkpoint
    from_us: int
    until_us: int
    opened: int
    false: Sequence[str]
    found: Sequence[Discrepancy]
    reviewed: int
    not_good: int

    @property
    def agrees(self) -> bool:
        """Whether nothing is disputed."""
        return not self.false and not self.found and not self.not_good

    def text(self) -> str:
        """Return the text that is signed, by lines."""
        codes = Counter(one.name for one in self.found)
        lines = [
            FORM,
            self.checkpoint.origin,
            f"checkpoint {self.checkpoint.size} {base64.b64encode(self.checkpoint.root).decode()}",
            f"office {self.office}",
            f"opened {self.opened} {rfc3339(self.from_us)} {rfc3339(self.until_us)}",
            "agrees" if self.agrees else "disputes",
            *(f"false {name}" for name in sorted(self.false)),
            *(f"found {count} {code}" for code, count in sorted(codes.items())),
            f"reviewed {self.reviewed} {self.not_good}",
        ]
        return "\n".join(lines) + "\n"


def sign_statement(statement: OverseerStatement, signer: Signer) -> bytes:
    """Return a statement as a signed note (C2SP signed-note), under the office's key and the office's name."""
    return sign_note(statement.text(), [NoteSigner(name=statement.office, private=signer)])
