"""What a gateway shows of itself, fetched to be compared with its log."""

from __future__ import annotations

from urllib.parse import quote

from wicketgate.base.errors import InputError, Unreachable, WicketgateError
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES, Register
from wicketgate.clients.verify.remote import Remote


def fetch_register(remote: Remote) -> Register | WicketgateError:
    """Return the register, or why it cannot be had."""
    try:
        return Register(remote.need("/register.json", most=MAX_REGISTER_BYTES))
    except WicketgateError as error:
        return error


def fetch_month(remote: Remote, month: str) -> bytes:
    """Return what is shown of a closed month of figures.

    Raises
    ------
    InputError
        If nothing is: whoever names a month in the register shows it.
    Unreachable
        If it cannot be had now.
    """
    answer = remote.get(f"/figures/{quote(month, safe='')}.json", most=MAX_REGISTER_BYTES)
    if answer.status == 404:
        raise InputError("it is not shown, and the register names the month")
    if answer.status != 200:
        raise Unreachable(f"it answers {answer.status}")
    return answer.body
