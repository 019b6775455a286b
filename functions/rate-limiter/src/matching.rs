//! Which limits are asked for a request, and for whose quota? Rules, identities and overrides come together here;
//! nothing is decided yet.

use std::borrow::Cow;

use crate::error::RequestError;
use crate::identity::{self, Identity};
use crate::overrides::Loaded;
use crate::quota::Claim;
use crate::request::Request;
use crate::rules::{Limit, Override, Rule};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// The request.
    pub request: Request<'a>,
    /// Only this rule, whatever its conditions; `None`: all that hold.
    pub rule: Option<&'a str>,
    /// Units of quota that the request costs; `None`: as the rules say.
    pub cost: Option<u64>,
}

/// One limit that holds for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied<'r> {
    /// Its rule.
    pub rule: &'r Rule,
    /// The limit: the rule's own, or what an override puts in its place.
    pub limit: Cow<'r, Limit>,
    /// Whose quota is used.
    pub identity: Identity,
    /// Units that the request costs.
    pub cost: u64,
    /// Whether it may deny.
    pub enforced: bool,
}

impl Applied<'_> {
    /// The claim on the quota.
    pub fn claim(&self) -> Claim<'_> {
        Claim {
            enforced: self.enforced,
            ..Claim::new(
                self.identity.key.as_str(),
                self.limit.field.as_str(),
                self.limit.algorithm,
                self.cost,
            )
        }
    }
}

/// The limits that hold for a question, rule by rule. With `shadow` none of them may deny.
pub fn applied<'r>(
    rules: &'r [Rule],
    loaded: &Loaded,
    question: &Question,
    shadow: bool,
) -> Result<Vec<Applied<'r>>, RequestError> {
    let mut all = Vec::new();
    for rule in selected(rules, question)? {
        let identity = identity::of(rule, &question.request);
        let cost = question
            .cost
            .unwrap_or_else(|| rule.cost.of(&question.request));
        let own = loaded
            .of(&rule.name, &identity.key)
            .or_else(|| rule.overrides.get(&identity.key));
        let enforced = !shadow && !own.and_then(|own| own.shadow).unwrap_or(rule.shadow);
        for limit in limits(rule, own) {
            all.push(Applied {
                rule,
                limit,
                identity: identity.clone(),
                cost,
                enforced,
            });
        }
    }
    let without_room = all
        .iter()
        .find(|one| !one.limit.is_in_flight() && one.cost > one.limit.algorithm.most());
    match without_room {
        Some(one) => Err(RequestError::CostTooHigh {
            cost: one.cost,
            rule: one.limit.policy.clone(),
            burst: one.limit.algorithm.most(),
        }),
        None => Ok(all),
    }
}

fn selected<'r>(rules: &'r [Rule], question: &Question) -> Result<Vec<&'r Rule>, RequestError> {
    let Some(name) = question.rule else {
        return Ok(rules
            .iter()
            .filter(|rule| rule.when.holds(&question.request))
            .collect());
    };
    let named = rules.iter().find(|rule| rule.name == name);
    let known = || {
        rules
            .iter()
            .map(|rule| rule.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    named
        .map(|rule| vec![rule])
        .ok_or_else(|| RequestError::UnknownRule {
            rule: name.to_owned(),
            known: known(),
        })
}

fn limits<'r>(rule: &'r Rule, own: Option<&Override>) -> Vec<Cow<'r, Limit>> {
    match own {
        Some(own) if own.exempt => Vec::new(),
        Some(own) => own.limits.iter().cloned().map(Cow::Owned).collect(),
        None => rule.limits.iter().map(Cow::Borrowed).collect(),
    }
}
