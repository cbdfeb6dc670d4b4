//! `chatd role add`, `edit` and `delete`.

use chatd::{
    admin::api::{self, RoleChange},
    model::{Permission, Permissions, RoleName},
};
use clap::{ArgGroup, Args};

use super::{path, which};
use crate::{
    args::permission,
    asking::Asking,
    cli::DryRun,
    failure::{Explain as _, Failure},
    output::{count, escape},
};

/// Make a role
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd role add keeper --from member --permission user.mute
  chatd role add reader --permission message.read,room.join
  chatd role add keeper --from moderator --description 'Keeps the peace' -n

`chatd role permissions` tells what each permission is.")]
pub(crate) struct Add {
    /// Its name: a-z, 0-9, '.', '_' and '-'
    name: RoleName,

    /// What it lets one do; may be repeated
    #[arg(
        long = "permission", value_name = "PERMISSION", value_delimiter = ',',
        hide_possible_values = true, value_parser = permission()
    )]
    permissions: Vec<Permission>,

    /// Begin with what this role has
    #[arg(long, value_name = "ROLE")]
    from: Option<RoleName>,

    /// What it is for
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,

    #[command(flatten)]
    dry: DryRun,
}

/// Change a role, for everyone who has it and at once
#[derive(Debug, Args)]
#[command(
    override_usage = "chatd role edit [OPTIONS] <ROLE>",
    group(ArgGroup::new("change").required(true).multiple(true)),
    after_help = "\
Examples:
  chatd role edit keeper --add report.manage --remove user.mute
  chatd role edit keeper --description 'Keeps the peace'
  chatd role edit keeper --add user.ban --dry-run

`chatd role permissions` tells what each permission is."
)]
pub(crate) struct Edit {
    /// Which
    role: RoleName,

    /// What it lets one do from now on; may be repeated
    #[arg(
        long, value_name = "PERMISSION", value_delimiter = ',', group = "change",
        hide_possible_values = true, value_parser = permission()
    )]
    add: Vec<Permission>,

    /// What it no longer lets one do; may be repeated
    #[arg(
        long, value_name = "PERMISSION", value_delimiter = ',', group = "change",
        hide_possible_values = true, value_parser = permission()
    )]
    remove: Vec<Permission>,

    /// What it is for; '' takes the text away
    #[arg(long, value_name = "TEXT", group = "change")]
    description: Option<String>,

    #[command(flatten)]
    dry: DryRun,
}

/// Delete a role that nobody has
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd role delete keeper
  chatd role delete keeper --dry-run")]
pub(crate) struct Delete {
    /// Which
    role: RoleName,

    #[command(flatten)]
    dry: DryRun,
}

impl Add {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let made = asking.act(dry_run, async |client| {
            let mut permissions: Permissions = self.permissions.iter().copied().collect();
            if let Some(from) = &self.from {
                let from: api::Role = client.get(&path(from)).await?;
                permissions = permissions.or(from.permissions);
            }
            let new = RoleChange {
                name: Some(self.name.to_string()),
                description: self.description.clone().filter(|text| !text.is_empty()),
                permissions: Some(permissions),
                dry_run,
                ..RoleChange::default()
            };
            let made: api::Role = client.post("/v1/roles", &new).await?;
            Ok(made)
        });
        let made = made.explain(|| format!("make role `{}`", self.name), which())?;
        asking.console.answer(&made, |_| {
            let (name, what) = (escape(&made.name), having(&made));
            if dry_run {
                format!("Dry run: the role {name} can be made, with {what}. Nothing was changed.")
            } else {
                format!("Made the role {name}, with {what}.")
            }
        })?;
        if !dry_run {
            let next = format!("Next: chatd user role NAME {}", self.name);
            asking.console.note(&next);
        }
        Ok(())
    }
}

impl Edit {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let change = RoleChange {
            description: self.description.clone(),
            add: self.add.iter().copied().collect(),
            remove: self.remove.iter().copied().collect(),
            dry_run,
            ..RoleChange::default()
        };
        let changed: Result<api::Role, Failure> = asking.act(dry_run, async |client| {
            Ok(client.patch(&path(&self.role), &change).await?)
        });
        let changed = changed.explain(|| format!("change role `{}`", self.role), which())?;
        asking.console.answer(&changed, |_| {
            let (name, what) = (escape(&changed.name), having(&changed));
            let users = count(changed.users, "account");
            if dry_run {
                format!("Dry run: {name} would have {what}, for {users}. Nothing was changed.")
            } else {
                format!("{name} has {what} now, for {users}.")
            }
        })
    }
}

impl Delete {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let path = format!("{}?dry_run={dry_run}", path(&self.role));
        let gone: Result<api::Role, Failure> =
            asking.act(dry_run, async |client| Ok(client.delete(&path).await?));
        let gone = gone.explain(|| format!("delete role `{}`", self.role), which())?;
        asking.console.answer(&gone, |_| {
            let name = escape(&gone.name);
            if dry_run {
                format!("Dry run: the role {name} can be deleted. Nothing was changed.")
            } else {
                format!("Deleted the role {name}.")
            }
        })
    }
}

/// How many permissions a role has.
fn having(role: &api::Role) -> String {
    count(role.permissions.iter().count() as u64, "permission")
}
