"""The facts of errata (docs/spec/ledger.md): who said that a read was wrong, whom it was told, and who took it.

Never a plate: the corrected read stands in the rows alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from wicketgate.commits.errata import ErratumSaid, ErratumSent, Notice, how_soon
from wicketgate.gateway.filing.facts import salted


def erratum_said_fact(said: ErratumSaid, sequence: int) -> bytes:
    """Return the fact that a read was said to be wrong."""
    return salted(
        "erratum-said",
        {
            "commit": sequence,
            "id": said.id,
            "ground": said.ground,
            "source": said.source,
            "by": said.by,
            "reason": said.reason,
            "plate": bool(said.plate),
            **({"hit": said.hit} if said.hit else {}),
            **({"token": said.token} if said.token else {}),
        },
    )


def erratum_fact(sent: ErratumSent, sequence: int) -> bytes:
    """Return the fact of whom an erratum was told.

    It tells of each authority which row was wrong, the number of the erratum's own row, and whether the corrected read
    stands in that; 0 for both numbers of a notice alone. Of an answer it names the question too.
    """
    return salted(
        "erratum",
        {
            "commit": sequence,
            "id": sent.id,
            "vehicle": sent.vehicle,
            "rows": [
                {
                    "authority": row.feed,
                    "version": row.version,
                    "corrects": row.corrects,
                    "seq": row.seq,
                    "read": row.read,
                    **({"search": row.search} if row.search else {}),
                }
                for row in sent.rows
            ],
        },
    )


def errata_taken_fact(
    authority: str, through: int, by: str, taken: Sequence[Notice], at_us: int, sequence: int
) -> bytes:
    """Return the fact that a unit took errata: of which vehicles, and how soon after they were told."""
    soon: dict[str, list[str]] = {"hour": [], "day": [], "later": []}
    for one in taken:
        soon[how_soon(at_us - one.at_us)].append(one.vehicle)
    return salted(
        "errata-taken",
        {
            "commit": sequence,
            "authority": authority,
            "through": through,
            "by": by,
            **{name: sorted(set(vehicles)) for name, vehicles in soon.items()},
        },
    )
