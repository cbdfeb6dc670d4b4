//! `chatd role`: named sets of permissions.

mod change;
mod page;

use chatd::{
    admin::api::{self, List, PermissionInfo},
    model::RoleName,
};
use clap::{Args, Subcommand};

use self::change::{Add, Delete, Edit};
use crate::{
    asking::Asking,
    failure::{Exit, Explain as _, Failure},
};

/// See the roles, and make your own
///
/// Five roles are built in and stay as they are: guest, auditor, member, moderator and admin. A role of
/// your own is any set of permissions, and is given with `chatd user role NAME ROLE`.
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Examples:
  chatd role list
  chatd role add keeper --from member --permission user.mute
  chatd user role bob keeper
  chatd role permissions")]
pub(crate) enum Role {
    /// List every role
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  chatd role list
  chatd role list --json | jq -r '.items[] | select(.builtin | not) | .name'"
    )]
    List,

    Show(Show),

    Add(Add),

    Edit(Edit),

    Delete(Delete),

    /// List all permissions, and the built-in roles that have them
    #[command(after_help = "\
Examples:
  chatd role permissions
  chatd role permissions --json | jq -r '.items[].name'")]
    Permissions,
}

/// Show what a role lets one do
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd role show moderator
  chatd role show keeper --json | jq -r '.permissions[]'")]
pub(crate) struct Show {
    /// Its name
    role: RoleName,
}

impl Role {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        match self {
            Self::List => {
                let roles: List<api::Role> =
                    asking.look(async |client| Ok(client.get("/v1/roles").await?))?;
                asking
                    .console
                    .list(&roles, "There are no roles.", |all, _| page::list(all))
            }
            Self::Show(Show { role }) => {
                let shown: Result<api::Role, Failure> =
                    asking.look(async |client| Ok(client.get(&path(role)).await?));
                let shown = shown.explain(|| format!("show role `{role}`"), which())?;
                asking.console.answer(&shown, |_| page::detail(&shown))
            }
            Self::Add(add) => add.run(asking),
            Self::Edit(edit) => edit.run(asking),
            Self::Delete(delete) => delete.run(asking),
            Self::Permissions => {
                let all: List<PermissionInfo> =
                    asking.look(async |client| Ok(client.get("/v1/permissions").await?))?;
                let table = |all: &[PermissionInfo], _| page::permissions(all);
                asking
                    .console
                    .list(&all, "There are no permissions.", table)
            }
        }
    }
}

/// Where a role is.
fn path(role: &RoleName) -> String {
    format!("/v1/roles/{role}")
}

/// The advice when there is no such role.
fn which() -> (Exit, String) {
    (Exit::NotFound, "`chatd role list` lists every role".into())
}
