"""Sums of legs A and D with DuckDB: its CSV reader with the columns' types given, one thread."""

import gzip

import duckdb

NUMBERS = ("packets", "bytes", "start")


def sums(path):
    """A connection whose table `sums` has them, by interface, hour, leg, source and service."""
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("SET preserve_insertion_order = false")
    with gzip.open(path, "rt") if path.endswith(".gz") else open(path, encoding="ascii") as lines:
        columns = lines.readline().split()
    types = {name: "BIGINT" if name in NUMBERS else "VARCHAR" for name in columns}
    connection.execute(
        f"""
        CREATE TABLE sums AS
        WITH flows AS (
            SELECT *,
                srcaddr = "pkt-srcaddr" AND dstaddr <> "pkt-dstaddr" AS upload,
                srcaddr <> "pkt-srcaddr" AND dstaddr = "pkt-dstaddr" AS download
            FROM read_csv('{path}', delim = ' ', header = true, nullstr = '-', quote = '', escape = '',
                auto_detect = false, columns = {types})
            WHERE "log-status" = 'OK' AND action = 'ACCEPT'
        )
        SELECT "interface-id", start // 3600 * 3600 AS hour,
            CASE WHEN upload THEN 'A' ELSE 'D' END AS leg,
            CASE WHEN upload THEN "pkt-srcaddr" ELSE "pkt-dstaddr" END AS source,
            CASE WHEN upload THEN "pkt-dst-aws-service" ELSE "pkt-src-aws-service" END AS service,
            sum(bytes), sum(packets), count(*)
        FROM flows WHERE upload OR download GROUP BY ALL
        """
    )
    return connection


def rows(connection):
    """The table's rows."""
    return connection.execute("FROM sums").fetchall()
