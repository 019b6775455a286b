"""Runs the arm64 functions as they are deployed, under an emulator, behind a Runtime API of their own, hands each an event
and compares the answer; and prints how large the archives are.

    arm64.py <qemu> [<binary> …]      (all that target/lambda has, if none is named; it must not be empty)

The Runtime API here has the two calls that an answer takes. How the functions behave is tested with the local cloud's; this
is about the binaries: that they are arm64, link with what Lambda has, start, and answer.
"""

import json
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The C library that the emulator gives the functions; on Lambda it is Amazon Linux's.
LIBRARIES = "/usr/aarch64-linux-gnu"
PATIENCE = 120
TOPIC = "arn:aws:sns:us-east-1:123456789012:alerts"
MB = 1_000_000

# Binary: what it needs to start, an event, what it must answer (or the file with that), and most MB of its archive.
FUNCTIONS = {
    "kafka-consumer": (
        {"ROLLUPS_TABLE": "rollups"},
        "events/kafka-consumer/not-kafka.json",
        "events/kafka-consumer/not-kafka.reply.json",
        4,
    ),
    "rate-limiter": (
        # Nobody listens there, and a Redis that is away lets nobody through.
        {
            "REDIS_URL": "redis://127.0.0.1:1",
            "RULES": '{"rules":[{"name":"default","limit":100,"window_seconds":60}]}',
            "ON_OUTAGE": "closed",
        },
        "events/rate-limiter/load-balancer-request.json",
        {"statusCode": 503},
        4,
    ),
    "nat-cost-detector": (
        {"LEDGER_TABLE": "ledger", "ALERT_TOPIC_ARN": TOPIC},
        {"action": "dance"},
        {"errorType": "Request.UnknownAction"},
        8,
    ),
    "endpoint-remediator": (
        {"LEDGER_TABLE": "ledger", "ALERT_TOPIC_ARN": TOPIC},
        "events/endpoint-remediator/unknown-action.json",
        "events/endpoint-remediator/unknown-action.reply.json",
        8,
    ),
    "endpoint-approval": (
        {"LEDGER_TABLE": "ledger"},
        "events/endpoint-approval/no-identity.json",
        "events/endpoint-approval/no-identity.reply.json",
        8,
    ),
}


def read(what):
    """A value, or the file that has it."""
    return json.loads((ROOT / what).read_text()) if isinstance(what, str) else what


class RuntimeApi(HTTPServer):
    """Gives one event out and keeps the answer."""

    def __init__(self, event):
        super().__init__(("127.0.0.1", 0), Call)
        self.event, self.reply, self.answered = event, None, threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """The function is killed while it waits for a second event: no news."""


class Call(BaseHTTPRequestHandler):
    """`next` and `response` or `error`, of https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        """Nothing: the functions' own log is enough."""

    def do_GET(self):
        """The next event; after the first there is none, and the call waits."""
        if self.server.answered.wait(0) or not self.path.endswith("/invocation/next"):
            self.server.answered.wait()
            return
        body = json.dumps(self.server.event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:answer")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """The answer."""
        self.server.reply = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answered.set()


def answer(qemu, binary, settings, event):
    """What the function says to an event; None if it does not."""
    api = RuntimeApi(event)
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "AWS_LAMBDA_FUNCTION_NAME": "answer",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "PATH": os.environ["PATH"],
        **settings,
    }
    with subprocess.Popen([qemu, "-L", LIBRARIES, binary], env=environment, stdout=sys.stderr) as process:
        try:
            api.answered.wait(PATIENCE)
        finally:
            process.kill()
    api.server_close()
    return api.reply


def archive(binary):
    """Bytes of the archive that is uploaded, the table of AWS's addresses included where there is one."""
    whole = BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(binary, "bootstrap")
        if (table := ROOT / "target/ip-ranges.json").is_file():
            archive.write(table, table.name)
    return len(whole.getvalue())


def check(qemu, name):
    """One line for each thing that is wrong with a function."""
    settings, event, expected, most = FUNCTIONS[name]
    binary = ROOT / "target/lambda" / name / "bootstrap"
    if binary.read_bytes()[18:20] != b"\xb7\x00":
        yield f"{name} is not an arm64 program"
        return
    size = archive(binary)
    reply, expected = answer(qemu, binary, settings, read(event)), read(expected)
    said = reply if isinstance(reply, dict) else {}
    print(f"{name:<20} archive {size / MB:.2f} MB (at most {most}), answers {said.get('errorType') or said.get('statusCode')}")
    if size >= most * MB:
        yield f"{name}: its archive has {size / MB:.2f} MB, {most} are too many"
    if not expected.items() <= said.items():
        yield f"{name} answers {reply}; expected {expected}"


def main():
    """Prints a line a function; exit status 1 if something is wrong."""
    qemu, *names = sys.argv[1:]
    names = names or [name for name in FUNCTIONS if (ROOT / "target/lambda" / name / "bootstrap").is_file()]
    if not names:
        sys.exit("no arm64 function was built: make build, or make bootstraps FUNCTIONS=rate-limiter")
    wrong = [line for name in names for line in check(qemu, name)]
    missing = sorted(set(FUNCTIONS) - set(names))
    print(f"not built, so not checked: {', '.join(missing)}" if missing else "all functions were checked")
    print("\n".join(wrong) or "each starts and answers")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
