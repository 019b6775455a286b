"""Every setting that the template gives a function is one that its crate reads, and every setting that a crate's `config`
reads is given, or listed here with the reason why not."""

import re

from stack import FUNCTIONS, MAIN, ROOT, crate_of, product_code, resources

NOT_GIVEN = {
    "IP_RANGES": "the table packaged with the function is found without it",
    "LAMBDA_TASK_ROOT": "set by Lambda",
    "AWS_LAMBDA_FUNCTION_NAME": "set by Lambda",
}
SETTING = re.compile(r'"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|RULES|SHADOW|EPOCHS|REWINDS|ACCOUNTS|REGIONS)"')


def read_by(crate):
    """Names of settings in the files of a crate that read them."""
    folder = ROOT / "functions" / crate / "src"
    files = [*folder.glob("config.rs"), *folder.glob("config/*.rs")]
    return set().union(*(SETTING.findall(product_code(file.read_text())) for file in files))


def differences():
    """One line for each."""
    functions = resources(MAIN, "AWS::Serverless::Function")
    for name in sorted(set(functions) ^ set(FUNCTIONS)):
        yield f"the function {name} is in the template or in FUNCTIONS of stack.py, not in both"
    given = {
        name: set(functions[name]["Properties"]["Environment"]["Variables"]) for name in set(functions) & set(FUNCTIONS)
    }
    for name, settings in sorted(given.items()):
        for setting in sorted(settings - read_by(crate_of(name))):
            yield f"{name} is given {setting}, which functions/{crate_of(name)}/src/config does not read"
    for crate in sorted({crate for crate, _ in FUNCTIONS.values()}):
        together = set().union(*(given[name] for name in given if crate_of(name) == crate))
        for setting in sorted(read_by(crate) - together - set(NOT_GIVEN)):
            yield f"functions/{crate}/src/config reads {setting}, which the template does not give"
