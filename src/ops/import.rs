//! Taking over people from another system, many at a time.
//!
//! Whoever imports begins a run, which is an act of its own, and then hands in the accounts, some hundreds at a
//! time. New ones are made in slices, each in one change: so ten thousand cost a hundred commits, and not ten
//! thousand. The acts of a run name its `seq`.

mod differ;
mod write;

use std::collections::HashMap;

use futures_util::future::try_join_all;

use self::differ::{differences, loses_admin};
use super::{Fresh, Ops};
use crate::{
    auth::password::ImportedHash,
    id::UserId,
    log::refuse,
    model::{
        Authority, Builtin, CodeKind, DisplayName, Email, Refusal, RoleName, Status, User, Username,
    },
};

/// An account as somebody wants it to be; what is none is not said.
#[derive(Clone, Debug)]
pub struct ImportedAccount {
    /// Its name.
    pub name: Username,
    /// How the person wants to be called.
    pub display_name: Option<DisplayName>,
    /// An address, which can then be used to log in.
    pub email: Option<Email>,
    /// What the user may do.
    pub role: Option<RoleName>,
    /// The password's hash in the other system; without one a new account gets a code.
    pub password: Option<ImportedHash>,
    /// Whether the account can be used.
    pub enabled: Option<bool>,
}

/// What an import is about, for its act.
#[derive(Clone, Debug)]
pub struct ImportRun {
    /// How many accounts it names.
    pub accounts: u64,
    /// How many of them it makes.
    pub create: u64,
    /// How many it changes.
    pub update: u64,
    /// Those of them who would be admins no more.
    pub loses_admin: Vec<Username>,
    /// SHA-256 of the file, in hexadecimal.
    pub file: Option<String>,
}

/// How to go about it.
#[derive(Clone, Copy, Debug)]
pub struct ImportMode {
    /// The run it belongs to; none for only looking.
    pub run: Option<u64>,
    /// Change accounts that are there and differ.
    pub update: bool,
}

/// What becomes of one account.
#[derive(Clone, Debug)]
pub enum ImportOutcome {
    /// It is new; with the code for its owner, if it has no password.
    Created(Option<Fresh>),
    /// It is there and as it should be.
    Unchanged,
    /// It was there, and these differed.
    Updated {
        /// Which columns.
        columns: Vec<&'static str>,
        /// Whether it was an admin's who can log in, and is not any more.
        loses_admin: bool,
    },
    /// It is there and these differ, or something of it is taken.
    Conflict(Vec<&'static str>, String),
}

/// A new account: its place in the batch, and the code to claim it with if it has no password.
type NewUser = (usize, User, Option<Fresh>);

/// What is to be done about one account.
enum Step {
    Make(User, Option<Fresh>),
    Change(User, Vec<&'static str>),
    Nothing(ImportOutcome),
}

impl Ops {
    /// Makes accounts, and changes those that are there if the mode says so. Without a run it only tells what
    /// would become of each. The outcomes are in the accounts' order.
    pub async fn import(
        &self,
        by: &Authority,
        accounts: &[ImportedAccount],
        mode: ImportMode,
    ) -> Result<Vec<ImportOutcome>, Refusal> {
        // No role is deleted while accounts are given it, and no two changes count on the other's admin.
        let _one_at_a_time = self.admins.lock().await;
        let steps = self.plan(accounts, mode.update).await?;
        let Some(run) = mode.run else {
            let each = steps.into_iter().zip(accounts);
            return Ok(each.map(|(step, account)| told(step, account)).collect());
        };
        self.check_run(run).await?;
        let mut outcomes: Vec<Option<ImportOutcome>> = accounts.iter().map(|_| None).collect();
        let (mut new, mut changes) = (Vec::new(), Vec::new());
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                Step::Make(user, code) => new.push((i, user, code)),
                Step::Change(user, fields) => changes.push((i, user, fields)),
                Step::Nothing(outcome) => outcomes[i] = Some(outcome),
            }
        }
        let (admins, others): (Vec<_>, Vec<_>) = changes
            .into_iter()
            .partition(|(_, user, _)| user.role == Builtin::Admin);
        let change = |(i, user, fields): (usize, User, Vec<&'static str>)| async move {
            let outcome = match self.change(by, run, &user, &accounts[i]).await {
                Ok(()) => ImportOutcome::Updated {
                    columns: fields,
                    loses_admin: loses_admin(&user, &accounts[i]),
                },
                Err(Refusal::Conflict(why)) => ImportOutcome::Conflict(fields, why),
                Err(refusal) => return Err(refusal),
            };
            Ok((i, outcome))
        };
        for (i, outcome) in try_join_all(others.into_iter().map(change)).await? {
            outcomes[i] = Some(outcome);
        }
        // One after the other: whether another one is left is asked for each.
        for admin in admins {
            let (i, outcome) = change(admin).await?;
            outcomes[i] = Some(outcome);
        }
        for (i, outcome) in self.make_all(by, run, &new).await? {
            outcomes[i] = Some(outcome);
        }
        Ok(outcomes.into_iter().flatten().collect())
    }

