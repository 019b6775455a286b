//! The accounts of a night: who they are, with which clients, and their bills. Reads only.

use std::collections::BTreeMap;

use tollkeeper::prices::{self, RegionPrices};
use tollkeeper::time::Day;

use crate::adapters::cost_explorer::{self, Bills};
use crate::adapters::identity;
use crate::detect::HISTORY_DAYS;
use crate::fault::DetectorError;
use crate::measure::bill::Bill;
use crate::measure::place::{AccountAccess, BillSource, Place, RoleArn};
use crate::{App, Clients};

/// A place that can be observed.
pub(super) struct Reached {
    pub(super) place: Place,
    pub(super) clients: Clients,
    pub(super) bill: Bill,
}

/// An account that cannot.
pub(super) struct Unreached {
    pub(super) account: String,
    pub(super) error: DetectorError,
}

/// All of a night.
pub(super) struct Accounts {
    pub(super) reached: Vec<Reached>,
    pub(super) failed: Vec<Unreached>,
    /// Cost Explorer pages asked for.
    pub(super) pages: u32,
}

/// An account that answered.
struct Account {
    id: String,
    role: Option<RoleArn>,
    clients: Clients,
}

impl Accounts {
    /// Reaches every account of the settings and reads the bills up to a day.
    pub(super) async fn reach(app: &App, day: Day) -> Result<Self, DetectorError> {
        let home = app.region.as_deref().ok_or(DetectorError::NoRegion)?;
        let regions = match app.config.scope.regions.as_slice() {
            [] => vec![prices::for_region(home)?],
            regions => regions.to_vec(),
        };
        let mut all = Self {
            reached: Vec::new(),
            failed: Vec::new(),
            pages: 0,
        };
        let mut accounts: Vec<Account> = Vec::new();
        for access in &app.config.scope.accounts {
            match account(app, access, home).await {
                Ok(account) if accounts.iter().any(|known| known.id == account.id) => {
                    let error = DetectorError::AccountTwice(account.id.clone());
                    all.failed.push(Unreached {
                        account: account.id,
                        error,
                    });
                }
                Ok(account) => accounts.push(account),
                Err(error) => all.failed.push(Unreached {
                    account: name(access),
                    error,
                }),
            }
        }
        let bills = all.bills(app, &accounts, &regions, day).await?;
        for account in accounts {
            let Some(bills) = bills.get(&account.id) else {
                continue;
            };
            for region in &regions {
                let own = account.role.is_none() && region.region == home;
                let clients = if own {
                    account.clients.clone()
                } else {
                    (app.connect)(account.role.clone(), region.region.to_owned()).await
                };
                all.reached.push(Reached {
                    bill: bills.of(&account.id, region.region).unwrap_or_default(),
                    place: Place {
                        account: account.id.clone(),
                        region,
                    },
                    clients,
                });
            }
        }
        Ok(all)
    }

    /// The bills by account; one answer may hold several.
    async fn bills(
        &mut self,
        app: &App,
        accounts: &[Account],
        regions: &[&'static RegionPrices],
        day: Day,
    ) -> Result<BTreeMap<String, Bills>, DetectorError> {
        let home = app.region.clone().unwrap_or_default();
        let payer = match &app.config.scope.bill {
            BillSource::Each => None,
            BillSource::Here => Some(app.clients.clone()),
            BillSource::Payer(role) => Some((app.connect)(Some(role.clone()), home).await),
        };
        let from = day.plus(-HISTORY_DAYS);
        let ids: Vec<String> = accounts.iter().map(|account| account.id.clone()).collect();
        let scope = |accounts| cost_explorer::Scope {
            accounts,
            regions,
            max_pages: app.config.max_pages,
        };
        let mut found = BTreeMap::new();
        match payer {
            _ if ids.is_empty() => {}
            Some(payer) => {
                let client = &payer.cost_explorer;
                let bills =
                    cost_explorer::bills(client, scope(&ids), from, day, &mut self.pages).await?;
                found.extend(ids.into_iter().map(|id| (id, bills.clone())));
            }
            None => {
                for (account, id) in accounts.iter().zip(&ids) {
                    let client = &account.clients.cost_explorer;
                    let own = std::slice::from_ref(id);
                    match cost_explorer::bills(client, scope(own), from, day, &mut self.pages).await
                    {
                        Ok(bills) => {
                            found.insert(id.clone(), bills);
                        }
                        Err(error) => self.failed.push(Unreached {
                            account: id.clone(),
                            error,
                        }),
                    }
                }
            }
        }
        Ok(found)
    }
}

fn name(access: &AccountAccess) -> String {
    match access {
        AccountAccess::Own => "own".to_owned(),
        AccountAccess::Role(role) => role.account().to_owned(),
    }
}

async fn account(app: &App, access: &AccountAccess, home: &str) -> Result<Account, DetectorError> {
    let AccountAccess::Role(role) = access else {
        let id = identity::account(&app.clients.sts).await?;
        return Ok(Account {
            id,
            role: None,
            clients: app.clients.clone(),
        });
    };
    let clients = (app.connect)(Some(role.clone()), home.to_owned()).await;
    let id = identity::account(&clients.sts).await?;
    if id != role.account() {
        return Err(DetectorError::OtherAccount {
            expected: role.account().to_owned(),
            got: id,
        });
    }
    Ok(Account {
        id,
        role: Some(role.clone()),
        clients,
    })
}
