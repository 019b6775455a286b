"""A peer as a contender: `peer.py polars|duckdb <input>`."""

import hashlib
import os
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "contenders"))

# There is one core: more threads would only take turns on it.
os.environ["POLARS_MAX_THREADS"] = "1"

from serve import serve


def digest(rows):
    """As ours: sorted lines of the same spelling."""
    lines = []
    for interface, hour, leg, source, service, *numbers in rows:
        key = f"{interface}|{hour}|{leg}|{source}|{service or 'UNKNOWN'}"
        lines.append("|".join([key, *map(str, numbers)]) + "\n")
    lines.sort()
    return f"{len(lines)} rows, sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def main(name, path):
    """Serves rounds; making rows of the result is not timed."""
    peer = import_module(f"{name}_sums")
    serve(lambda: peer.sums(path), lambda result: digest(peer.rows(result)))


main(*sys.argv[1:])
