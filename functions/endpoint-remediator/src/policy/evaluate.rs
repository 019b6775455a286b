//! What a policy says to one call: explicit deny before allow, deny by default.

use super::About;
use super::calls::{Asked, Call, Caller};
use super::condition::Answer;
use super::document::{Document, Selection, Statement};
use super::glob;
use super::principal::Principals;

/// The policy's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ruling {
    pub(super) allowed: Answer,
    pub(super) denied: Answer,
    /// The statement that denies, if one may.
    pub(super) denied_by: Option<usize>,
}

impl Ruling {
    /// Whether the call may get through.
    pub(super) fn may_pass(self) -> bool {
        self.allowed != Answer::No && self.denied != Answer::Yes
    }

    /// Whether a statement denies it for certain.
    pub(super) fn is_denied(self) -> bool {
        self.denied == Answer::Yes
    }
}

/// Evaluates a call.
pub(super) fn evaluate(document: &Document, call: &Call, about: &About<'_>) -> Ruling {
    let mut ruling = Ruling {
        allowed: Answer::No,
        denied: Answer::No,
        denied_by: None,
    };
    for statement in &document.statements {
        let applies = applies(statement, call, about);
        if statement.allows {
            ruling.allowed = ruling.allowed.max(applies);
        } else if applies > ruling.denied {
            ruling.denied = applies;
            ruling.denied_by = Some(statement.number);
        }
    }
    ruling
}

/// Whether a statement is about a call.
pub(super) fn applies(statement: &Statement, call: &Call, about: &About<'_>) -> Answer {
    let conditions = statement.conditions.iter();
    let conditions =
        conditions.map(|condition| condition.holds(&call.known(&condition.key, about)));
    principal(&statement.principals, call.principal)
        .min(action(&statement.actions, &call.action))
        .min(resource(&statement.resources, call.resource.as_deref()))
        .min(conditions.min().unwrap_or(Answer::Yes))
}

fn principal(principals: &Principals, caller: Caller) -> Answer {
    if principals.everyone() {
        return Answer::Yes;
    }
    let is_named = |(kind, name): &(String, String)| match (kind.as_str(), caller) {
        ("AWS", Caller::Role) | ("Service", Caller::SomeService) => Answer::Maybe,
        ("Service", Caller::Service(own)) => Answer::of(name == own),
        _ => Answer::No,
    };
    principals
        .listed
        .iter()
        .map(is_named)
        .max()
        .unwrap_or(Answer::No)
}

fn action(selection: &Selection, asked: &Asked) -> Answer {
    select(selection, |pattern| match asked {
        Asked::Action(action) => Answer::of(glob::matches_any_case(pattern, action)),
        Asked::Some(_) if pattern == "*" => Answer::Yes,
        Asked::Some(None) => Answer::Maybe,
        Asked::Some(Some(prefix)) => match pattern.split_once(':') {
            Some((service, verb)) if glob::matches_any_case(service, prefix) => {
                if verb == "*" {
                    Answer::Yes
                } else {
                    Answer::Maybe
                }
            }
            _ => Answer::No,
        },
    })
}

fn resource(selection: &Selection, resource: Option<&str>) -> Answer {
    select(selection, |pattern| match resource {
        _ if pattern == "*" => Answer::Yes,
        _ if pattern.contains("${") => Answer::Maybe,
        Some(arn) => Answer::of(glob::matches(pattern, arn)),
        None => Answer::Maybe,
    })
}

fn select(selection: &Selection, matches: impl Fn(&str) -> Answer) -> Answer {
    let found = selection.patterns.iter().map(|pattern| matches(pattern));
    let found = found.max().unwrap_or(Answer::No);
    if selection.inverted {
        found.not()
    } else {
        found
    }
}
