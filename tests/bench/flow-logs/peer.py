"""A peer as a contender: `peer.py polars|duckdb <input>` does a round for each line on its standard input."""
import hashlib
import json
import os
import resource
import sys
import time

# One core is all there is; more threads would only take turns.
os.environ["POLARS_MAX_THREADS"] = "1"


def digest(rows):
    """As ours: sorted lines of the same spelling."""
    lines = []
    for interface, hour, leg, source, service, *numbers in rows:
        key = f"{interface}|{hour}|{leg}|{source}|{service or 'UNKNOWN'}"
        lines.append("|".join([key, *(str(number) for number in numbers)]) + "\n")
    lines.sort()
    return f"{len(lines)} rows, sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def main(name, path):
    """Rounds until the input ends; the digest is not timed."""
    peer = __import__(f"{name}_sums")
    for _ in sys.stdin:
        start = time.process_time()
        result = peer.sums(path)
        spent = time.process_time() - start
        answer = {
            "cpu_ms": spent * 1e3,
            "peak_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "digest": digest(peer.rows(result)),
        }
        print(json.dumps(answer), flush=True)


main(*sys.argv[1:])
