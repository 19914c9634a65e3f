"""The questions of one gateway: put, counted, approved, run, looked at, ended. One object, `gateway.searches`."""

from __future__ import annotations

from wicketgate.gateway.searching.values import (
    PAGE_ROWS,
    AnswerForm,
    AnswerPage,
    Approver,
    AskedDocument,
    Asker,
    SearchDetail,
    SearchPreview,
    SearchShown,
    SourceSearch,
    StoppedUnit,
)


class Searches:
    """The questions of one gateway.

    Everything is committed before it is shown. What waits for the history goes on by itself (`run`), over restarts.

    Methods raise InputError of code `unknown-search` for an id that the caller has no part in, and NotEntitled where
    the authority is stopped.
    """

    async def preview(self, asker: Asker, document: AskedDocument) -> SearchPreview:
        """Return what would become of a question: its breadth, and who must approve. Nothing is recorded.

        Raises
        ------
        InputError
            `malformed`, `question-kind` or `zone-missing`, as `ask`.
        """
        raise NotImplementedError

    async def ask(self, asker: Asker, document: AskedDocument) -> SearchShown:
        """Put a question; it is committed, refused or not, and then counted, run, or left to wait for approval.

        What the history does not answer within some seconds goes on by itself: the status is then `counting` or
        `running`.

        Raises
        ------
        InputError
            `malformed`, `question-kind` or `zone-missing`, for what is no question: nothing was recorded.
        HistoryError
            `history-unavailable` where this gateway keeps no history, and the authority is no bulk one (whose
            questions custody answers).
        """
        raise NotImplementedError

    def show(self, id_: str, by: str) -> SearchShown:
        """Return how a question stands, for whoever asked it."""
        raise NotImplementedError

    async def detail(self, id_: str, by: str, place: str) -> SearchDetail:
        """Commit a look at what was asked, and return it: for whoever asked it, and who may approve it at a place."""
        raise NotImplementedError

    async def approve(self, id_: str, approver: Approver, vehicles: int | None) -> SearchShown:
        """Approve one run; the last approval that is needed runs it.

        Parameters
        ----------
        vehicles : int or None
            The number that was told; None where nothing was counted.

        Raises
        ------
        InputError
            `self-approval`, `approver-twice`, `count-differs`, `approval-spent`.
        NotEntitled
            `not-entitled`.
        """
        raise NotImplementedError

    async def refuse(self, id_: str, approver: Approver, reason: str) -> SearchShown:
        """End a question that is not to be answered; the asker sees the reason. Errors as `approve`."""
        raise NotImplementedError

    async def rows(
        self,
        id_: str,
        asker: Asker,
        *,
        after: int = 0,
        limit: int = PAGE_ROWS,
        form: AnswerForm = "ndjson",
    ) -> AnswerPage:
        """Commit a look at a page of an answer, and return the page.

        Raises
        ------
        InputError
            `not-answered`, `answer-ended`.
        NotEntitled
            With the code of how the authority stands, where it is stopped.
        """
        raise NotImplementedError

    def own(self, asker: Asker) -> list[SearchShown]:
        """Return the questions of a person at a unit, of the last 31 days, the newest first."""
        raise NotImplementedError

    def awaiting(self, approver: Approver) -> list[SearchShown]:
        """Return the questions that this person may approve at this place now, the oldest first."""
        raise NotImplementedError

    def on_cameras_of(self, source: str) -> list[SourceSearch]:
        """Return the questions on a source's cameras of the last 31 days, the newest first."""
        raise NotImplementedError

    def stopped(self) -> list[StoppedUnit]:
        """Return the units that may not say that life is threatened."""
        raise NotImplementedError

    async def let(self, unit: str, by: str, office: str) -> None:
        """Let a unit say again that life is threatened: the word of the overseer's office that the charter names.

        Raises
        ------
        NotEntitled
            For another office.
        InputError
            `not-stopped`.
        """
        raise NotImplementedError

    # --- of bulk authorities: custody answers, and the gateway commits ------------------------------------------------

    async def take_count(self, id_: str, unit: str, vehicles: int) -> SearchShown:
        """Commit what a recipient's custody counted, before it is shown."""
        raise NotImplementedError

    async def take_run(self, id_: str, unit: str, *, rows: int, vehicles: int, root: str) -> SearchShown:
        """Commit a run in a recipient's custody, before its first page; `root` is over its rows, hexadecimal.

        Raises
        ------
        InputError
            `approval-needed` while anything is needed that was not given.
        """
        raise NotImplementedError

    async def take_look(self, id_: str, asker: Asker, *, after: int, rows: int, form: AnswerForm) -> None:
        """Commit a look at a page in a recipient's custody, before it is shown."""
        raise NotImplementedError

    async def run(self) -> None:
        """Count and run what may be, and end what must; for ever."""
        raise NotImplementedError
