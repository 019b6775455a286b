"""The classic limiter as a whole Lambda function behind a load balancer; awslambdaric runs it, as in Lambda itself."""

import json
import os
import time

import redis

CLIENT = redis.Redis.from_url(os.environ["REDIS_URL"])
LIMIT = int(os.environ["LIMIT"])
WINDOW = 60


def handler(event, _context):
    """Counts the client by the address that the load balancer appended."""
    address = event["headers"]["x-forwarded-for"].split(",")[-1].strip()
    window = int(time.time()) // WINDOW
    name = f"limit:{address}:{window}"
    count = CLIENT.incr(name)
    if count == 1:
        CLIENT.expire(name, WINDOW)
    headers = {"content-type": "application/json", "x-ratelimit-remaining": str(max(0, LIMIT - count))}
    if count <= LIMIT:
        return answer(200, "200 OK", headers, {"allowed": True})
    headers["retry-after"] = str((window + 1) * WINDOW - int(time.time()))
    return answer(429, "429 Too Many Requests", headers, {"allowed": False})


def answer(status, description, headers, body):
    """What a load balancer expects."""
    return {
        "statusCode": status,
        "statusDescription": description,
        "isBase64Encoded": False,
        "headers": headers,
        "body": json.dumps(body),
    }
