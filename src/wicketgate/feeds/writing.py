"""The batches of a transaction: what each authority's rows become, with their promises and facts."""

from __future__ import annotations

import ssl
from collections import defaultdict
from collections.abc import Mapping, Sequence

from wicketgate.base.clock import rfc3339
from wicketgate.commits.transactions import FeedBatch
from wicketgate.feeds import batches
from wicketgate.feeds.lines import Portion, RowLines, line_columns, row_lines
from wicketgate.feeds.rendering import Shown
from wicketgate.feeds.rows import PlainRows, Rows, StateAt
from wicketgate.ledger import merkle
from wicketgate.ledger.facts import SALT_BYTES, Promises, Signs

# Rows from which columns are cheaper than lines one by one.
_MANY = 24
# References whose lengths differ by less share their columns: blanks make up the difference.
_LENGTH_STEP = 8


def write_batches(
    made: Mapping[str, Rows],
    moment: StateAt,
    sequence: int,
    *,
    origin: str,
    signer: Signs,
    merge_delay_us: int,
) -> tuple[list[FeedBatch], list[bytes]]:
    """Return the batches of a transaction, and the facts of their release.

    Salts are of OpenSSL's generator: the same that TLS relies on, at a tenth of the price of asking the kernel each
    time.

    Parameters
    ----------
    made : mapping of str to Rows
        The rows of each authority, by its reference; those without rows get no batch.
    sequence : int
        The number that the commit will have.
    merge_delay_us : int
        Of the charter in force.

    Notes
    -----
    About 2 µs a row in large batches, of which hashing is 1.4, and 50 µs a batch, of which the signature is 40.
    """
    lines = _lines({reference: rows for reference, rows in made.items() if len(rows)}, moment)
    names, feeds = moment.standing.names, moment.state.feeds
    numbers = {reference: feeds[names[reference]].batches + 1 for reference in lines}
    written, facts = promised(
        lines,
        numbers,
        moment.at_us,
        sequence,
        origin=origin,
        signer=signer,
        merge_delay_us=merge_delay_us,
    )
    released = [
        FeedBatch(
            feed=names[reference],
            number=numbers[reference],
            rows=len(lines[reference].leaves),
            data=data,
            again=made[reference].again,
            images=made[reference].images,
        )
        for reference, data in written.items()
    ]
    return released, facts


def promised(
    lines: Mapping[str, RowLines],
    numbers: Mapping[str, int],
    at_us: int,
    sequence: int,
    *,
    origin: str,
    signer: Signs,
    merge_delay_us: int,
) -> tuple[dict[str, bytes], list[bytes]]:
    """Return batches as they are delivered, with their promises, and the facts of their release.

    Parameters
    ----------
    lines : mapping of str to RowLines
        By the authority's reference; at least one row each.
    numbers : mapping of str to int
        Of each batch in its feed.
    """
    salts = ssl.RAND_bytes(SALT_BYTES * max(1, len(lines)))
    promises = Promises(origin, at_us, signer, merge_delay_us)
    released_at = rfc3339(at_us)
    written: dict[str, bytes] = {}
    facts: list[bytes] = []
    for place, (reference, (leaves, body)) in enumerate(lines.items()):
        salt = salts[SALT_BYTES * place : SALT_BYTES * (place + 1)]

        def promise(header: Mapping[str, object], salt: bytes = salt) -> Mapping[str, str]:
            made, fact = promises.make(header, salt)
            facts.append(fact)
            return made

        _, written[reference] = batches.assemble(
            reference=reference,
            number=numbers[reference],
            commit=sequence,
            released_at=released_at,
            leaves=leaves,
            body=body,
            promise=promise,
        )
    return written, facts


def _lines(made: Mapping[str, Rows], moment: StateAt) -> dict[str, RowLines]:
    """Return the lines of each authority's rows, in the order of `made`."""
    found: dict[str, RowLines | None] = dict.fromkeys(made)
    groups: defaultdict[tuple[int, Shown, int, bool], list[tuple[str, PlainRows]]] = defaultdict(list)
    for reference, rows in made.items():
        if rows.plain is None:
            found[reference] = _one_by_one(reference, moment, rows.reads, rows.late, rows.more)
        else:
            shown, length = rows.plain.shown, -(-len(reference) // _LENGTH_STEP)
            has_refs = rows.plain.refs is not None
            groups[id(rows.plain.rendering), shown, length, has_refs].append((reference, rows.plain))
    for (_, shown, _, has_refs), group in groups.items():
        rendering = group[0][1].rendering
        total = sum(len(rows) for _, rows in group)
        encoded = rendering.encoded(shown) if total >= _MANY else None
        if encoded is None:
            for reference, plain in group:
                found[reference] = _one_by_one(
                    reference, moment, plain.reads(), plain.late.tolist(), plain.more()
                )
            continue
        parts = [
            Portion(reference, _first_row(reference, moment), plain.rows, plain.late)
            for reference, plain in group
        ]
        refs = b"".join([plain.refs or b"" for _, plain in group]) if has_refs else None
        written = line_columns(encoded, parts, ssl.RAND_bytes(SALT_BYTES * total), refs)
        for (reference, _), lines in zip(group, written, strict=True):
            found[reference] = lines
    return {reference: lines for reference, lines in found.items() if lines is not None}


def _one_by_one(
    reference: str,
    moment: StateAt,
    reads: Sequence[str],
    late: Sequence[bool],
    more: Sequence[str] | None = None,
) -> RowLines:
    lines = row_lines(
        reference=reference,
        first_row=_first_row(reference, moment),
        reads=reads,
        late=late,
        salts=ssl.RAND_bytes(SALT_BYTES * len(reads)),
        more=more,
    )
    return RowLines(merkle.leaf_hashes(lines), b"\n".join(lines) + b"\n")


def _first_row(reference: str, moment: StateAt) -> int:
    return moment.state.feeds[moment.standing.names[reference]].rows + 1
