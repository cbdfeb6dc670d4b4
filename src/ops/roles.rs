//! Roles: the built-in ones, and those that are made.

use serde_json::json;

use super::Ops;
use crate::{
    log::refuse,
    model::{
        Authority, Builtin, Code, CodeKind, Permission, Permissions, Refusal, Role, RoleName, Title,
    },
    rights,
    store::Write,
};

/// How many roles can be made: all of them are kept in memory.
const MOST: usize = 100;

/// A role, built in or not.
#[derive(Clone, Debug)]
pub struct RoleRow {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: Option<String>,
    /// What it lets one do.
    pub permissions: Permissions,
    /// Whether it is always there and always the same.
    pub builtin: bool,
    /// How many accounts have it.
    pub users: u64,
}

/// A role to be made, or what of one is to be changed; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct NewRole {
    /// What it is for; `Some(None)` takes the text away.
    pub description: Option<Option<Title>>,
    /// All that it lets one do.
    pub permissions: Option<Permissions>,
    /// What it lets one do besides.
    pub add: Permissions,
    /// What it no longer lets one do.
    pub remove: Permissions,
}

impl Ops {
    /// Every role: the built-in ones from least to most, then the others by name.
    pub async fn roles(&self) -> Result<Vec<RoleRow>, Refusal> {
        let mut made: Vec<RoleName> = self.log.policy().roles.keys().cloned().collect();
        made.sort();
        let builtin = Builtin::ALL.iter().map(|b| RoleName::from(*b));
        let mut rows = Vec::new();
        for name in builtin.chain(made) {
            // One that was deleted meanwhile is passed over.
            match self.role(&name).await {
                Ok(row) => rows.push(row),
                Err(Refusal::NotFound(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(rows)
    }

    /// One role.
    pub async fn role(&self, name: &RoleName) -> Result<RoleRow, Refusal> {
        let policy = self.log.policy();
        let permissions = policy.known(name).ok_or(Refusal::NotFound("role"))?;
        let builtin = Builtin::named(name.as_str());
        let made = policy.roles.get(name).and_then(|r| r.description.clone());
        let users = self.store.count_role(name).await;
        Ok(RoleRow {
            name: name.clone(),
            description: builtin
                .map(|b| b.what().to_owned())
                .or_else(|| made.map(Into::into)),
            permissions,
            builtin: builtin.is_some(),
            users: users.map_err(|e| refuse(&e))?,
        })
    }

    /// Makes a role. Nobody makes one that includes what they may not do themselves.
    pub async fn add_role(
        &self,
        by: &Authority,
        name: RoleName,
        new: NewRole,
        dry_run: bool,
    ) -> Result<RoleRow, Refusal> {
        let (touches, author, role) = (by.touching(&[]), by.clone(), name.clone());
        let permissions = new
            .permissions
            .unwrap_or_default()
            .or(new.add)
            .without(new.remove);
        let description = new.description.flatten();
        let row = RoleRow {
            name,
            description: description.clone().map(Into::into),
            permissions,
            builtin: false,
            users: 0,
        };
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&author, |who| {
                    rights::may(who, Permission::RoleManage)?;
                    rights::may_give(who, permissions)
                })?;
                let policy = draft.policy();
                if policy.known(&role).is_some() {
                    let what =
                        format!("there is a role {role} already; `chatd role edit` changes it");
                    return Err(Refusal::Conflict(what));
                }
                if policy.roles.len() >= MOST {
                    let what =
                        format!("there are {MOST} roles already, which is the most there can be");
                    return Err(Refusal::Conflict(what));
                }
                let detail = json!({"before": null, "after": permissions});
                let target = Some(role.to_string());
                draft.act("role.create", &author.actor(), target, detail, &[]);
                draft.write(Write::PutRole(Role {
                    name: role.clone(),
                    description: description.clone(),
                    permissions,
                    created_at: draft.now(),
                }));
                Ok(())
            });
        done.await?;
        Ok(row)
    }

    /// Changes a role that was made, for everyone who has it, at once. Nobody changes one that includes, or
    /// would include, what they may not do themselves.
    pub async fn edit_role(
        &self,
        by: &Authority,
        name: RoleName,
        changes: NewRole,
        dry_run: bool,
    ) -> Result<RoleRow, Refusal> {
        let mut row = self.role(&name).await?;
        row.permissions = changes.applied(row.permissions);
        if let Some(text) = &changes.description {
            row.description = text.clone().map(Into::into);
        }
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let before = made(draft, &name)?;
                let permissions = changes.applied(before.permissions);
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::RoleManage)?;
                    rights::may_give(who, before.permissions.or(permissions))
                })?;
                let mut after = Role {
                    permissions,
                    ..before.clone()
                };
                if let Some(text) = &changes.description {
                    after.description.clone_from(text);
                }
                if after == before {
                    return Ok(());
                }
                let detail = json!({"before": before.permissions, "after": permissions});
                draft.act(
                    "role.edit",
                    &by.actor(),
                    Some(name.to_string()),
                    detail,
                    &[],
                );
                draft.write(Write::PutRole(after));
                Ok(())
            });
        done.await?;
        Ok(row)
    }

    /// Deletes a role that was made and that nobody has.
    pub async fn delete_role(
        &self,
        by: &Authority,
        name: RoleName,
        dry_run: bool,
    ) -> Result<RoleRow, Refusal> {
        // No account is given a role while one is deleted.
        let _one_at_a_time = self.admins.lock().await;
        // Read before the accounts are counted: who registers meanwhile is seen by one or the other.
        let codes = self.store.codes(CodeKind::Invite, None).await;
        let row = self.role(&name).await?;
        if row.users > 0 {
            let have = match row.users {
                1 => "1 account has".to_owned(),
                users => format!("{users} accounts have"),
            };
            let what = format!("{have} the role {name}; `chatd user role` gives another one");
            return Err(Refusal::Conflict(what));
        }
        // Else whoever has such a code would get what a later role of that name gives.
        let now = self.clock.now();
        let gives = |c: &Code| c.role == name && now < c.expires_at;
        let gives = codes.map_err(|e| refuse(&e))?.into_iter().filter(gives);
        let ids: Vec<String> = gives.map(|c| c.id()).collect();
        if !ids.is_empty() {
            let ids = ids.join(", ");
            return Err(Refusal::Conflict(format!(
                "invitations give the role {name}; revoke them first: {ids}"
            )));
        }
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let before = made(draft, &name)?;
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::RoleManage)?;
                    rights::may_give(who, before.permissions)
                })?;
                let detail = json!({"before": before.permissions, "after": null});
                draft.act(
                    "role.delete",
                    &by.actor(),
                    Some(name.to_string()),
                    detail,
                    &[],
                );
                draft.write(Write::DeleteRole(name.clone()));
                Ok(())
            });
        done.await?;
        Ok(row)
    }
}

impl NewRole {
    fn applied(&self, before: Permissions) -> Permissions {
        let now = self.permissions.unwrap_or(before);
        now.or(self.add).without(self.remove)
    }
}

/// A role that was made, as of this turn.
fn made(draft: &crate::log::Draft<'_>, name: &RoleName) -> Result<Role, Refusal> {
    if Builtin::named(name.as_str()).is_some() {
        return Err(Refusal::Conflict(format!(
            "{name} is built in and stays as it is; make a role of your own with `chatd role add`"
        )));
    }
    let policy = draft.policy();
    policy
        .roles
        .get(name)
        .cloned()
        .ok_or(Refusal::NotFound("role"))
}
