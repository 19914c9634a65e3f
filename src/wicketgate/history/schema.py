"""The tables of a history, and the configuration of its engine. Pure.

A part holds the reads of one source and one span of time (`terms.span_of`), so that what is past its term goes by whole
parts, and a question about a time or a source opens few of them. docs/spec/history.md, section 3.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import escape

KEY_VARIABLE: Final = "WICKETGATE_HISTORY_KEY"
"""The engine takes the key of its disk from there: it stands in no file of the history."""
KEY_BYTES: Final = 32

_WORD: Final = "LowCardinality(String) CODEC(ZSTD(1))"
_PARTED: Final = f"""
    source {_WORD},
    span UInt32 CODEC(ZSTD(1)),
    slot UInt32 CODEC(ZSTD(1))"""

_WORDS: Final = ("lane", "direction", "vehicle", "make", "colour", "kind", "marks")

_LIKE_ALL: Final = (
    "PARTITION BY (source, span, slot) {order} SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, "
    "fsync_part_directory = 1, non_replicated_deduplication_window = 10000"
)
# In the order of plates these are as good as drawn by lot: of each a part holds as many bits as its values span.
_NUMBER: Final = "CODEC(T64('bit'), ZSTD(1))"
# One plate is looked for in every part: a third less of CPU than with 8,192 rows a mark, for three bytes a read. A
# table that was made before keeps what it has: the engine changes that of none.
_FINE: Final = "index_granularity = 1024"
# A projection does not heed its columns' codecs: it is compressed as the table's default says. The statistics that the
# engine would keep of each column cost up to four bytes a text, and no statement here is planned by them.
_DENSE: Final = "default_compression_codec = 'ZSTD(1)', auto_statistics_types = ''"

# One file holds all columns of a part: a plate's row is read at one place, not in two dozen files, each of which is
# opened, decrypted and unpacked by 64 KiB. A third to a half of the CPU of an exact plate, for four bytes a read.
_COMPACT: Final = "min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000"

READS: Final = f"""CREATE TABLE IF NOT EXISTS reads (
    read_id UInt64 {_NUMBER},
    plate String CODEC(ZSTD(1)),
    captured_us Int64 {_NUMBER},
    waited_s Int32 CODEC(ZSTD(1)),
    camera UInt32 {_NUMBER},
    confidence LowCardinality(Float64) CODEC(ZSTD(1)),
    lane {_WORD},
    direction {_WORD},
    vehicle {_WORD},
    make {_WORD},
    colour {_WORD},
    kind {_WORD},
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),
    marks {_WORD},{_PARTED},
    PROJECTION by_camera (SELECT * ORDER BY camera, captured_us)
) ENGINE = MergeTree {_LIKE_ALL.format(order="ORDER BY (plate, captured_us)")}, {_DENSE}, {_FINE}, {_COMPACT}"""
"""Every read that is kept; what a camera did not say is empty. None is changed: what follows it stands beside it."""

# A pattern of which neither begin nor end is known has all of this column read: LZ4 is unpacked in half the time.
_QUICK: Final = "CODEC(LZ4)"
BY_END: Final = "by_end"
_ENDS: Final = f"{BY_END} (SELECT plate ORDER BY reverse(plate))"
# What a merge leaves out must be left out of the order of ends too.
_ANEW: Final = "deduplicate_merge_projection_mode = 'rebuild'"

PLATES: Final = f"""CREATE TABLE IF NOT EXISTS plates (
    skeleton String CODEC(ZSTD(1)),
    plate String {_QUICK},{_PARTED},
    PROJECTION {_ENDS}
) ENGINE = ReplacingMergeTree {_LIKE_ALL.format(order="ORDER BY (skeleton, plate)")}, {_DENSE}, {_ANEW}"""
"""Each plate of a part once, or a few times: for patterns that begin with a wildcard, and for look-alikes."""

LATER: Final = f"""CREATE TABLE IF NOT EXISTS later (
    read_id UInt64 CODEC(Delta, ZSTD(1)),
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),{_PARTED}
) ENGINE = ReplacingMergeTree {_LIKE_ALL.format(order="ORDER BY (read_id)")}, {_DENSE}"""
"""Images that followed their read."""

HIDDEN: Final = """CREATE TABLE IF NOT EXISTS hidden (
    read_id UInt64
) ENGINE = ReplacingMergeTree ORDER BY (read_id)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1"""
"""Reads that were erased: nobody is shown them, and their rows go soon after."""

GAPS: Final = """CREATE TABLE IF NOT EXISTS gaps (
    first UInt64, last UInt64, from_us Int64, until_us Int64, reads Nullable(UInt64)
) ENGINE = ReplacingMergeTree ORDER BY (first)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1"""
"""What the history lacks: transactions that it did not get in time."""

PARTED_TABLES: Final = ("reads", "plates", "later")
TABLES: Final = {"reads": READS, "plates": PLATES, "later": LATER, "hidden": HIDDEN, "gaps": GAPS}
SETTINGS: Final = {"allow_suspicious_low_cardinality_types": 1, "mutations_sync": 2}
"""Of the statements that make and change tables: a camera's confidence has few values."""

