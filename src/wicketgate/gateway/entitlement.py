"""The one check of a unit's entitlement to feeds, images, hotlists and hits."""

from __future__ import annotations

from collections.abc import Collection, Set

from wicketgate.base.clock import Clock
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.durable import Durable
from wicketgate.commits.state import State
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.standing import STOPPED

_OVER = frozenset({"revoked", "expired", "superseded"})


class Entitlement:
    """The entitlements of units, by the commits of one gateway and its clock."""

    def __init__(self, commits: Durable, clock: Clock) -> None:
        self._commits = commits
        self._clock = clock

    def demand_own(self, unit: str, name: str) -> None:
        """Refuse a unit the authority of another.

        That the unit's own authority has ended, or is stopped, refuses nothing.

        Raises
        ------
        NotEntitled
            If the unit has no such authority, whether or not another has.
        """
        known = self._commits.committed.feeds.get(name)
        if known is None or known.whose != unit:
            raise NotEntitled("this unit has no such authority")

    def entitled(self, unit: str, name: str) -> Authority:
        """Return the authority's current version, if the unit may have its releases.

        The current version is the one that counts now.

        Parameters
        ----------
        unit : str
            `organisation/unit`, as in the name of its token.
        name : str
            The authority's name, as the caller gave it.

        Raises
        ------
        NotEntitled
            If the unit has no such authority, whether or not another has; or, with the code of how it stands, if the
            authority is revoked, suspended, or its review or consultation is overdue.

        Notes
        -----
        What an expired authority released may be had until its term. Ask again after anything that took time.
        """
        self.demand_own(unit, name)
        moment = self._commits.committed_at(self._clock.now_us())
        named = moment.regime.authorities[name]
        number, stands = moment.current_status(named)
        if stands in STOPPED:
            raise NotEntitled(f"the authority `{name}` is stopped: {stands}", code=stands)
        return moment.authority(named.versions[number])

    def entitled_match(self, unit: str, name: str) -> Authority:
        """Return the same for an authority of mode match.

        InputError `not-a-match-authority` for another mode.
        """
        authority = self.entitled(unit, name)
        if authority.mode != "match":
            raise InputError(
                f"`{name}` is of mode {authority.mode}: only an authority of mode match has hits",
                code="not-a-match-authority",
            )
        return authority

    def entitled_list(self, unit: str, name: str) -> Authority:
        """Return the same for an authority that has a hotlist: of mode match, or of mode unlisted.

        InputError `not-a-match-authority` for another mode.
        """
        authority = self.entitled(unit, name)
        if authority.listing is None:
            raise InputError(
                f"`{name}` is of mode {authority.mode}: only an authority of mode match or unlisted has a hotlist",
                code="not-a-match-authority",
            )
        return authority

    def demand_person(self, name: str, person: str, role: str) -> None:
        """Refuse a machine what an authority lets named people of a role do alone, however it stands.

        Parameters
        ----------
        name : str
            Of an authority of the caller's unit.
        person : str
            Who the caller is; empty of a machine, and of whoever signed in with a token.

        Raises
        ------
        NotEntitled
            `person-needed`.
        """
        if not person and role in self.demands_of(name):
            raise NotEntitled(
                f"the authority `{name}` lets named people of the role {role} do this, and nobody else",
                code="person-needed",
            )

    def demand_nobody_named(self, unit: str) -> None:
        """Refuse a machine what people of its unit do, once they are named: what came of a hit.

        Raises
        ------
        NotEntitled
            `person-needed`.
        """
        organisation = unit.partition("/")[0]
        if self._commits.committed_at(self._clock.now_us()).has_named(organisation):
            raise NotEntitled(
                f"the people of `{organisation}` are named: they say what came of a hit, and no machine does",
                code="person-needed",
            )

    def demands_of(self, name: str) -> frozenset[str]:
        """Return the roles that an authority's current version demands."""
        moment = self._commits.committed_at(self._clock.now_us())
        named = moment.regime.authorities[name]
        return moment.authority(named.versions[moment.current_status(named)[0]]).demands

    def match_authorities(self, unit: str) -> tuple[list[Authority], list[tuple[str, str]]]:
        """Return a unit's authorities of mode match, usable and stopped, by name (`_by_use`)."""
        return self._by_use(unit, frozenset({"match"}))

    def listing_authorities(self, unit: str) -> tuple[list[Authority], list[tuple[str, str]]]:
        """Return a unit's authorities that have a list, usable and stopped, by name (`_by_use`)."""
        return self._by_use(unit, frozenset({"match", "unlisted"}))

    def _by_use(self, unit: str, modes: Set[str]) -> tuple[list[Authority], list[tuple[str, str]]]:
        """Return a unit's authorities of some modes, usable and stopped, by name.

        A usable one is one that the unit may have now.

        Returns
        -------
        list of Authority, list of (str, str)
            The versions that count now; and name and how it stands of each that is stopped.
        """
        moment = self._commits.committed_at(self._clock.now_us())
        open_ones: list[Authority] = []
        stopped: list[tuple[str, str]] = []
        for name in names_of(self._commits.committed, unit):
            named = moment.regime.authorities[name]
            number, stands = moment.current_status(named)
            authority = moment.authority(named.versions[number])
            if authority.mode not in modes:
                continue
            if stands in STOPPED:
                stopped.append((name, stands))
            else:
                open_ones.append(authority)
        return open_ones, stopped

    def open_matches(self, unit: str, person: str, role: str) -> list[Authority]:
        """Return a unit's usable authorities of mode match; of a machine, those that demand no such role.

        Parameters
        ----------
        person : str
            As of `demand_person`.
        """
        return [one for one in self.match_authorities(unit)[0] if person or role not in one.demands]

    def open_lists(self, unit: str, person: str, role: str) -> list[Authority]:
        """Return a unit's usable authorities that have a list; of a machine, those that demand no such role."""
        return [one for one in self.listing_authorities(unit)[0] if person or role not in one.demands]

    def demand_person_of_any(self, unit: str, person: str, roles: Collection[str]) -> None:
        """Refuse a machine what goes for all of a unit's lists, where an authority not at its end demands such a role.

        Raises
        ------
        NotEntitled
            `person-needed`.
        """
        moment = self._commits.committed_at(self._clock.now_us())
        for name in names_of(self._commits.committed, unit):
            if moment.current_status(moment.regime.authorities[name])[1] not in _OVER:
                for role in roles:
                    self.demand_person(name, person, role)

    def concerning(self, organisation: str, *, as_source: bool) -> dict[str, bool]:
        """Return the authorities that an organisation's officers may ask about, by name.

        They are those over its cameras or that it controls and, unless it asks as a source, those of its own units.

        Returns
        -------
        dict
            Whether counts of rows are open to it: of its own units' they are, of others' where no list decides what
            leaves.
        """
        moment = self._commits.committed_at(self._clock.now_us())
        found = {}
        for name, feed in sorted(self._commits.committed.feeds.items()):
            versions = [moment.authority(one) for one in moment.regime.authorities[name].versions]
            if not as_source and feed.whose.partition("/")[0] == organisation:
                found[name] = True
            elif any(organisation in (one.controller, *one.scope.sources) for one in versions):
                found[name] = all(one.mode in {"bulk", "search"} for one in versions)
        return found


def names_of(state: State, unit: str) -> list[str]:
    """Return the names of all authorities of a unit.

    They come in order, however the authorities stand.
    """
    return [name for name, feed in sorted(state.feeds.items()) if feed.whose == unit]
