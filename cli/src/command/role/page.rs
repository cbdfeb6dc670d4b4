//! How roles look.

use std::fmt::Write as _;

use chatd::admin::api::{PermissionInfo, Role};

use crate::output::{Cell, Facts, Table, escape, number, table};

/// A line for each role.
pub(super) fn list(roles: &[Role]) -> Table {
    let rows = roles.iter().map(|role| {
        vec![
            Cell::text(&role.name),
            Cell::text(kind(role)),
            Cell::number(role.users),
            Cell::number(role.permissions.iter().count() as u64),
            Cell::or(role.description.as_deref(), ""),
        ]
    });
    let headings = &["NAME", "KIND", "#USERS", "#PERMISSIONS", "DESCRIPTION"];
    Table::new(headings, rows)
}

/// A role with all that it lets one do.
pub(super) fn detail(role: &Role) -> String {
    let page = Facts::default()
        .maybe("description", role.description.as_deref().map(escape))
        .with("kind", kind(role))
        .with("users", number(role.users))
        .under(&escape(&role.name));
    let permissions = role.permissions.iter();
    let rows: Vec<_> = permissions
        .map(|p| vec![p.to_string(), p.what().to_owned()])
        .collect();
    if rows.is_empty() {
        return format!("{page}\nIt lets one do nothing.");
    }
    format!("{page}\n{}", table(&["PERMISSION", "WHAT"], rows))
}

/// The catalogue: two lines each, as one would not fit a terminal.
pub(super) fn permissions(all: &[PermissionInfo]) -> Table {
    let width = all.iter().map(|p| p.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for permission in all {
        let (name, what) = (escape(&permission.name), escape(&permission.what));
        let roles = permission.roles.join(" ");
        let roles = escape(&roles);
        if !text.is_empty() {
            text.push('\n');
        }
        writeln!(text, "{name:<width$}   {roles}\n  {what}").expect("a String takes it");
    }
    let rows = all.iter().map(|p| {
        vec![
            Cell::text(&p.name),
            Cell::text(&p.what),
            Cell::text(p.roles.join(" ")),
        ]
    });
    Table::new(&["NAME", "WHAT", "ROLES"], rows).shown_as(text)
}

fn kind(role: &Role) -> &'static str {
    if role.builtin { "built in" } else { "own" }
}

#[cfg(test)]
mod tests {
    use chatd::model::Permission;

    /// The last column of a table is cut on a narrow terminal; what a permission is must not be.
    #[test]
    fn what_a_permission_is_fits_eighty_columns() {
        let name = Permission::ALL.iter().map(|p| p.as_str().len()).max();
        let room = 80 - name.expect("permissions") - 3;
        for permission in Permission::ALL {
            assert!(permission.what().len() <= room, "{permission}");
        }
    }
}
