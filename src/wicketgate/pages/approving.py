"""The pages of whoever approves questions to the past: what waits for them, and one question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wicketgate.pages.at_work import AtWorkPages
from wicketgate.pages.duty import PROVED, Session
from wicketgate.pages.searches import REFUSED, counted_in_words, question_rows, search_view

_APPROVED = "It was recorded that you approve it."
_REFUSED = "It was recorded that you did not let it be answered."


class ApprovalPages(AtWorkPages):
    """The pages of approvers."""

    def approvals(
        self, session: Session, now_us: int, searches: Sequence[Mapping[str, Any]], *, done: str = ""
    ) -> str:
        """Return the page `/approvals`.

        Parameters
        ----------
        searches : sequence of mapping
            What this person may approve here now, as `GET /v1/searches/{id}` answers.
        done : {"", "approved", "refused"}
            What was recorded just now.
        """
        return self._render(
            "approvals.html",
            session,
            now_us,
            searches=[search_view(one, session.zone, now_us) for one in searches],
            done={"approved": _APPROVED, "refused": _REFUSED}.get(done, ""),
        )

    def approval(
        self,
        session: Session,
        now_us: int,
        *,
        detail: Mapping[str, Any],
        asker: str,
        title: str,
        terms: str,
        code: str = "",
        written: Mapping[str, str],
    ) -> str:
        """Return the page of one question that waits.

        Parameters
        ----------
        detail : mapping
            As `SearchDetail`.
        asker : str
            What whoever asks is called.
        title, terms : str
            The authority's title, and up to which breadth it lets one person approve.
        code : str
            Why what was sent was not recorded; `PROVED` where a proof was asked for first.
        written : mapping
            What was written: `vehicles` and `reason`.
        """
        search = detail["search"]
        return self._render(
            "approval.html",
            session,
            now_us,
            one=search_view(search, session.zone, now_us),
            rows=question_rows(detail["question"], session.zone),
            reason=detail["reason"],
            emergency=detail["emergency"],
            quotes=search.get("vehicles") is not None,
            counted=counted_in_words(search.get("vehicles")),
            asker=asker,
            title=title,
            terms=terms,
            proved=code == PROVED,
            at="reason" if code == "reason-missing" else "vehicles" if code == "count-differs" else "",
            refused="Say why it is not to be answered."
            if code == "reason-missing"
            else ""
            if code == PROVED
            else REFUSED.get(code, code),
            written=written,
        )
