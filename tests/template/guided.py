"""`sam deploy --guided` can be answered with the return key alone: every parameter has a default that it takes itself, and none is
hidden, because SAM asks hidden ones again and again until something is typed."""

from environments import wrong_value
from stack import MAIN, load


def differences():
    """One line for each."""
    for name, parameter in load(MAIN)["Parameters"].items():
        if "Default" not in parameter:
            yield f"{name} has no default"
        elif expected := wrong_value(parameter, str(parameter["Default"])):
            yield f"{name}: its default `{parameter['Default']}` is not {expected}"
        if str(parameter.get("NoEcho", False)).lower() == "true":
            yield f"{name} is hidden (NoEcho)"
