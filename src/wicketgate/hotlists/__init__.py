"""Hotlists: entries, the compiled matcher, lists in force.

How lists are kept is here too. Pure. Reaches no clock, file, socket or environment; docs/spec/hotlist.md is the
specification. How units send lists is in `hotlists.forms`. Plates and packed plates stand in nothing that is public,
logged or raised.
"""

from wicketgate.hotlists.entries import MAX_TEXT, TEXTS, Change, Entry
from wicketgate.hotlists.hotlist import Hotlist, HotlistChanges, ListedRows
from wicketgate.hotlists.index import MOST_SUBSTITUTIONS, Found, HotlistIndex
from wicketgate.hotlists.skeletons import hashes
from wicketgate.hotlists.stored import dump_changes, dump_entries, each_entry, load_changes, load_entries

__all__ = [
    "MAX_TEXT",
    "MOST_SUBSTITUTIONS",
    "TEXTS",
    "Change",
    "Entry",
    "Found",
    "Hotlist",
    "HotlistChanges",
    "HotlistIndex",
    "ListedRows",
    "dump_changes",
    "dump_entries",
    "each_entry",
    "hashes",
    "load_changes",
    "load_entries",
]
