"""Holds the templates against the code, the events and the runbook. Run by `make lint` with the Python environment that
holds cfn-lint; exit status 1 if there is a difference."""

import sys

import alarms
import copies
import environments
import guided
import kept
import permissions
import settings
import triggers
import wildcards

CHECKS = {
    "settings": settings,
    "permissions": permissions,
    "wildcards": wildcards,
    "triggers": triggers,
    "alarms": alarms,
    "copies": copies,
    "environments": environments,
    "guided": guided,
    "kept": kept,
}


def main():
    """Prints each difference."""
    wrong = [f"{name}: {line}" for name, check in CHECKS.items() for line in check.differences()]
    print("\n".join(wrong) or f"the templates agree with the code: {', '.join(CHECKS)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
