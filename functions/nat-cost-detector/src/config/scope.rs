//! Settings that say where is looked: `ACCOUNTS`, `ACCOUNT_ROLE_NAME`, `EXTERNAL_ID`, `REGIONS`, `BILL_SOURCE`.

use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::settings::{SettingError, Settings, missing, wrong};

use crate::measure::place::{AccountAccess, AccountId, BillSource, RoleArn};

/// Accounts and regions to look at, and whose Cost Explorer to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Accounts, in the order of the setting; the caller's own alone without it.
    pub accounts: Vec<AccountAccess>,
    /// Told to STS with every role, where the roles ask for one.
    pub external_id: Option<String>,
    /// Regions; empty: the one the function runs in.
    pub regions: Vec<&'static RegionPrices>,
    /// Whose Cost Explorer.
    pub bill: BillSource,
}

const ACCOUNTS: &str = "ACCOUNTS";
const ACCOUNTS_EXPECTED: &str = "a list of `own`, role ARNs, or account ids together with ACCOUNT_ROLE_NAME, separated by commas";
const ROLE_NAME: &str = "ACCOUNT_ROLE_NAME";
const EXTERNAL_ID: &str = "EXTERNAL_ID";
const BILL: &str = "BILL_SOURCE";
const BILL_EXPECTED: &str = "`each` (every account's own Cost Explorer), `here` (this account is the payer), or the ARN of a role in the payer";

