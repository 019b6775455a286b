"""Prints a template as SAM's own translator transforms it, as JSON. Run with the Python environment that holds SAM.

    transform.py <template> [<Parameter>=<value> …]

The code's place is made up: SAM wants it uploaded, and nobody reads it here.
"""

import json
import logging
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template names none by name, so none has to be asked for."""

    def load(self):
        """The ARNs of managed policies by their names."""
        return {}


def main():
    """One template."""
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.disable()
    with open(sys.argv[1]) as file:
        template = yaml_parse(file)
    if "Transform" in template:
        template["Globals"]["Function"]["CodeUri"] = "s3://artefacts/bootstrap.zip"
        template = transform(template, dict(word.split("=", 1) for word in sys.argv[2:]), NoManagedPolicies())
    json.dump(template, sys.stdout)


if __name__ == "__main__":
    main()
