//! Condition operators: a test, its negation, and what is done where the call has no value or several.

/// An operator, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operator {
    /// As written, for people.
    pub(super) name: String,
    pub(super) test: Test,
    pub(super) negated: bool,
    pub(super) if_exists: bool,
    pub(super) quantifier: Quantifier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantifier {
    One,
    /// True where the call has no value at all.
    All,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Equals,
    EqualsAnyCase,
    /// With wildcards.
    Like,
    Number,
    Date,
    Boolean,
    Address,
    Binary,
    Null,
}

/// Base operators: how they test, and whether they are the negation.
const OPERATORS: [(&str, Test, bool); 26] = [
    ("StringEquals", Test::Equals, false),
    ("StringNotEquals", Test::Equals, true),
    ("StringEqualsIgnoreCase", Test::EqualsAnyCase, false),
    ("StringNotEqualsIgnoreCase", Test::EqualsAnyCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("ArnEquals", Test::Like, false),
    ("ArnNotEquals", Test::Like, true),
    ("ArnLike", Test::Like, false),
    ("ArnNotLike", Test::Like, true),
    ("NumericEquals", Test::Number, false),
    ("NumericNotEquals", Test::Number, true),
    ("NumericLessThan", Test::Number, false),
    ("NumericLessThanEquals", Test::Number, false),
    ("NumericGreaterThan", Test::Number, false),
    ("NumericGreaterThanEquals", Test::Number, false),
    ("DateEquals", Test::Date, false),
    ("DateNotEquals", Test::Date, true),
    ("DateLessThan", Test::Date, false),
    ("DateLessThanEquals", Test::Date, false),
    ("DateGreaterThan", Test::Date, false),
    ("DateGreaterThanEquals", Test::Date, false),
    ("Bool", Test::Boolean, false),
    ("IpAddress", Test::Address, false),
    ("NotIpAddress", Test::Address, true),
    ("BinaryEquals", Test::Binary, false),
];

impl Operator {
    /// Reads an operator, whatever its case; `None` where there is none of this name.
    pub(super) fn read(written: &str) -> Option<Self> {
        let (quantifier, rest) = match written.split_once(':') {
            None => (Quantifier::One, written),
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAllValues") => {
                (Quantifier::All, rest)
            }
            Some((word, rest)) if word.eq_ignore_ascii_case("ForAnyValue") => {
                (Quantifier::Any, rest)
            }
            Some(_) => return None,
        };
        let lower = rest.to_ascii_lowercase();
        let (base, if_exists) = match lower.strip_suffix("ifexists") {
            Some(base) => (base, true),
            None => (lower.as_str(), false),
        };
        let (test, negated) = if lower == "null" && quantifier == Quantifier::One {
            (Test::Null, false)
        } else {
            let mut known = OPERATORS.iter();
            let (_, test, negated) = known.find(|(name, ..)| name.eq_ignore_ascii_case(base))?;
            (*test, *negated)
        };
        Some(Self {
            name: written.to_owned(),
            test,
            negated,
            if_exists,
            quantifier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_is_read_with_what_stands_before_and_after_it() {
        let read = |text: &str| {
            let operator = Operator::read(text)?;
            Some((
                operator.test,
                operator.negated,
                operator.if_exists,
                operator.quantifier,
            ))
        };
        let one = Quantifier::One;
        assert_eq!(
            read("stringequals"),
            Some((Test::Equals, false, false, one))
        );
        assert_eq!(
            read("StringNotLikeIfExists"),
            Some((Test::Like, true, true, one))
        );
        let all = Some((Test::Like, false, true, Quantifier::All));
        assert_eq!(read("ForAllValues:ArnLikeIfExists"), all);
        assert_eq!(read("Null"), Some((Test::Null, false, false, one)));
        for none in [
            "NullIfExists",
            "ForAnyValue:Null",
            "ForSome:StringEquals",
            "StringEqual",
            "",
        ] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
