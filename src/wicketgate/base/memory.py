"""Give memory back to the system once something large was made."""

from __future__ import annotations

import ctypes

_libc = ctypes.CDLL(None)


def give_back() -> None:
    """Return freed memory to the system, where the C library can (glibc).

    It keeps what was freed otherwise, for the next who asks: after a list of a million entries is compiled, 60 MB.
    """
    if hasattr(_libc, "malloc_trim"):
        _libc.malloc_trim(0)
