"""CloudFormation's conditions and rules, for given parameters: what a template would make, and what it refuses."""


def defaults(template, given):
    """Every parameter's value as text; lists as lists, as CloudFormation sees them."""
    values = {}
    for name, parameter in template["Parameters"].items():
        if name not in given and "Default" not in parameter:
            raise KeyError(f"{name} has no default and was not given")
        text = str(given.get(name, parameter.get("Default")))
        values[name] = text.split(",") if parameter["Type"] == "CommaDelimitedList" else text
    return values


def value(expression, parameters, conditions):
    """A value inside a condition or an assertion."""
    if not isinstance(expression, dict):
        return expression
    (function, argument), = expression.items()
    match function:
        case "Ref":
            return parameters[argument]
        case "Fn::Join":
            return argument[0].join(value(argument[1], parameters, conditions))
        case _:
            return holds(expression, parameters, conditions)


def holds(expression, parameters, conditions):
    """Whether a condition or an assertion is true."""
    (function, argument), = expression.items()
    parts = [value(part, parameters, conditions) for part in argument] if isinstance(argument, list) else []
    match function:
        case "Condition":
            return holds(conditions[argument], parameters, conditions)
        case "Fn::Equals":
            return parts[0] == parts[1]
        case "Fn::Contains":
            return parts[1] in parts[0]
        case "Fn::Not":
            return not parts[0]
        case "Fn::And":
            return all(parts)
        case "Fn::Or":
            return any(parts)
    raise ValueError(f"unknown function {function}")


def conditions_of(template, given):
    """Every condition of a template: true or false."""
    parameters, conditions = defaults(template, given), template.get("Conditions", {})
    return {name: holds(expression, parameters, conditions) for name, expression in conditions.items()}


def named(expression):
    """The parameters that an expression refers to."""
    if isinstance(expression, dict):
        own = {expression["Ref"]} if "Ref" in expression else set()
        return own.union(*(named(part) for part in expression.values()))
    return set().union(*(named(part) for part in expression)) if isinstance(expression, list) else set()


class Rules:
    """A template's rules; what each says of given values is worked out once."""

    def __init__(self, template):
        self.template = template
        self.rules = {name: (rule, sorted(named(rule))) for name, rule in template.get("Rules", {}).items()}
        self.known = {}

    def refusals(self, given):
        """Rule and text of each assertion that does not hold."""
        found = []
        for name, (rule, names) in self.rules.items():
            key = (name, *(given.get(parameter) for parameter in names))
            if key not in self.known:
                parameters = defaults(self.template, given)
                self.known[key] = holds(rule["RuleCondition"], parameters, {}) and [
                    (name, assertion["AssertDescription"])
                    for assertion in rule["Assertions"]
                    if not holds(assertion["Assert"], parameters, {})
                ]
            found += self.known[key] or []
        return found
