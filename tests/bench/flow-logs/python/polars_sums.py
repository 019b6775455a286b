"""Sums of legs A and D with Polars: the lazy reader that reads only the columns it needs, on the streaming engine."""

import polars as pl


def sums(path):
    """The frame of sums, by interface, hour, leg, source and service."""
    flows = pl.scan_csv(
        path,
        separator=" ",
        null_values="-",
        quote_char=None,
        schema_overrides={
            "interface-id": pl.String,
            "srcaddr": pl.String,
            "dstaddr": pl.String,
            "pkt-srcaddr": pl.String,
            "pkt-dstaddr": pl.String,
            "packets": pl.Int64,
            "bytes": pl.Int64,
            "start": pl.Int64,
            "pkt-src-aws-service": pl.String,
            "pkt-dst-aws-service": pl.String,
        },
    )
    upload = (pl.col("srcaddr") == pl.col("pkt-srcaddr")) & (pl.col("dstaddr") != pl.col("pkt-dstaddr"))
    download = (pl.col("srcaddr") != pl.col("pkt-srcaddr")) & (pl.col("dstaddr") == pl.col("pkt-dstaddr"))
    return (
        flows.filter((pl.col("log-status") == "OK") & (pl.col("action") == "ACCEPT") & (upload | download))
        .select(
            "interface-id",
            (pl.col("start") // 3600 * 3600).alias("hour"),
            pl.when(upload).then(pl.lit("A")).otherwise(pl.lit("D")).alias("leg"),
            pl.when(upload).then("pkt-srcaddr").otherwise("pkt-dstaddr").alias("source"),
            pl.when(upload).then("pkt-dst-aws-service").otherwise("pkt-src-aws-service").alias("service"),
            "bytes",
            "packets",
        )
        .group_by("interface-id", "hour", "leg", "source", "service")
        .agg(pl.col("bytes").sum(), pl.col("packets").sum(), pl.len().alias("flows"))
        .collect(engine="streaming")
    )


def rows(frame):
    """The frame's rows."""
    return frame.iter_rows()
