"""The classic limiter as a whole Lambda function behind a load balancer, with the least of a runtime around it."""

import http.client
import json
import os
import time

import redis

CLIENT = redis.Redis.from_url(os.environ["REDIS_URL"])
LIMIT = int(os.environ["LIMIT"])
WINDOW = 60


def handler(event):
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


def main():
    """Asks the Runtime API for events: one connection, nothing else (awslambdaric does more)."""
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        runtime.request("GET", "/2018-06-01/runtime/invocation/next")
        response = runtime.getresponse()
        request_id = response.headers["lambda-runtime-aws-request-id"]
        body = json.dumps(handler(json.loads(response.read())))
        runtime.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/response", body)
        runtime.getresponse().read()


if __name__ == "__main__":
    main()
