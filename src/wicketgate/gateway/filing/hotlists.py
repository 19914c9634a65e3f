"""The filing of hotlists' changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, NamedTuple

from msgspec import UNSET, UnsetType

from wicketgate.base.clock import DAY_US, Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.base.shapes import Count, about
from wicketgate.commits.hits import HotlistState, ListStood
from wicketgate.commits.state import State
from wicketgate.commits.transactions import HotlistChanged, Transaction
from wicketgate.gateway.filing.facts import hotlist_fact
from wicketgate.hotlists import Hotlist, dump_changes, dump_entries
from wicketgate.hotlists.entries import Change
from wicketgate.hotlists.in_force import Hotlists
from wicketgate.hotlists.unlisted import Unfit, Unlisted, stand_after
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.unlisted_terms import UnlistedTerms
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.standing import STOPPED

if TYPE_CHECKING:  # a reader loads no writer
    from wicketgate.commits.writer import Commits

_MOST_CHANGES = 64
"""Changes of a list that are kept apart; with the next one the list is written anew as a whole."""
GATEWAY = "gateway"
"""Who ends entries whose term is over."""
_STOPPED = STOPPED | {"expired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ListTaken:
    """What a change of a hotlist came to."""

    revision: Annotated[Count, about("Counts up with each change; also the `ETag`.")]
    entries: Annotated[Count, about("In the list from now on.")]
    added: Count
    changed: Count
    removed: Count
    unfit: Annotated[
        dict[str, Unfit] | UnsetType,
        about(
            "Of an authority of mode unlisted: its lists that may not be relied on as they stand now, and why. While "
            "there is one, everything is refused."
        ),
    ] = UNSET


class _Made(NamedTuple):
    """A list after a change, its blob, what the change came to, and of which kinds what changed was and is."""

    hotlist: Hotlist
    blob: str
    taken: ListTaken
    kinds: frozenset[str]


def _revision(known: HotlistState | None, expected: int | None) -> int:
    """Return a list's revision; InputError `revision-differs` where another one is expected."""
    revision = 0 if known is None else known.revision
    if expected is not None and expected != revision:
        raise InputError(f"the list is at revision {revision}", code="revision-differs")
    return revision


def _stand(
    hotlist: Hotlist,
    before: Mapping[str, ListStood],
    terms: UnlistedTerms,
    at_us: int,
    whole: bool,
    touched: frozenset[str],
) -> tuple[dict[str, ListStood], dict[str, Unfit]]:
    """Return how the lists of an authority stand after a change, and which may not be relied on.

    When too few entries count is found here, in a thread, and not in the first decision after the change.
    """
    stood = stand_after(before, hotlist.kinds(), terms, at_us, whole=whole, touched=touched)
    return stood, Unlisted(hotlist, terms, stood).unfit(at_us)


