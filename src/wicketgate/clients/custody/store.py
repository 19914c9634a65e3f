"""What custody holds of one feed: batches as they came, sealed, in one file of SQLite beside its history.

A batch and all that follows from it are one transaction of the file: a kill leaves both or neither. The history is made
from what is here, so that what a kill took from it is there again.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339
from wicketgate.base.periods import Period
from wicketgate.base.signing import canonical
from wicketgate.clients.custody.file import CustodyFile
from wicketgate.clients.custody.rows import row_ways
from wicketgate.clients.custody.values import AnsweredRow, EndedRows, KeptBatch, NewBatch, RowWay, SeenCamera
from wicketgate.clients.verify.feeds import Last
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.merkle import root as tree_root

MOST_ROWS: Final = 1 << 16
"""Rows of one batch: what the history numbers."""
LISTED_US: Final = 28 * DAY_US
"""How long a plate that a question named would have stood on a list: what lists' entries commonly do."""
_REFS_US: Final = 2 * HOUR_US
"""For so long it is known in which row a read came: an image follows within ten minutes."""


class CustodyStore(CustodyFile):
    """The file of one custody. Its methods may be called from any thread.

    Parameters
    ----------
    folder : Path
        Private.
    feed : str
        The authority's name.
    origin : str
        The log's.

    Raises
    ------
    ConfigurationError
        If it is another feed's or log's, cannot be read, or is of a later form.
    """

    def _note_rows(self) -> None:
        for one in self.batches(0, 1 << 62):
            number = one.batch.number
            self._file.execute(
                "UPDATE batches SET first_seq = ? WHERE number = ?", (_first_seq(one.batch), number)
            )
            self._note_errata(number, one.batch.lines)

    @property
    def last(self) -> Last | None:
        """The last batch that was kept, were it ended since."""
        value = self.said("last")
        return None if value is None else Last(**value)

    @property
    def proved(self) -> int:
        """Up to which batch it was proved that the log has it: what is behind is asked by nobody yet."""
        return int(self.said("proved") or 0)

    # --- batches ----------------------------------------------------------------------------------------------

    def keep(self, batches: Sequence[NewBatch], last: Last) -> None:
        """Keep batches that were checked, in their order. Durable on return, and there once."""
        with self._change() as file:
            for one in batches:
                number = one.received.batch.number
                unnamed = self._name_rows(one)
                file.execute(
                    "INSERT OR IGNORE INTO versions VALUES (?, ?, ?)",
                    (one.version, one.retention.months, one.retention.us),
                )
                file.execute(
                    "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        number,
                        one.released_us,
                        self._note_errata(number, one.received.batch.lines, one.ends_us),
                        one.version,
                        len(one.received.batch.lines),
                        msgspec.json.encode(unnamed).decode(),
                        self._seal.seal_packed(one.received.data, f"batch {number}"),
                        _first_seq(one.received.batch),
                    ),
                )
                file.executemany(
                    "INSERT INTO images VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET ends_us = "
                    "max(ends_us, excluded.ends_us)",
                    [(name, one.ends_us) for name in one.images],
                )
            file.execute("DELETE FROM refs WHERE released_us < ?", (batches[-1].released_us - _REFS_US,))
            self._say({"last": {name: getattr(last, name) for name in Last.__slots__}})

    def _note_errata(self, number: int, lines: Sequence[bytes], ends_us: int = 0) -> int:
        """Note the errata among a batch's rows; return when it ends: one goes with the row that it corrects."""
        for row, line in enumerate(lines):
            said = msgspec.json.decode(line).get("erratum") if b'"erratum":' in line else None
            if said is not None:
                corrects = int(said["seq"])
                self._file.execute("INSERT INTO errata VALUES (?, ?)", (place_number(number, row), corrects))
                # An erratum is alone in its batch.
                ends_us = min(ends_us, self.ends_of(corrects) or ends_us)
        return ends_us

    def ends_of(self, seq: int) -> int:
        """Return when the row of a number ends; 0 where it is not held."""
        found = self._all(
            "SELECT ends_us, first_seq + rows FROM batches WHERE first_seq BETWEEN 1 AND ? ORDER BY first_seq DESC "
            "LIMIT 1",
            (seq,),
        )
        return int(found[0][0]) if found and seq < found[0][1] else 0

    def _name_rows(self, one: NewBatch) -> list[int]:
        """Note in which row each read came; return the rows that bring an image to an earlier one."""
        unnamed = []
        for row, line in enumerate(one.received.batch.lines):
            said = msgspec.json.decode(line)
            ref, place = said.get("ref"), place_number(one.received.batch.number, row)
            if ref is None:
                continue
            known = bytes.fromhex(ref)
            if said.get("again"):
                found = self._all("SELECT place FROM refs WHERE ref = ?", (known,))
                if found:
                    self._file.execute("INSERT OR IGNORE INTO later VALUES (?, ?)", (found[0][0], place))
                    unnamed.append(row)
                    continue
            self._file.execute("INSERT OR IGNORE INTO refs VALUES (?, ?, ?)", (known, place, one.released_us))
        return unnamed

    def retentions(self) -> dict[int, Period]:
        """Return for how long each version that released anything lets rows be kept."""
        return {
            version: Period(months=months, us=us)
            for version, months, us in self._all("SELECT * FROM versions")
        }

    def prove(self, number: int, checkpoint: bytes) -> None:
        """Note up to which batch the log is proved to have it, and the log's checkpoint."""
        self.note(proved=max(number, self.proved), checkpoint=checkpoint.decode())

    def batches(self, first: int, last: int) -> Iterator[KeptBatch]:
        """Yield the batches that are held from one to another."""
        after = first - 1
        while True:
            found = self._all(
                "SELECT number, version, released_us, unnamed, data FROM batches WHERE number > ? AND number <= ? "
                "ORDER BY number LIMIT 100",
                (after, last),
            )
            if not found:
                return
            for number, version, released_us, unnamed, data in found:
                yield KeptBatch(
                    self._opened(number, data), version, released_us, frozenset(msgspec.json.decode(unnamed))
                )
            after = found[-1][0]

    def _opened(self, number: int, data: bytes) -> Batch:
        [batch] = read_batches(io.BytesIO(self._seal.open_packed(data, f"batch {number}")))
        return batch

    def range_of(self, first: int, last: int, most: int) -> int:
        """Return the last batch of those from `first` on that have at most so many rows together; one at least."""
        rows, reached = 0, last
        for number, count in self._all(
            "SELECT number, rows FROM batches WHERE number BETWEEN ? AND ? ORDER BY number LIMIT 10000",
            (first, last),
        ):
            rows += count
            if rows > most:
                return max(number - 1, first) if number > first else first
            reached = number
        return reached

    def _held_with(self, places: Iterable[int], now_us: int) -> Iterator[tuple[Batch, list[int]]]:
        """Yield the batches of some rows that are not past their term, each with the places in it."""
        wanted: dict[int, list[int]] = {}
        for place in places:
            wanted.setdefault(place >> 16, []).append(place)
        for number, places_in in wanted.items():
            held = self._all("SELECT data FROM batches WHERE number = ? AND ends_us > ?", (number, now_us))
            if held:
                yield self._opened(number, held[0][0]), places_in

    def lines(self, places: Iterable[int], now_us: int) -> dict[int, bytes]:
        """Return rows as they were delivered, by their places; one that is past its term is left out."""
        return {
            place: batch.lines[place & 0xFFFF]
            for batch, places_in in self._held_with(places, now_us)
            for place in places_in
        }

    def ways(self, places: Iterable[int], now_us: int) -> dict[int, RowWay]:
        """Return rows with their ways to their batches' roots, by their places, as `lines`."""
        found: dict[int, RowWay] = {}
        for batch, places_in in self._held_with(places, now_us):
            made = row_ways(batch, [place & 0xFFFF for place in places_in])
            found |= dict(zip(places_in, made, strict=True))
        return found

    def later(self, places: Iterable[int]) -> dict[int, list[int]]:
        """Return for some rows those that brought an image to their read."""
        found: dict[int, list[int]] = {}
        for place in places:
            again = self._all("SELECT again FROM later WHERE place = ? ORDER BY again", (place,))
            if again:
                found[place] = [one for (one,) in again]
        return found

    def unproved_headers(self) -> list[Mapping[str, Any]]:
        """Return the headers of the batches of which it was not proved yet that the log has them."""
        last = self.last
        if last is None:
            return []
        return [one.batch.header for one in self.batches(self.proved + 1, last.batch)]

    # --- errata -----------------------------------------------------------------------------------------------

    @property
    def noticed(self) -> int:
        """The number of the last notice that was kept."""
        return int(self.said("noticed") or 0)

    def keep_notices(self, last: int, notices: Iterable[tuple[int, int, str]]) -> None:
        """Keep notices that have no row in the feed: number, the row that was wrong, and the ground; up to `last`.

        Of a row that is not held nothing is kept.
        """
        with self._change() as file:
            for number, corrects, ground in notices:
                ends_us = self.ends_of(corrects)
                if ends_us:
                    file.execute(
                        "INSERT OR IGNORE INTO notices VALUES (?, ?, ?, ?)",
                        (number, corrects, ground, ends_us),
                    )
            self._say({"noticed": last})

    def errata_of(self, seqs: Iterable[int], now_us: int) -> dict[int, list[bytes]]:
        """Return by the numbers of rows what was found of them: rows of errata as delivered, and notices alone."""
        found: dict[int, list[bytes]] = {}
        proved = self.proved
        for seq in dict.fromkeys(seqs):
            places = [
                place
                for (place,) in self._all(
                    "SELECT place FROM errata WHERE corrects = ? ORDER BY place", (seq,)
                )
                if place >> 16 <= proved
            ]
            held = self.lines(places, now_us)
            lines = [held[place] for place in places if place in held]
            lines += [
                msgspec.json.encode({"seq": seq, "erratum": {"seq": seq, "ground": ground}})
                for (ground,) in self._all(
                    "SELECT ground FROM notices WHERE corrects = ? AND ends_us > ? ORDER BY number",
                    (seq, now_us),
                )
            ]
            if lines:
                found[seq] = lines
        return found

    # --- answers ----------------------------------------------------------------------------------------------

    def keep_answer(
        self, id_: str, rows: Sequence[AnsweredRow], until_us: int, question: bytes | None = None
    ) -> None:
        """Keep which rows an answer has, by their places and hashes: the rows themselves end as they do.

        Parameters
        ----------
        question : bytes, optional
            What was asked, as JSON: by it is judged which right plate an erratum may tell in this answer.
        """
        asked = None if question is None else self._seal.seal_packed(question, f"question {id_}")
        data = self._seal.seal_packed(msgspec.msgpack.encode(list(rows)), f"answer {id_}")
        with self._change() as file:
            file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (id_, until_us, data, asked))

    def question_of(self, id_: str) -> bytes | None:
        """Return what was asked, as JSON; None where an answer of an earlier form does not say it."""
        found = self._all("SELECT question FROM answers WHERE id = ? AND question IS NOT NULL", (id_,))
        return self._seal.open_packed(found[0][0], f"question {id_}") if found else None

    def answer(self, id_: str, now_us: int) -> list[AnsweredRow] | None:
        """Return the rows of an answer, in their order; None where there is none, or no longer."""
        found = self._all("SELECT data FROM answers WHERE id = ? AND until_us > ?", (id_, now_us))
        if not found:
            return None
        data = self._seal.open_packed(found[0][0], f"answer {id_}")
        return msgspec.msgpack.decode(data, type=list[AnsweredRow])

    # --- what a list would have done --------------------------------------------------------------------------

    def name_plates(self, plates: Iterable[str], at_us: int) -> None:
        """Note when plates were first named by a question, as keyed hashes, for as long as a list would have them."""
        with self._change() as file:
            file.executemany(
                "INSERT OR IGNORE INTO named VALUES (?, ?, ?)",
                [(self._seal.digest(plate), at_us, at_us + LISTED_US) for plate in plates],
            )

    def named_at(self, plates: Iterable[str], now_us: int) -> dict[str, int]:
        """Return when each of some plates was first named; of one that was not, nothing."""
        found = {}
        for plate in set(plates):
            held = self._all(
                "SELECT at_us FROM named WHERE plate = ? AND ends_us > ?", (self._seal.digest(plate), now_us)
            )
            if held:
                found[plate] = int(held[0][0])
        return found

    # --- the journal ------------------------------------------------------------------------------------------

    def record(self, **members: Any) -> None:
        """Append a record to the journal, durably. It holds no plate."""
        with self._change():
            self._record(**members)

    def _record(self, **members: Any) -> None:
        self._file.execute("INSERT INTO journal (record) VALUES (?)", (canonical(members).decode(),))

    def journal(self) -> list[bytes]:
        """Return the leaf hashes of the journal's records, in their order."""
        return [leaf_hash(one.encode()) for (one,) in self._all("SELECT record FROM journal ORDER BY number")]

    def record_kept(self) -> int:
        """Append what was kept and proved since the last such record; return up to which batch the journal goes."""
        first, last = int(self.said("recorded") or 0) + 1, self.proved
        kept = [] if last < first else list(self.batches(first, last))
        if last < first:
            return last
        roots = [bytes.fromhex(str(one.batch.header["root"])) for one in kept]
        rows = sum(len(one.batch.lines) for one in kept)
        with self._change():
            self._record(kind="kept", first=first, last=last, root=tree_root(roots).hex(), rows=rows)
            self._say({"recorded": last})
        return last

    # --- cameras ----------------------------------------------------------------------------------------------

    def cameras(self) -> list[SeenCamera]:
        """Return every camera that rows named, in the order of their numbers, which begin with 0."""
        return [SeenCamera(*row) for row in self._all("SELECT * FROM cameras ORDER BY number")]

    def add_cameras(self, cameras: Sequence[SeenCamera]) -> None:
        """Keep cameras that were not known, with the next numbers. Durable on return."""
        with self._change() as file:
            file.executemany("INSERT INTO cameras VALUES (?, ?, ?, ?, ?, ?)", cameras)

    # --- the end ----------------------------------------------------------------------------------------------

    def end(self, now_us: int) -> EndedRows:
        """Let go of what is past its term; the images that went with it are named, and their files go next."""
        with self._change() as file:
            [(rows,)] = file.execute(
                "SELECT coalesce(sum(rows), 0) FROM batches WHERE ends_us <= ?", (now_us,)
            ).fetchall()
            gone = [
                number
                for (number,) in file.execute("SELECT number FROM batches WHERE ends_us <= ?", (now_us,))
            ]
            file.execute("DELETE FROM batches WHERE ends_us <= ?", (now_us,))
            file.execute("DELETE FROM answers WHERE until_us <= ?", (now_us,))
            for number in gone:
                span = (place_number(number, 0), place_number(number, MOST_ROWS - 1))
                file.execute("DELETE FROM later WHERE place BETWEEN ? AND ?", span)
                file.execute("DELETE FROM later WHERE again BETWEEN ? AND ?", span)
                file.execute("DELETE FROM refs WHERE place BETWEEN ? AND ?", span)
                file.execute("DELETE FROM errata WHERE place BETWEEN ? AND ?", span)
            file.execute("DELETE FROM notices WHERE ends_us <= ?", (now_us,))
            file.execute("DELETE FROM named WHERE ends_us <= ?", (now_us,))
            images = [
                name for (name,) in file.execute("SELECT name FROM images WHERE ends_us <= ?", (now_us,))
            ]
            if rows:
                self._record(kind="ended", rows=rows, until=rfc3339(now_us))
                self._say({"ended_rows": int(self.said("ended_rows") or 0) + rows})
        if gone:
            # The file's journal has what was deleted until it is written over.
            with self._lock:
                self._file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return EndedRows(int(rows), images)

    def forget_images(self, names: Sequence[str]) -> None:
        """Forget images whose files have gone: a crash before has them go again."""
        with self._change() as file:
            file.executemany("DELETE FROM images WHERE name = ?", [(name,) for name in names])

    def unknown_images(self, names: Iterable[str]) -> list[str]:
        """Return those of some images that no row that is held names: a crash, or an end meanwhile, left them."""
        with self._lock:
            known = {name for (name,) in self._file.execute("SELECT name FROM images")}
        return sorted(set(names) - known)

    def deleted_until_us(self) -> int:
        """Return before when everything that was released is gone from here; 0 where nothing ever was."""
        held = self._all("SELECT min(released_us) FROM batches")[0][0]
        last = self.last
        if held is not None:
            return int(held)
        return 0 if last is None else last.released_us + 1

    def held(self) -> tuple[int, int]:
        """Return how many batches are held, and how many rows."""
        [(batches, rows)] = self._all("SELECT count(*), coalesce(sum(rows), 0) FROM batches")
        return int(batches), int(rows)


def place_number(batch: int, row: int) -> int:
    """Return the number of a row among all of a feed, by its batch."""
    return batch << 16 | row


def _first_seq(batch: Batch) -> int:
    return int(msgspec.json.decode(batch.lines[0])["seq"]) if batch.lines else 0
