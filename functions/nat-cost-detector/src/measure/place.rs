//! Where is looked: accounts (the caller's own, or others through a role) and regions. Pure; refuses to know clients.

use std::fmt;
use std::str::FromStr;

use tollkeeper::prices::RegionPrices;

/// An account in a region: what is observed and judged apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Account, twelve digits.
    pub account: String,
    /// Region with its prices.
    pub region: &'static RegionPrices,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region.region)
    }
}

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleArn {
    arn: String,
    account: String,
}

impl RoleArn {
    /// The role of that name in an account.
    pub fn named(account: &AccountId, role_name: &str) -> Self {
        Self {
            arn: format!("arn:aws:iam::{account}:role/{role_name}"),
            account: account.0.clone(),
        }
    }

    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The account it lives in.
    pub fn account(&self) -> &str {
        &self.account
    }
}

/// A text that names no role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected arn:aws:iam::123456789012:role/name")]
pub struct NotARole;

impl FromStr for RoleArn {
    type Err = NotARole;
    fn from_str(text: &str) -> Result<Self, NotARole> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let ["arn", "aws", "iam", "", account, resource] = parts.as_slice() else {
            return Err(NotARole);
        };
        let name = resource.strip_prefix("role/").unwrap_or_default();
        let account: AccountId = account.parse().map_err(|_| NotARole)?;
        if name.is_empty() || name.ends_with('/') || name.contains([' ', ',']) {
            return Err(NotARole);
        }
        Ok(Self {
            arn: text.to_owned(),
            account: account.0,
        })
    }
}

/// An account's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccountId(String);

/// A text that is no account id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected twelve digits")]
pub struct NotAnAccount;

impl FromStr for AccountId {
    type Err = NotAnAccount;
    fn from_str(text: &str) -> Result<Self, NotAnAccount> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAnAccount)
        }
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An account that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountAccess {
    /// The caller's own.
    Own,
    /// Another one, through a role in it.
    Role(RoleArn),
}

/// Whose Cost Explorer is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BillSource {
    /// Each account's own.
    Each,
    /// The caller's own for all accounts: it runs in the organisation's payer.
    Here,
    /// The payer's for all accounts, through a role in it.
    Payer(RoleArn),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_tells_its_account_and_nothing_else_is_a_role() {
        let role: RoleArn = "arn:aws:iam::123456789012:role/ops/tollkeeper-reader"
            .parse()
            .unwrap();
        assert_eq!(role.account(), "123456789012");
        let account = "123456789012".parse().unwrap();
        assert_eq!(
            RoleArn::named(&account, "reader").as_str(),
            "arn:aws:iam::123456789012:role/reader"
        );
        for wrong in [
            "arn:aws:iam::123456789012:user/ann",
            "arn:aws:iam::12345:role/reader",
            "arn:aws:iam::123456789012:role/",
            "arn:aws-cn:iam::123456789012:role/reader",
            "reader",
        ] {
            assert_eq!(wrong.parse::<RoleArn>(), Err(NotARole), "{wrong}");
        }
        assert_eq!("12345678901a".parse::<AccountId>(), Err(NotAnAccount));
    }
}
