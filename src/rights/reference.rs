//! The reference of what can be permitted: `docs/permissions.md`, made from the same list that decides.

use std::fmt::Write as _;

use super::InRoom;
use crate::model::{Builtin, Permission, RoomKind, RoomRole, RoomRules};

const HEAD: &str = "\
# Permissions

Made from the source; do not edit. `chatd role permissions` and `GET /v1/permissions` tell the same.

What somebody may do on the server is decided by their role, which is a set of permissions. Five roles are built in
and always the same; `chatd role add` makes others ([operating.md](operating.md#roles)). Nobody hands on a permission
that they do not have, and nobody mutes, bans or manages somebody who may do more.
";

const ROOM: &str = "\
## In a room

In a room it takes a role there as well: `viewer`, `member`, `moderator` or `owner`, of which each may do what those
before it may. The table has the lowest role that may, where the room's owner has not decided otherwise (marked
with \\*; `chatd room edit`), the permission without which the role there is no use, and the permission with which one
may do it in any public room, whatever one is there. In a locked room only moderators and the owner write. Into
private rooms nobody reaches but their members and the operators of the server.

| what | lowest role | needs | in any public room with |
|---|---|---|---|
";

/// The reference as Markdown: the content of `docs/permissions.md`.
pub fn reference() -> String {
    let mut text = format!("{HEAD}\n## On the server\n\n| permission | what |");
    for role in Builtin::ALL {
        write!(text, " {role} |").expect("a String takes it");
    }
    text.push_str("\n|---|---|");
    text.push_str(&":-:|".repeat(Builtin::ALL.len()));
    text.push('\n');
    for permission in Permission::ALL {
        write!(text, "| `{permission}` | {} |", permission.what()).expect("a String takes it");
        for role in Builtin::ALL {
            let has = role.permissions().has(*permission);
            text.push_str(if has { " x |" } else { " |" });
        }
        text.push('\n');
    }
    write!(text, "\n{ROOM}").expect("a String takes it");
    for act in InRoom::ALL {
        let (role, needs) = (
            act.lowest(RoomKind::Private, RoomRules::default()),
            act.needs(),
        );
        let mark = if act.shifts() { "\\*" } else { "" };
        let anywhere = act.anywhere().map_or("–".into(), |p| format!("`{p}`"));
        writeln!(
            text,
            "| {} | {role}{mark} | `{needs}` | {anywhere} |",
            act.what()
        )
        .expect("a String takes it");
    }
    text
}

impl InRoom {
    /// Whether a room's rules say which role may.
    fn shifts(self) -> bool {
        let lowest = |role| {
            let rules = RoomRules {
                post: role,
                invite: role,
                topic: role,
                pin: role,
                ..RoomRules::default()
            };
            self.lowest(RoomKind::Private, rules)
        };
        lowest(RoomRole::Viewer) != lowest(RoomRole::Owner)
    }
}
