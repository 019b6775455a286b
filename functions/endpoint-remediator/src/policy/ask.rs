//! What is asked for: a policy of one's own, or a generated one for an organisation or for accounts.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A request for a plan of policies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyAsk {
    pub(crate) vpc_id: String,
    /// Services whose endpoints get the policy.
    pub(crate) services: Vec<String>,
    /// Organisation whose principals and resources the generated policy admits: `o-…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) organisation: Option<String>,
    /// Or accounts, 12 digits each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) accounts: Vec<String>,
    /// Whether pollers of Kafka event source mappings use the endpoints.
    #[serde(default)]
    pub(crate) kafka_pollers: bool,
    /// A policy to set as it is, for one service; it is linted first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Value>,
}

/// Whose principals and resources a generated policy admits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// An organisation's.
    Organisation(String),
    /// These accounts', sorted.
    Accounts(Vec<String>),
}

/// Field, value and what was expected.
pub(crate) type Wrong = (&'static str, String, &'static str);

impl PolicyAsk {
    /// The same request in one order, checked.
    pub(crate) fn normalised(mut self) -> Result<Self, Wrong> {
        self.accounts.sort();
        self.accounts.dedup();
        self.services.sort();
        self.services.dedup();
        let ways = usize::from(self.organisation.is_some())
            + usize::from(!self.accounts.is_empty())
            + usize::from(self.policy.is_some());
        if ways != 1 {
            return Err((
                "organisation, accounts, policy",
                format!("{ways} of them"),
                "exactly one of the three",
            ));
        }
        if self.policy.is_some() && self.services.len() != 1 {
            return Err((
                "services",
                self.services.join(", "),
                "one service for a policy of your own",
            ));
        }
        if let Some(id) = self.organisation.as_ref().filter(|id| !is_organisation(id)) {
            return Err(("organisation", id.clone(), "an id such as o-a1b2c3d4e5"));
        }
        if let Some(odd) = self.accounts.iter().find(|id| !is_account(id)) {
            return Err(("accounts", odd.clone(), "account ids of 12 digits"));
        }
        Ok(self)
    }

    /// Whom a generated policy admits; `None` where the policy is the caller's own.
    pub(crate) fn trust(&self) -> Option<Trust> {
        let organisation = self.organisation.clone().map(Trust::Organisation);
        let accounts = (!self.accounts.is_empty()).then(|| Trust::Accounts(self.accounts.clone()));
        organisation.or(accounts)
    }
}

/// `o-` and 10 to 32 lower-case letters or digits.
fn is_organisation(id: &str) -> bool {
    let rest = id.strip_prefix("o-").unwrap_or_default();
    (10..=32).contains(&rest.len())
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn is_account(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(more: &Value) -> Result<PolicyAsk, Wrong> {
        let mut fields = json!({"vpc_id": "vpc-1", "services": ["sts", "s3", "s3"]});
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        serde_json::from_value::<PolicyAsk>(fields)
            .unwrap()
            .normalised()
    }

    #[test]
    fn exactly_one_way_to_say_what_is_wanted() {
        assert_eq!(ask(&json!({})).unwrap_err().1, "0 of them");
        let both = json!({"organisation": "o-a1b2c3d4e5", "accounts": ["123456789012"]});
        assert_eq!(ask(&both).unwrap_err().1, "2 of them");
        let one = ask(&json!({"accounts": ["210987654321", "123456789012"]})).unwrap();
        assert_eq!(one.services, ["s3", "sts"]);
        let accounts = ["123456789012", "210987654321"].map(str::to_owned);
        assert_eq!(one.trust(), Some(Trust::Accounts(accounts.to_vec())));
    }

    #[test]
    fn ids_that_would_match_nobody_or_everybody_are_refused() {
        for odd in ["o-*", "o-", "org", "o-ABCDEFGHIJ"] {
            let refused = ask(&json!({"organisation": odd})).unwrap_err();
            assert_eq!(refused.0, "organisation", "{odd}");
        }
        for odd in ["*", "12345678901", "1234567890123"] {
            assert_eq!(ask(&json!({"accounts": [odd]})).unwrap_err().0, "accounts");
        }
    }

    #[test]
    fn a_policy_of_ones_own_is_for_one_service() {
        assert_eq!(ask(&json!({"policy": {}})).unwrap_err().0, "services");
    }
}
