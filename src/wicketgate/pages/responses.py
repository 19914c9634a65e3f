"""Responses of the public in their published form: masked, with the day alone."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from wicketgate.base.clock import rfc3339
from wicketgate.commits.transactions import ResponseGiven
from wicketgate.reads.masking import mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A response in its published form.

    Anybody may read it. It is masked, and has the day alone.
    """

    id: str
    received_on: str
    text: str
    name: str
    organisation: str

    def line(self) -> str:
        """Return it as a line of NDJSON, without the names that were not given."""
        shown = {"id": self.id, "received_on": self.received_on, "text": self.text}
        names = {"name": self.name, "organisation": self.organisation}
        shown |= {member: name for member, name in names.items() if name}
        return msgspec.json.encode(shown).decode() + "\n"


def publish(response: ResponseGiven) -> Published:
    """Return a response in its published form.

    A text that is made to be slow takes long: pages of them are kept, so that each is masked once in a while.
    """
    return Published(
        id=response.id,
        received_on=rfc3339(response.received_us)[:10],
        text=mask(response.text),
        name=mask(response.name),
        organisation=mask(response.organisation),
    )
