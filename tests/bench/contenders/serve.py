"""The contender's side of what src/contender.rs asks, for contenders in Python."""

import json
import sys
import time


def serve(work, digest):
    """Does a round of `work` for each line on standard input and says what it cost; `digest` is not timed."""
    for _ in sys.stdin:
        start = time.process_time_ns()
        result = work()
        spent = (time.process_time_ns() - start) / 1e6
        print(json.dumps({"cpu_ms": spent, "peak_kb": peak_kb(), "digest": digest(result)}), flush=True)


def peak_kb():
    """The most memory that was resident, in units of 1,024 bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