class HotlistFiling:
    """The filing of hotlists, over the commits of one gateway."""

    def __init__(self, commits: Commits, lists: Hotlists, clock: Clock) -> None:
        self._commits = commits
        self._lists = lists
        self._clock = clock
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def change_hotlist(
        self,
        name: str,
        changes: Sequence[Change],
        *,
        whole: bool,
        by: str = GATEWAY,
        expected: int | None = None,
        anew: bool = False,
        lapsing: bool = False,
    ) -> ListTaken:
        """Replace a hotlist (`whole`), or change it. It is in force with its commit.

        Parameters
        ----------
        changes : sequence of Change
            Checked against the authority's limits before (`hotlists.forms`), but for `max_entries`.
        by : str
            Who changes it, as facts say it (`Principal.by`); the gateway ends entries by itself.
        expected : int, optional
            The revision that the change was made for.
        anew : bool
            Write the whole list to the vault, so that nothing of what it held before is left there.
        lapsing : bool
            Entries have ended: those of a stopped authority go too.

        Raises
        ------
        NotEntitled
            If the authority is stopped, or has no list.
        InputError
            `too-many-entries`, or `revision-differs`.

        Notes
        -----
        A list of a million entries takes seconds, in a thread; a small change of it milliseconds. The blob is durable
        before the commit: a crash between the two leaves a file that nothing names.
        """
        async with self._locks[name]:
            state = self._commits.staged
            known = state.hotlists.get(name)
            revision = _revision(known, expected)
            self._demand(state, name, even_stopped=lapsing)
            before = self._lists.at(name, state)
            anew = anew or whole or (known is not None and len(known.blobs) > _MOST_CHANGES)
            made = await asyncio.to_thread(self._prepare, before, tuple(changes), whole, anew, revision + 1)
            hotlist, taken = made.hotlist, made.taken
            self._lists.prepare(name, revision + 1, hotlist)
            stood: dict[str, ListStood] = {}
            unlisted = self._demand(self._commits.staged, name, even_stopped=lapsing).unlisted
            if unlisted is not None:
                # Nothing of a list changes but under this lock, so that it stands so at the commit too.
                before_it = {} if known is None else known.lists
                touched = frozenset() if by == GATEWAY else made.kinds
                stood, unfit = await asyncio.to_thread(
                    _stand, hotlist, before_it, unlisted, self._clock.now_us(), whole, touched
                )
                taken = replace(taken, unfit=unfit)

            def build(state: State, at_us: int, sequence: int) -> Transaction:
                terms = self._demand(state, name, even_stopped=lapsing).listing
                most = 0 if terms is None else terms.max_entries
                if len(hotlist) > most:
                    detail = f"the list would have {len(hotlist)} entries of at most {most}"
                    raise InputError(detail, code="too-many-entries")
                change = HotlistChanged(
                    authority=name,
                    revision=revision + 1,
                    blob=made.blob,
                    whole=anew,
                    entries=len(hotlist),
                    lists=stood,
                )
                numbers = {"added": taken.added, "changed": taken.changed, "removed": taken.removed}
                fact = hotlist_fact(change, sequence, **numbers, by=by)
                return Transaction(at_us=at_us, facts=(fact,), hotlist=change)

            await self._commits.commit(build)
            return taken

    def _prepare(
        self, before: Hotlist, changes: Sequence[Change], whole: bool, anew: bool, revision: int
    ) -> _Made:
        entries = [change.entry for change in changes if change.entry is not None]
        hotlist = Hotlist.of(entries) if whole else before.changed(changes)
        blob = self._lists.store(dump_entries(hotlist.entries()) if anew else dump_changes(changes))
        known = before.known([change.plate for change in changes])
        there = [change for change, entry in zip(changes, known, strict=True) if entry is not None]
        put = sum(change.entry is not None for change in there)
        removed = len(before) - put if whole else len(there) - put
        taken = ListTaken(
            revision=revision,
            entries=len(hotlist),
            added=len(entries) - put,
            changed=put,
            removed=removed,
        )
        kinds = frozenset(entry.kind for entry in (*entries, *known) if entry is not None)
        return _Made(hotlist, blob, taken, kinds)

    def _demand(self, state: State, name: str, *, even_stopped: bool = False) -> Authority:
        """Return the authority's version that counts, which says what its list may hold.

        NotEntitled if the authority may not have a list now.
        """
        named = state.authorities.get(name)
        if named is None:
            raise NotEntitled("this unit has no such authority")
        moment = RegimeAt(state.regime, self._commits.parsed, max(self._clock.now_us(), state.at_us))
        number, stands = moment.current_status(named)
        if stands in _STOPPED and not even_stopped:
            raise NotEntitled(f"the authority `{name}` is stopped: {stands}", code=stands)
        authority = moment.authority(named.versions[number])
        if authority.listing is None:
            raise NotEntitled(f"`{name}` does not match: it has no hotlist", code="not-a-match-authority")
        return authority

    async def lapse(self) -> int:
        """Remove entries from every hotlist a day after their end.

        A list with such an entry is written anew. Return how many entries were removed.

        They have not counted since they ended: this is for what the vault holds.
        """
        lapsed = 0
        state = self._commits.staged
        for name in list(state.hotlists):
            hotlist, revision = self._lists.at(name, state), state.hotlists[name].revision
            ended = await asyncio.to_thread(hotlist.ended, max(self._clock.now_us(), state.at_us) - DAY_US)
            if ended:
                removals = [Change(plate=entry.plate) for entry in ended]
                # One that was changed meanwhile may list them anew.
                with contextlib.suppress(NotEntitled, InputError):
                    await self.change_hotlist(
                        name, removals, whole=False, expected=revision, anew=True, lapsing=True
                    )
                    lapsed += len(removals)
        return lapsed