CHANGES: Final = {
    2: (
        "ALTER TABLE reads "
        f"MODIFY COLUMN read_id UInt64 {_NUMBER}, MODIFY COLUMN captured_us Int64 {_NUMBER}, "
        f"MODIFY COLUMN camera UInt32 {_NUMBER}, "
        + ", ".join(f"MODIFY COLUMN {name} {_WORD}" for name in _WORDS),
        "ALTER TABLE reads MODIFY COLUMN confidence LowCardinality(Float64) CODEC(ZSTD(1))",
        *(f"ALTER TABLE {name} MODIFY SETTING {_DENSE}" for name in ("reads", "plates", "later")),
    ),
    3: (f"ALTER TABLE reads MODIFY SETTING {_COMPACT}",),
    4: (
        f"ALTER TABLE plates MODIFY SETTING {_ANEW}",
        f"ALTER TABLE plates MODIFY COLUMN plate String {_QUICK}",
        f"ALTER TABLE plates ADD PROJECTION IF NOT EXISTS {_ENDS}",
    ),
}
"""By its form, what makes the tables of the form before into those of this one. Each may be made again after a kill."""


def configuration(disk: str, temporary: str) -> str:
    """Return the engine's configuration: its disk, encrypted, and where it may put what it has no memory for.

    Parameters
    ----------
    disk, temporary : str
        Folders, absolute.
    """
    # The encrypted disk has no path of its own: with one, the sync of a part's folder fails. What does not fit into
    # memory is an error (`asking.SETTINGS`), so the temporary folder stays empty but for what is being inserted.
    return f"""<clickhouse>
  <logger><level>none</level></logger>
  <tmp_path>{escape(temporary)}/</tmp_path>
  <max_server_memory_usage>2000000000</max_server_memory_usage>
  <mark_cache_size>100000000</mark_cache_size>
  <uncompressed_cache_size>0</uncompressed_cache_size>
  <background_pool_size>2</background_pool_size>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <merge_tree>
  <old_parts_lifetime>1</old_parts_lifetime><cleanup_delay_period>1</cleanup_delay_period>
  <cleanup_delay_period_random_add>0</cleanup_delay_period_random_add><max_cleanup_delay_period>5</max_cleanup_delay_period>
  <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
  <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
  <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
  <storage_configuration>
    <disks>
      <below><type>local</type><path>{escape(disk)}/</path></below>
      <encrypted>
        <type>encrypted</type><disk>below</disk><algorithm>AES_256_CTR</algorithm>
        <key_hex from_env="{KEY_VARIABLE}"/>
      </encrypted>
    </disks>
    <policies><encrypted><volumes><main><disk>encrypted</disk></main></volumes></encrypted></policies>
  </storage_configuration>
</clickhouse>
"""
