"""The tables of a history of form 1 (docs/spec/history.md, section 3), for the upgrade: kept as they were."""

from __future__ import annotations

_PARTED = """
    source LowCardinality(String),
    span UInt32 CODEC(ZSTD(1)),
    slot UInt32 CODEC(ZSTD(1))"""
_LIKE_ALL = (
    "PARTITION BY (source, span, slot) {order} SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, "
    "fsync_part_directory = 1, non_replicated_deduplication_window = 10000"
)
TABLES = {
    "reads": f"""CREATE TABLE IF NOT EXISTS reads (
    read_id UInt64 CODEC(Delta, ZSTD(1)),
    plate String CODEC(ZSTD(1)),
    captured_us Int64 CODEC(Delta, ZSTD(1)),
    waited_s Int32 CODEC(ZSTD(1)),
    camera UInt32 CODEC(ZSTD(1)),
    confidence Float64 CODEC(ZSTD(1)),
    lane LowCardinality(String),
    direction LowCardinality(String),
    vehicle LowCardinality(String),
    make LowCardinality(String),
    colour LowCardinality(String),
    kind LowCardinality(String),
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),
    marks LowCardinality(String),{_PARTED},
    PROJECTION by_camera (SELECT * ORDER BY camera, captured_us)
) ENGINE = MergeTree {_LIKE_ALL.format(order="ORDER BY (plate, captured_us)")}""",
    "plates": f"""CREATE TABLE IF NOT EXISTS plates (
    skeleton String CODEC(ZSTD(1)),
    plate String CODEC(ZSTD(1)),{_PARTED}
) ENGINE = ReplacingMergeTree {_LIKE_ALL.format(order="ORDER BY (skeleton, plate)")}""",
    "later": f"""CREATE TABLE IF NOT EXISTS later (
    read_id UInt64 CODEC(Delta, ZSTD(1)),
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),{_PARTED}
) ENGINE = ReplacingMergeTree {_LIKE_ALL.format(order="ORDER BY (read_id)")}""",
    "hidden": """CREATE TABLE IF NOT EXISTS hidden (
    read_id UInt64
) ENGINE = ReplacingMergeTree ORDER BY (read_id)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1""",
    "gaps": """CREATE TABLE IF NOT EXISTS gaps (
    first UInt64, last UInt64, from_us Int64, until_us Int64, reads Nullable(UInt64)
) ENGINE = ReplacingMergeTree ORDER BY (first)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1""",
}

# --- form 2: a file for each column of `reads` ----

TABLES_2 = {
    "reads": """CREATE TABLE IF NOT EXISTS reads (
    read_id UInt64 CODEC(T64('bit'), ZSTD(1)),
    plate String CODEC(ZSTD(1)),
    captured_us Int64 CODEC(T64('bit'), ZSTD(1)),
    waited_s Int32 CODEC(ZSTD(1)),
    camera UInt32 CODEC(T64('bit'), ZSTD(1)),
    confidence LowCardinality(Float64) CODEC(ZSTD(1)),
    lane LowCardinality(String) CODEC(ZSTD(1)),
    direction LowCardinality(String) CODEC(ZSTD(1)),
    vehicle LowCardinality(String) CODEC(ZSTD(1)),
    make LowCardinality(String) CODEC(ZSTD(1)),
    colour LowCardinality(String) CODEC(ZSTD(1)),
    kind LowCardinality(String) CODEC(ZSTD(1)),
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),
    marks LowCardinality(String) CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    span UInt32 CODEC(ZSTD(1)),
    slot UInt32 CODEC(ZSTD(1)),
    PROJECTION by_camera (SELECT * ORDER BY camera, captured_us)
) ENGINE = MergeTree PARTITION BY (source, span, slot)
ORDER BY (plate, captured_us)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1,
    non_replicated_deduplication_window = 10000,
    default_compression_codec = 'ZSTD(1)', auto_statistics_types = '', index_granularity = 1024""",
    "plates": """CREATE TABLE IF NOT EXISTS plates (
    skeleton String CODEC(ZSTD(1)),
    plate String CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    span UInt32 CODEC(ZSTD(1)),
    slot UInt32 CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree PARTITION BY (source, span, slot)
ORDER BY (skeleton, plate)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1,
    non_replicated_deduplication_window = 10000,
    default_compression_codec = 'ZSTD(1)', auto_statistics_types = ''""",
    "later": """CREATE TABLE IF NOT EXISTS later (
    read_id UInt64 CODEC(Delta, ZSTD(1)),
    patch String CODEC(ZSTD(1)),
    overview String CODEC(ZSTD(1)),
    source LowCardinality(String) CODEC(ZSTD(1)),
    span UInt32 CODEC(ZSTD(1)),
    slot UInt32 CODEC(ZSTD(1))
) ENGINE = ReplacingMergeTree PARTITION BY (source, span, slot)
ORDER BY (read_id)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1,
    non_replicated_deduplication_window = 10000,
    default_compression_codec = 'ZSTD(1)', auto_statistics_types = ''""",
    "hidden": """CREATE TABLE IF NOT EXISTS hidden (
    read_id UInt64
) ENGINE = ReplacingMergeTree ORDER BY (read_id)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1""",
    "gaps": """CREATE TABLE IF NOT EXISTS gaps (
    first UInt64, last UInt64, from_us Int64, until_us Int64, reads Nullable(UInt64)
) ENGINE = ReplacingMergeTree ORDER BY (first)
SETTINGS storage_policy = 'encrypted', fsync_after_insert = 1, fsync_part_directory = 1""",
}

# --- form 3: plates have no order of ends ----

TABLES_3 = TABLES_2 | {
    "reads": TABLES_2["reads"]
    + ", min_bytes_for_wide_part = 1000000000000, min_rows_for_wide_part = 1000000000000"
}
