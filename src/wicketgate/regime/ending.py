"""How long everything is kept: one table, by which a gateway ends, `verify` checks and documents say. Pure.

docs/spec/retention.md is made of it. A thing that ends by the clock is asked for here by its name, and by no number of
whoever ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from wicketgate.base.clock import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from wicketgate.regime.charter.values import Limits

TermName = Literal["feed_term", "too_old", "retention", "answer_retention", "consultation", "needed", ""]
"""Whose term it is, as facts name it; empty of what has none in a document."""


class KeptThing(NamedTuple):
    """Something that is kept, and how it ends.

    Attributes
    ----------
    what, lies, term, shown, gone : str
        In words: what it is, where it lies, whose term it has, how soon behind that it is shown to nobody, and how
        soon nothing of it can be read.
    ends : str
        Who ends it: a name below the package.
    proof : str
        What shows that it ended.
    counts : str
        What the fact `purge` of it counts; empty where none is told.
    by : TermName
        The term that the fact names.
    step_us : int
        It ends by whole steps of so long.
    """

    what: str
    lies: str
    term: str
    ends: str
    shown: str
    gone: str
    proof: str
    counts: str = ""
    by: TermName = ""
    step_us: int = 1


_PARTS: Final = 12
_PURGE: Final = "fact `purge`"
_KEY: Final = "with its hour's key, an hour at most later"
_FOLD: Final = "the fold: a replay comes to the same"

KEPT: Final[Mapping[str, KeptThing]] = {
    "reads": KeptThing(
        "what was taken",
        "COMMITS, `taken`",
        "ten minutes, in which an image may follow; where a history lacks it longer, never beyond the shortest "
        "retention of a source",
        "gateway.housekeeping.Housekeeping.purge",
        "it is shown to nobody",
        _KEY,
        _PURGE,
        "hours",
        "needed",
        HOUR_US,
    ),
    "acts": KeptThing(
        "private acts: hits, outcomes, questions, what was quarantined, facts",
        "COMMITS, acts",
        "until every part has it",
        "gateway.housekeeping.Housekeeping.purge",
        "it is shown to nobody",
        _KEY,
        _PURGE,
        "hours",
        "needed",
        HOUR_US,
    ),
    "rows": KeptThing(
        "rows of feeds",
        "COMMITS, REWRITTEN; where they lie: `feeds/`",
        "the charter's `feed_term`",
        "gateway.projections.Projections.end_terms",
        "a minute",
        _KEY,
        _PURGE,
        "batches",
        "feed_term",
        MINUTE_US,
    ),
    "openings": KeptThing(
        "what the overseer opens",
        "OPENINGS",
        "the charter's `feed_term`",
        "gateway.projections.Projections.end_terms",
        "a minute",
        "no key of it is here: it is the overseer's",
        _PURGE,
        "seconds",
        "feed_term",
        MINUTE_US,
    ),
    "facts": KeptThing(
        "proofs, and facts for evidence",
        "`proofs/`",
        "the charter's `feed_term`; where questions are asked as much longer as an answer was ever kept, and a week",
        "ledger.proofs.Proofs.add",
        "a second",
        _KEY,
        "it holds no plate",
    ),
    "quarantine": KeptThing(
        "what was not taken",
        "QUARANTINED",
        "the charter's `too_old`",
        "gateway.projections.Projections.end_terms",
        "an hour",
        "with its hour's key, at once",
        _PURGE,
        "reads",
        "too_old",
        HOUR_US,
    ),
    "index": KeptThing(
        "which reads were seen",
        "`index/`",
        "the charter's `too_old` and `clock_ahead`",
        "reads.repeats.Seen.flush",
        "it is shown to nobody",
        "it holds keyed digests",
        "it holds no plate",
    ),
    "hits": KeptThing(
        "hits, with their plates",
        "`hits/`",
        "the charter's `feed_term`; an open one until it has ended",
        "hotlists.hit_store.HitQueue.forget",
        "a minute",
        _KEY,
        _PURGE,
        "hits",
        "feed_term",
        MINUTE_US,
    ),
    "images": KeptThing(
        "images of reads",
        "`images/`, or an S3 store",
        "the source's `retention`, from the end of the day of receipt; of a source that keeps nothing an hour",
        "reads.images.store.Images.purge",
        "ten minutes",
        "with the day's keys, at once",
        _PURGE,
        "images",
        "retention",
        DAY_US,
    ),
    "history": KeptThing(
        "accepted reads",
        "`history/`",
        "the source's `retention`, from the capture",
        "history.engine.HistoryEngine.end_terms",
        "at once",
        "with its bytes, before: at most four hours and a 144th of the retention, or 45 seconds",
        _PURGE,
        "reads",
        "retention",
    ),
    "hotlists": KeptThing(
        "entries of hotlists",
        "`vault/`, in the open",
        "the entry's own end, and a day",
        "gateway.filing.hotlists.HotlistFiling.lapse",
        "at its end",
        "two hours: the former file is removed",
        "fact `hotlist`, `removed`, by `gateway`",
    ),
    "answers": KeptThing(
        "answers to questions",
        "`answers/`",
        "the authority's `answer_retention`",
        "gateway.searching.ending.AnswerEnding.end",
        "at once",
        "with its own key, a second",
        "fact `answer-ended`",
    ),
    "answer-rows": KeptThing(
        "rows of an answer that goes on",
        "`answers/`",
        "the source's `retention`, from the capture",
        "gateway.searching.store.AnswerStore.trim",
        "at once",
        "ten minutes: it is written anew under another key",
        _PURGE,
        "rows",
        "retention",
    ),
    "questions": KeptThing(
        "what was asked, and the reason in words",
        "the fold",
        "until it is refused, or its answer ends; unanswered a week. That there was one: 31 days",
        "commits.searches.KnownSearches.take",
        "at once",
        "with the older snapshot's key, an hour",
        _FOLD,
    ),
    "reasons": KeptThing(
        "the last reasons of each person, and case numbers, with which a reason is compared",
        "the fold",
        "31 days after the last of them",
        "commits.searches.KnownSearches.take",
        "at once",
        "with the older snapshot's key, an hour",
        _FOLD,
    ),
    "notes": KeptThing(
        "notes of a unit's shifts",
        "the fold",
        "seven days",
        "commits.handovers.kept_notes",
        "at once",
        "with the older snapshot's key, an hour",
        _FOLD,
    ),
    "links": KeptThing(
        "which row was linked, and why; never a name or a plate",
        "the fold",
        "92 days",
        "commits.keepers.KnownLinks.take",
        "at once",
        "with the older snapshot's key, an hour",
        _FOLD,
    ),
    "responses": KeptThing(
        "what the public said to a consultation",
        "RESPONSES",
        "the consultation's term",
        "gateway.filing.responses.Responses.end",
        "at once",
        "with its keys, ten minutes",
        _PURGE,
        "responses",
        "consultation",
    ),
    "snapshots": KeptThing(
        "the fold",
        "`snapshots/`",
        "the last two, ten seconds each",
        "commits.snapshots.Snapshots.save",
        "it is shown to nobody",
        _KEY,
        "it is named in what a start finds",
    ),
    "alerts": KeptThing(
        "messages to people, and whether they were sent",
        "`alerts/`",
        "a week; that one was sent 40 days",
        "alerts.outbox.Outbox.forget",
        "at once",
        "when its page is used again",
        "it holds no plate",
    ),
    "sessions": KeptThing(
        "who signed in",
        "memory",
        "twelve hours at most",
        "http.sessions.Sessions.open_as",
        "at once",
        "at once",
        "nothing of it lies on a disk",
    ),
    "readers": KeptThing(
        "what a reader derived",
        "`readers/N/`; keys in memory",
        "as what it was derived from",
        "gateway.readers.shown.ReaderShown.end_before",
        "as there",
        "a second behind the gateway's key",
        "a reader has no key on a disk",
    ),
    "custody": KeptThing(
        "what a bulk feed released",
        "at the recipient",
        "the authority's `recipient_retention`, from the release",
        "clients.custody.ending.CustodyEnding.run",
        "15 seconds",
        "overwritten; in its history before",
        "its journal, `ended`, and receipts that the log counts",
    ),
}
"""Whatever is kept, by the name that facts have for it."""


def before_us(kind: str, at_us: int, limits: Limits) -> int:
    """Return from before when nothing of a kind is kept at a time: of what ends by a limit of the charter.

    It goes up by whole steps, so that a step's end is told once; a step is never longer than a twelfth of the term.
    """
    thing = KEPT[kind]
    match thing.by:
        case "feed_term":
            term_us = limits.feed_term_us
        case "too_old":
            term_us = limits.too_old_us
        case "needed":
            return at_us - at_us % thing.step_us
        case _:
            raise KeyError(kind)
    before = at_us - term_us
    return before - before % min(thing.step_us, max(SECOND_US, term_us // _PARTS))


def as_markdown() -> str:
    """Return the table of what is kept."""
    lines = [
        "| kind | thing | where it lies | whose term | who ends it | shown no more, behind that | gone | proof |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, one in KEPT.items():
        proof = f"{one.proof}, of `{one.by}`, counting {one.counts}" if one.counts else one.proof
        cells = (f"`{kind}`", one.what, one.lies, one.term, f"`{one.ends}`", one.shown, one.gone, proof)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
