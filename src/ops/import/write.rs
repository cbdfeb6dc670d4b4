//! What an import writes: its own act, new accounts many at a time, and changes of those that are there.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    ImportOutcome, ImportRun, ImportedAccount, NewUser,
    differ::{changed, loses_admin, texts},
};
use crate::{
    id::LogId,
    log::refuse,
    model::{Authority, Code, Email, Payload, Refusal, Status, User, Username},
    ops::{Ops, only_operators},
    store::Write,
};

/// How many accounts are made in one change.
const SLICE: usize = 100;

impl Ops {
    /// Begins a run: an act, whose number the accounts' acts name; 0 of one that is only tried. One that would
    /// take the last admins away is refused whole.
    pub async fn begin_import(
        &self,
        by: &Authority,
        run: ImportRun,
        dry_run: bool,
    ) -> Result<u64, Refusal> {
        let _one_at_a_time = self.admins.lock().await;
        self.keep_an_admin_beside(&run.loses_admin).await?;
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self.log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            draft.authorise(&by, |_| Err(only_operators()))?;
            let detail = json!({
                "accounts": run.accounts, "create": run.create, "update": run.update, "file": run.file,
            });
            draft.act("user.import", &by.actor(), None, detail, &[]);
            Ok(())
        });
        let done = done.await?;
        Ok(done.entries.first().map_or(0, |entry| entry.seq))
    }

    /// Refuses to begin when none who administers would be left. Accounts that the same run makes do not count:
    /// it may break off before them.
    async fn keep_an_admin_beside(&self, names: &[Username]) -> Result<(), Refusal> {
        if names.is_empty() {
            return Ok(());
        }
        let found = self.store.users_named(names).await;
        let found = found.map_err(|e| refuse(&e))?;
        let ids: Vec<_> = found.iter().map(|user| user.id).collect();
        if self.log.has_admin_beside(&ids, self.clock.now()).await? {
            return Ok(());
        }
        let names: Vec<_> = names.iter().map(Username::as_str).collect();
        Err(Refusal::Conflict(format!(
            "no admin who can log in would be left beside {}, and nothing was changed; make another one \
             first: `chatd user role NAME admin`",
            names.join(", ")
        )))
    }

    /// Refuses a run that was not begun.
    pub(super) async fn check_run(&self, run: u64) -> Result<(), Refusal> {
        let entry = self.store.entry(LogId::Control, run).await;
        let begun = entry.map_err(|e| refuse(&e))?.map(|entry| entry.payload);
        match begun {
            Some(Payload::Act(act)) if act.act == "user.import" => Ok(()),
            _ => Err(Refusal::field("run", "begin one with POST /v1/imports")),
        }
    }

    /// Makes accounts; tells what became of each, by its place in the batch.
    pub(super) async fn make_all(
        &self,
        by: &Authority,
        run: u64,
        new: &[NewUser],
    ) -> Result<Vec<(usize, ImportOutcome)>, Refusal> {
        let mut outcomes = Vec::with_capacity(new.len());
        // All slices are handed in before the first is waited for: they share commits.
        let slices = new.chunks(SLICE).map(|s| (s, self.make(by, run, s)));
        for (slice, making) in slices.collect::<Vec<_>>() {
            let together = making.await;
            for one in slice {
                let (i, _, code) = one;
                let done = match &together {
                    Ok(()) => Ok(()),
                    // One of them is taken, and nothing of the slice happened.
                    Err(Refusal::Conflict(_)) => {
                        self.make(by, run, std::slice::from_ref(one)).await
                    }
                    Err(refusal) => Err(refusal.clone()),
                };
                let outcome = match done {
                    Ok(()) => ImportOutcome::Created(code.clone()),
                    Err(Refusal::Conflict(why)) => ImportOutcome::Conflict(Vec::new(), why),
                    Err(refusal) => return Err(refusal),
                };
                outcomes.push((*i, outcome));
            }
        }
        Ok(outcomes)
    }

    /// Makes accounts in one change.
    fn make(
        &self,
        by: &Authority,
        run: u64,
        new: &[NewUser],
    ) -> impl Future<Output = Result<(), Refusal>> + Send + use<> {
        let new = new.iter().map(|(_, user, fresh)| {
            let code = fresh.as_ref().map(|fresh| fresh.code.clone());
            (user.clone(), code)
        });
        let new: Arc<[(User, Option<Code>)]> = new.collect();
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise(&by, |_| Err(only_operators()))?;
            let policy = draft.policy();
            for (user, code) in new.iter() {
                policy.known(&user.role).ok_or(Refusal::NotFound("role"))?;
                let email = user.email.as_ref().map_or("", Email::as_str);
                let personal = [("username", user.name.as_str()), ("email", email)];
                let detail = json!({
                    "role": user.role, "status": user.status, "by": "import", "run": run,
                });
                let target = Some(user.id.to_string());
                draft.act("user.create", &by.actor(), target, detail, &personal);
                draft.write(Write::InsertUser(user.clone()));
                if let Some(code) = code {
                    draft.write(Write::InsertCode(code.clone()));
                }
            }
            Ok(())
        });
        async move { done.await.map(drop).map_err(Into::into) }
    }

    /// Changes an account that is there, as far as something is said of it. Whoever asks holds `admins`.
    pub(super) async fn change(
        &self,
        by: &Authority,
        run: u64,
        user: &User,
        account: &ImportedAccount,
    ) -> Result<(), Refusal> {
        let id = user.id;
        if loses_admin(user, account) {
            self.keep_an_admin(user).await?;
        }
        let (touches, by, account) = (by.touching(&[id.into()]), by.clone(), account.clone());
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise(&by, |_| Err(only_operators()))?;
            let before = draft.user(id)?.user();
            let after = changed(&before, &account);
            if after == before {
                return Ok(());
            }
            let (actor, target) = (by.actor(), Some(id.to_string()));
            let mut act = |act, detail: Value, texts: &[(&str, &str)]| {
                let mut detail = detail;
                detail["by"] = "import".into();
                detail["run"] = run.into();
                draft.act(act, &actor, target.clone(), detail, texts);
            };
            let texts = texts(&before, &after);
            if !texts.is_empty() {
                act("user.edit", json!({}), &texts);
            }
            if before.role != after.role {
                act(
                    "user.role",
                    json!({"before": before.role, "after": after.role}),
                    &[],
                );
            }
            if before.status != after.status {
                act(
                    "user.status",
                    json!({"before": before.status, "after": after.status}),
                    &[],
                );
            }
            let password = before.password != after.password;
            if password {
                act("user.password", json!({}), &[]);
                draft.write(Write::DeleteCodes(id));
            }
            if before.role != after.role {
                let role = after.role.clone();
                draft.entry(id.into(), None, Payload::Role { role });
            }
            if password || after.status == Status::Disabled {
                let at = draft.now();
                draft.write(Write::EndSessions {
                    user: id,
                    except: None,
                    at,
                });
            }
            draft.write(Write::UpdateUser(after));
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }
}
