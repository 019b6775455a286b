"""The limiter that everybody writes: INCR, and EXPIRE after the first. `classic.py <redis url>`."""

import json
import sys
import time

import redis

WINDOW = 3600


def allows(client, key, limit):
    """The classic: a counter for each window, which never ends if the process dies between the two commands."""
    name = f"limit:{key}:{int(time.time()) // WINDOW}"
    count = client.incr(name)
    if count == 1:
        client.expire(name, WINDOW)
    return count <= limit


def main():
    client = redis.Redis.from_url(sys.argv[1])
    for line in sys.stdin:
        name, count, salt = line.split()
        print(json.dumps(rounds(client, name, int(count), salt)), flush=True)


def rounds(client, name, count, salt):
    """Decisions one after the other, each timed."""
    if name in ("agree", "over"):
        allowed = sum(allows(client, salt, 10) for _ in range(15))
        if name == "agree":
            return {"allowed": allowed}
    took = []
    cpu = time.process_time_ns()
    for index in range(count):
        start = time.perf_counter_ns()
        if name == "over":
            allows(client, salt, 10)
        elif name == "hot":
            allows(client, salt, 100_000_000)
        else:
            allows(client, f"{salt}-{index}", 100_000_000)
        took.append(time.perf_counter_ns() - start)
    cpu = time.process_time_ns() - cpu
    took.sort()
    return {"p50_us": took[count // 2] / 1e3, "p99_us": took[int(count * 0.99)] / 1e3, "cpu_us": cpu / count / 1e3}


if __name__ == "__main__":
    main()