impl Scope {
    /// Reads the settings.
    pub fn from_settings(settings: &Settings<'_>) -> Result<Self, SettingError> {
        Ok(Self {
            accounts: accounts(settings)?,
            external_id: external_id(settings)?,
            regions: regions(settings)?,
            bill: bill(settings)?,
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn accounts(settings: &Settings<'_>) -> Result<Vec<AccountAccess>, SettingError> {
    let role_name = settings.text(ROLE_NAME);
    let Some(text) = settings.text(ACCOUNTS) else {
        return match role_name {
            Some(_) => Err(missing(ACCOUNTS, ACCOUNTS_EXPECTED)),
            None => Ok(vec![AccountAccess::Own]),
        };
    };
    let mut found: Vec<AccountAccess> = Vec::new();
    for word in words(&text) {
        let access = if word == "own" {
            AccountAccess::Own
        } else if let Ok(role) = word.parse() {
            AccountAccess::Role(role)
        } else {
            let account: AccountId = word
                .parse()
                .map_err(|_| wrong(ACCOUNTS, word, ACCOUNTS_EXPECTED))?;
            let name = role_name.as_deref().ok_or_else(|| {
                missing(ROLE_NAME, "the role's name in every account of ACCOUNTS")
            })?;
            let role = RoleArn::named(&account, name).as_str().parse();
            AccountAccess::Role(role.map_err(|_| {
                wrong(
                    ROLE_NAME,
                    name,
                    "a role's name, with its path if it has one",
                )
            })?)
        };
        let account = |access: &AccountAccess| match access {
            AccountAccess::Own => None,
            AccountAccess::Role(role) => Some(role.account().to_owned()),
        };
        if found.iter().any(|known| account(known) == account(&access)) {
            return Err(wrong(ACCOUNTS, word, "every account once"));
        }
        found.push(access);
    }
    Ok(found)
}

fn external_id(settings: &Settings<'_>) -> Result<Option<String>, SettingError> {
    let Some(id) = settings.text(EXTERNAL_ID) else {
        return Ok(None);
    };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "+=,.@:/-_".contains(c);
    if (2..=1224).contains(&id.len()) && id.chars().all(allowed) {
        Ok(Some(id))
    } else {
        // It is close to a secret: not shown.
        let expected = "2 to 1224 letters, digits or any of +=,.@:/-_";
        Err(wrong(EXTERNAL_ID, "(hidden)", expected))
    }
}

fn regions(settings: &Settings<'_>) -> Result<Vec<&'static RegionPrices>, SettingError> {
    let Some(text) = settings.text("REGIONS") else {
        return Ok(Vec::new());
    };
    let known = || {
        let names: Vec<&str> = prices::regions().map(|row| row.region).collect();
        format!(
            "regions that have prices, each once, separated by commas: {}",
            names.join(", ")
        )
    };
    let mut found: Vec<&'static RegionPrices> = Vec::new();
    for word in words(&text) {
        let region = prices::for_region(word).map_err(|_| wrong("REGIONS", word, &known()))?;
        if found.contains(&region) {
            return Err(wrong("REGIONS", word, &known()));
        }
        found.push(region);
    }
    Ok(found)
}

fn bill(settings: &Settings<'_>) -> Result<BillSource, SettingError> {
    match settings.text(BILL).as_deref() {
        None | Some("each") => Ok(BillSource::Each),
        Some("here") => Ok(BillSource::Here),
        Some(role) => role
            .parse()
            .map(BillSource::Payer)
            .map_err(|_| wrong(BILL, role, BILL_EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Scope, String> {
        Scope::from_settings(&Settings::from_pairs(pairs)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_set_is_the_own_account_in_the_own_region() {
        let scope = read(&[]).unwrap();
        assert_eq!(
            (scope.accounts, scope.bill),
            (vec![AccountAccess::Own], BillSource::Each)
        );
        assert!(scope.regions.is_empty() && scope.external_id.is_none());
    }

    #[test]
    fn accounts_are_named_by_id_and_role_name_or_by_role() {
        let scope = read(&[
            (
                "ACCOUNTS",
                "own, 123456789012, arn:aws:iam::210987654321:role/x/reader",
            ),
            ("ACCOUNT_ROLE_NAME", "tollkeeper-reader"),
            ("EXTERNAL_ID", "tk:42"),
            ("REGIONS", "eu-west-1,us-east-1"),
            ("BILL_SOURCE", "arn:aws:iam::999999999999:role/bill"),
        ])
        .unwrap();
        let accounts: Vec<String> = scope
            .accounts
            .iter()
            .map(|access| match access {
                AccountAccess::Own => "own".to_owned(),
                AccountAccess::Role(role) => role.as_str().to_owned(),
            })
            .collect();
        assert_eq!(
            accounts,
            [
                "own",
                "arn:aws:iam::123456789012:role/tollkeeper-reader",
                "arn:aws:iam::210987654321:role/x/reader"
            ]
        );
        let regions: Vec<&str> = scope.regions.iter().map(|row| row.region).collect();
        assert_eq!(regions, ["eu-west-1", "us-east-1"]);
        assert!(matches!(scope.bill, BillSource::Payer(role) if role.account() == "999999999999"));
        assert_eq!(scope.external_id.as_deref(), Some("tk:42"));
    }

    #[test]
    fn each_bad_value_is_named_with_what_was_expected() {
        let name = ("ACCOUNT_ROLE_NAME", "reader");
        let cases: [(&[(&str, &str)], &str); 8] = [
            (
                &[("ACCOUNTS", "1234"), name],
                "ACCOUNTS=`1234` is wrong: expected a list of `own`",
            ),
            (&[("ACCOUNTS", "own,,own"), name], "ACCOUNTS=`` is wrong"),
            (
                &[("ACCOUNTS", "own,own")],
                "ACCOUNTS=`own` is wrong: expected every account once",
            ),
            (
                &[("ACCOUNTS", "123456789012")],
                "ACCOUNT_ROLE_NAME is not set: expected the role's name in every account of ACCOUNTS",
            ),
            (&[name], "ACCOUNTS is not set"),
            (
                &[("REGIONS", "us-east-1,mars-north-1")],
                "REGIONS=`mars-north-1` is wrong: expected regions that have prices, each once, separated by commas: ap-",
            ),
            (
                &[("BILL_SOURCE", "payer")],
                "BILL_SOURCE=`payer` is wrong: expected `each` (every account's own Cost Explorer), `here`",
            ),
            (
                &[("EXTERNAL_ID", "se cret")],
                "EXTERNAL_ID=`(hidden)` is wrong: expected 2 to 1224",
            ),
        ];
        for (pairs, message) in cases {
            let error = read(pairs).unwrap_err();
            assert!(error.starts_with(message), "{error}");
        }
    }
}