    async fn plan(&self, accounts: &[ImportedAccount], update: bool) -> Result<Vec<Step>, Refusal> {
        let names: Vec<_> = accounts.iter().map(|a| a.name.clone()).collect();
        let emails: Vec<_> = accounts.iter().filter_map(|a| a.email.clone()).collect();
        let there = self.store.users_named(&names).await;
        let there = there.map_err(|e| refuse(&e))?;
        let addressed = self.store.users_by_email(&emails).await;
        let addressed = addressed.map_err(|e| refuse(&e))?;
        let there: HashMap<_, _> = there.into_iter().map(|u| (u.name.clone(), u)).collect();
        let mut owners = HashMap::new();
        for user in addressed {
            owners.extend(user.email.map(|email| (email, user.name)));
        }
        let policy = self.log.policy();
        let step = |account: &ImportedAccount| {
            let owner = account.email.as_ref().and_then(|email| owners.get(email));
            if let Some(owner) = owner.filter(|owner| **owner != account.name) {
                return conflict(vec!["email"], format!("the address belongs to {owner}"));
            }
            if let Some(role) = &account.role
                && policy.known(role).is_none()
            {
                let why = format!("there is no role {role}; `chatd role list` lists them all");
                return conflict(vec!["role"], why);
            }
            let Some(user) = there.get(&account.name) else {
                return self.new_user(account);
            };
            let fields = differences(user, account);
            if fields.is_empty() {
                Step::Nothing(ImportOutcome::Unchanged)
            } else if user.bot || user.status == Status::Erased {
                conflict(fields, "this account is a bot's, or was erased".into())
            } else if update {
                Step::Change(user.clone(), fields)
            } else {
                let another = fields.join(", ");
                conflict(
                    fields,
                    format!("there is such an account, with another {another}"),
                )
            }
        };
        Ok(accounts.iter().map(step).collect())
    }

    fn new_user(&self, account: &ImportedAccount) -> Step {
        let now = self.clock.now();
        let id = UserId::new(now);
        let role = account.role.clone();
        let role = role.unwrap_or_else(|| Builtin::Member.into());
        let status = match (account.enabled, &account.password) {
            (Some(false), _) => Status::Disabled,
            (_, Some(_)) => Status::Active,
            (_, None) => Status::Invited,
        };
        let code = (status == Status::Invited)
            .then(|| self.new_code(CodeKind::Claim, Some(id), role.clone()));
        let user = User {
            id,
            name: account.name.clone(),
            display_name: account.display_name.clone(),
            email_login: account.email.is_some(),
            email: account.email.clone(),
            role,
            status,
            bot: false,
            presence: true,
            password: account.password.as_ref().map(|p| p.as_str().to_owned()),
            created_at: now,
        };
        Step::Make(user, code)
    }
}

fn conflict(fields: Vec<&'static str>, why: String) -> Step {
    Step::Nothing(ImportOutcome::Conflict(fields, why))
}

/// What a step comes to when it is not taken.
fn told(step: Step, account: &ImportedAccount) -> ImportOutcome {
    match step {
        Step::Make(_, code) => ImportOutcome::Created(code),
        Step::Change(user, columns) => ImportOutcome::Updated {
            columns,
            loses_admin: loses_admin(&user, account),
        },
        Step::Nothing(outcome) => outcome,
    }
}
