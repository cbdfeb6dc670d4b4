//! The table.

use serde_json::Value;

/// A request, and what one needs for it.
pub(super) struct Row {
    pub(super) method: &'static str,
    /// With words in capitals for what the scenery names.
    pub(super) path: &'static str,
    /// JSON, or empty.
    body: &'static str,
    /// Of [`SERVER`]: the permissions, all of which one needs.
    pub(super) needs: &'static [&'static str],
    /// Of [`ROOM`]: the rights in the room, all of which one needs.
    pub(super) rights: &'static [Right],
    /// Whether the admin socket has it, too.
    pub(super) operators: bool,
}

/// What can be done in a room: the lowest role there that may, the permission without which that is no use,
/// and the permission with which one may in any public room.
#[derive(Clone, Copy)]
pub(super) struct Right {
    pub(super) lowest: usize,
    pub(super) needs: &'static str,
    pub(super) anywhere: Option<&'static str>,
}

const fn right(lowest: usize, needs: &'static str, anywhere: Option<&'static str>) -> Right {
    Right {
        lowest,
        needs,
        anywhere,
    }
}

/// The roles in a room, the lowest first.
pub(super) const ROLES: [&str; 4] = ["viewer", "member", "moderator", "owner"];

pub(super) const READ: Right = right(0, "message.read", None);
const REPORT: Right = right(0, "message.report", None);
pub(super) const SEND: Right = right(1, "message.send", None);
pub(super) const EDIT: Right = right(1, "message.edit", None);
const REACT: Right = right(1, "message.react", None);
const PIN: Right = right(2, "message.pin", Some("room.manage"));
const DESCRIBE: Right = right(2, "room.edit", Some("room.manage"));
const INVITE: Right = right(2, "room.edit", Some("room.manage"));
const MODERATE: Right = right(2, "room.edit", Some("room.manage"));
const LOCK: Right = right(2, "room.edit", Some("room.manage"));
const DELETE_ANY: Right = right(2, "room.edit", Some("message.delete.any"));
const CONFIGURE: Right = right(3, "room.edit", Some("room.own"));
pub(super) const OWN: Right = right(3, "room.edit", Some("room.own"));

/// Permissions that no route refuses anything for: without this one `@room` is a word, see tests/mentions.rs.
pub(super) const UNUSED: &[&str] = &["message.mention.room"];

const fn row(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    needs: &'static [&'static str],
) -> Row {
    Row {
        method,
        path,
        body,
        needs,
        rights: &[],
        operators: true,
    }
}

/// A row that only REST has.
const fn mine(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    needs: &'static [&'static str],
) -> Row {
    Row {
        operators: false,
        ..row(method, path, body, needs)
    }
}

const fn here(
    method: &'static str,
    path: &'static str,
    body: &'static str,
    rights: &'static [Right],
    operators: bool,
) -> Row {
    Row {
        method,
        path,
        body,
        needs: &[],
        rights,
        operators,
    }
}

impl Row {
    /// The path and the body, with the words of the scenery.
    pub(super) fn filled(&self, words: &[(&str, &str)]) -> (String, Value) {
        let (mut path, mut body) = (self.path.to_owned(), self.body.to_owned());
        for (word, is) in words {
            path = path.replace(word, is);
            body = body.replace(word, is);
        }
        let body = match body.as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).expect("JSON"),
        };
        (path, body)
    }

    /// Whether the row is about this permission.
    pub(super) fn names(&self, permission: &str) -> bool {
        self.needs.contains(&permission)
            || self
                .rights
                .iter()
                .any(|r| r.needs == permission || r.anywhere == Some(permission))
    }
}

/// What needs permissions on the server. `nemo` and the bot `robot` have the role `nobody`, which includes
/// nothing, so that whoever may decide about anybody may decide about them.
pub(super) const SERVER: &[Row] = &[
    mine(
        "POST",
        "/v1/files?name=a.json",
        r#"{"a":"file"}"#,
        &["file.upload"],
    ),
    row("GET", "/v1/permissions", "", &[]),
    row("GET", "/v1/roles", "", &[]),
    row("GET", "/v1/roles/admin", "", &[]),
    row(
        "POST",
        "/v1/roles",
        r#"{"name":"new","dry_run":true}"#,
        &["role.manage"],
    ),
    row(
        "PATCH",
        "/v1/roles/nobody",
        r#"{"description":"x","dry_run":true}"#,
        &["role.manage"],
    ),
    row(
        "DELETE",
        "/v1/roles/spare?dry_run=true",
        "",
        &["role.manage"],
    ),
    row("GET", "/v1/users", "", &["user.read"]),
    row("GET", "/v1/users/nemo", "", &["user.read"]),
    row("GET", "/v1/users/nemo/sessions", "", &["user.read"]),
    row("GET", "/v1/users/robot/tokens", "", &["user.read"]),
    row("GET", "/v1/sanctions", "", &["user.read"]),
    row("GET", "/v1/archive/runs", "", &["archive.run"]),
    row(
        "POST",
        "/v1/archive/runs",
        r#"{"before": "30d", "dry_run": true}"#,
        &["archive.run"],
    ),
    row("GET", "/v1/archive/runs/NOTHING", "", &["archive.run"]),
    row(
        "POST",
        "/v1/archive/runs/NOTHING/stop",
        "",
        &["archive.run"],
    ),
    row(
        "POST",
        "/v1/archive/runs/NOTHING/restore",
        "",
        &["archive.run"],
    ),
    row(
        "POST",
        "/v1/archive/prune",
        r#"{"before": "30d", "dry_run": true}"#,
        &["archive.run"],
    ),
    row("GET", "/v1/archive/verify", "", &["archive.run"]),
    row("GET", "/v1/archive/schedule", "", &["archive.run"]),
    row(
        "PATCH",
        "/v1/archive/schedule",
        r#"{"paused": true, "dry_run": true}"#,
        &["archive.run"],
    ),
    row(
        "POST",
        "/v1/archive/schedule/run",
        r#"{"dry_run": true}"#,
        &["archive.run"],
    ),
    row("GET", "/v1/holds", "", &["hold.manage"]),
    row(
        "POST",
        "/v1/holds",
        r#"{"on": "user", "target": "nemo", "reason": "case 7", "dry_run": true}"#,
        &["hold.manage"],
    ),
    row("DELETE", "/v1/holds/NOTHING", "", &["hold.manage"]),
    row("GET", "/v1/audit", "", &["audit.read"]),
    row("GET", "/v1/audit/rows", "", &["audit.read"]),
    row("GET", "/v1/audit/position?since=0", "", &["audit.read"]),
    row(
        "POST",
        "/v1/users",
        r#"{"name":"new","role":"nobody","dry_run":true}"#,
        &["user.manage"],
    ),
    row(
        "POST",
        "/v1/users/nemo/password",
        r#"{"dry_run":true}"#,
        &["user.manage"],
    ),
    row(
        "PUT",
        "/v1/users/nemo/role",
        r#"{"role":"nobody","dry_run":true}"#,
        &["user.manage"],
    ),
    row(
        "PUT",
        "/v1/users/nemo/status",
        r#"{"status":"disabled","dry_run":true}"#,
        &["user.manage"],
    ),
    row(
        "DELETE",
        "/v1/users/nemo/sessions?dry_run=true",
        "",
        &["user.manage"],
    ),
    row(
        "DELETE",
        "/v1/users/nemo/sessions/0197c0de-0000-7000-8000-000000000000",
        "",
        &["user.manage"],
    ),
    row(
        "POST",
        "/v1/users/robot/tokens",
        r#"{"name":"new","scopes":[],"dry_run":true}"#,
        &["user.manage"],
    ),
    row(
        "PUT",
        "/v1/users/nemo/mute",
        r#"{"dry_run":true}"#,
        &["user.mute"],
    ),
    row("DELETE", "/v1/users/nemo/mute", "", &["user.mute"]),
    row(
        "PUT",
        "/v1/users/nemo/ban",
        r#"{"dry_run":true}"#,
        &["user.ban"],
    ),
    row("DELETE", "/v1/users/nemo/ban", "", &["user.ban"]),
    row("GET", "/v1/address-bans", "", &["server.manage"]),
    row(
        "POST",
        "/v1/address-bans",
        r#"{"network":"198.51.100.0/24","dry_run":true}"#,
        &["server.manage"],
    ),
    row(
        "DELETE",
        "/v1/address-bans?network=198.51.100.0/24",
        "",
        &["server.manage"],
    ),
    row("GET", "/v1/conns?limit=1", "", &["conn.list"]),
    row(
        "GET",
        "/v1/conns/01a20383-9888-7000-8000-000000000000",
        "",
        &["conn.list"],
    ),
    row(
        "POST",
        "/v1/conns/kick",
        r#"{"user":"nemo","dry_run":true}"#,
        &["conn.kick"],
    ),
    row(
        "POST",
        "/v1/notices",
        r#"{"text":"x","dry_run":true}"#,
        &["notice.send"],
    ),
    row("GET", "/v1/registration", "", &["server.manage"]),
    row(
        "PUT",
        "/v1/registration",
        r#"{"mode":"closed","dry_run":true}"#,
        &["server.manage"],
    ),
    row("GET", "/v1/invites", "", &["invite.manage"]),
    row(
        "POST",
        "/v1/invites",
        r#"{"role":"nobody","dry_run":true}"#,
        &["invite.manage"],
    ),
    row(
        "DELETE",
        "/v1/invites/0123456789abcdef",
        "",
        &["invite.manage"],
    ),
    row("GET", "/v1/reports", "", &["report.manage"]),
    row(
        "POST",
        "/v1/reports/REPORT/resolve",
        r#"{"resolution":"seen","dry_run":true}"#,
        &["report.manage"],
    ),
    row("GET", "/v1/redactions", "", &["message.redact"]),
    row(
        "GET",
        "/v1/redactions/0197c0de-0000-7000-8000-000000000000",
        "",
        &["message.redact"],
    ),
    row(
        "POST",
        "/v1/redactions",
        r#"{"user":"nemo","since":"1h","dry_run":true}"#,
        &["message.redact"],
    ),
    row(
        "POST",
        "/v1/redactions/0197c0de-0000-7000-8000-000000000000/restore",
        r#"{"dry_run":true}"#,
        &["message.redact"],
    ),
    mine(
        "POST",
        "/v1/rooms",
        r#"{"name":"mine","kind":"private"}"#,
        &["room.create"],
    ),
    mine("POST", "/v1/dm", r#"{"users":["victim"]}"#, &["dm.open"]),
    mine("POST", "/v1/rooms/open/join", "", &["room.join"]),
    mine("POST", "/v1/join", r#"{"code":"CODE"}"#, &["room.join"]),
];

/// What needs a right in the room that is asked about. `absent` is in none of them, `outcast` is banned from
/// the server, `victim` is a viewer, and gets their role back after each row.
pub(super) const ROOM: &[Row] = &[
    here("GET", "/v1/rooms/ROOM/messages", "", &[READ], false),
    here("GET", "/v1/rooms/ROOM/messages/SEQ", "", &[READ], false),
    here("GET", "/v1/rooms/ROOM/members", "", &[READ], false),
    here("GET", "/v1/rooms/ROOM/presence", "", &[READ], false),
    here("PUT", "/v1/rooms/ROOM/read", r#"{"seq":1}"#, &[READ], false),
    here(
        "POST",
        "/v1/rooms/ROOM/typing",
        r#"{"on":false}"#,
        &[SEND],
        false,
    ),
    here(
        "POST",
        "/v1/rooms/ROOM/messages",
        r#"{"body":"hi"}"#,
        &[SEND],
        false,
    ),
    // Nobody may edit another's: of one that is not there it is told apart who may edit at all.
    here(
        "PATCH",
        "/v1/rooms/ROOM/messages/4711",
        r#"{"body":"hi"}"#,
        &[EDIT],
        false,
    ),
    here(
        "PUT",
        "/v1/rooms/ROOM/messages/SEQ/reactions/:ok:",
        "",
        &[REACT],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/messages/SEQ/reactions/:ok:",
        "",
        &[REACT],
        false,
    ),
    here(
        "GET",
        "/v1/rooms/ROOM/messages/SEQ/reactions",
        "",
        &[READ],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/messages/SEQ/reactors/:ok:",
        "",
        &[DELETE_ANY],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/messages/SEQ/reactors/:ok:/absent",
        "",
        &[DELETE_ANY],
        false,
    ),
    here(
        "GET",
        "/v1/rooms/ROOM/messages/SEQ/replies",
        "",
        &[READ],
        false,
    ),
    here("PUT", "/v1/rooms/ROOM/pins/SEQ", "", &[PIN], false),
    here("DELETE", "/v1/rooms/ROOM/pins/SEQ", "", &[PIN], false),
    here("GET", "/v1/rooms/ROOM/pins", "", &[READ], false),
    here(
        "POST",
        "/v1/rooms/ROOM/messages/SEQ/report",
        r#"{"reason":"rude"}"#,
        &[REPORT],
        false,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"title":"Hall"}"#,
        &[DESCRIBE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"topic":"all"}"#,
        &[DESCRIBE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"locked":false}"#,
        &[LOCK],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"slow_mode":0}"#,
        &[LOCK],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"post":"member"}"#,
        &[CONFIGURE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"invite":"moderator"}"#,
        &[CONFIGURE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"topic_role":"moderator"}"#,
        &[CONFIGURE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"pin":"moderator"}"#,
        &[CONFIGURE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"history":"all"}"#,
        &[CONFIGURE],
        true,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM",
        r#"{"slow_mode":0,"history":"all","topic":"all"}"#,
        &[LOCK, CONFIGURE, DESCRIBE],
        true,
    ),
    here(
        "PUT",
        "/v1/rooms/ROOM/members/outcast",
        r#"{"role":"member"}"#,
        &[INVITE],
        false,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM/members/absent",
        r#"{"role":"viewer"}"#,
        &[INVITE],
        false,
    ),
    here(
        "PATCH",
        "/v1/rooms/ROOM/members/victim",
        r#"{"role":"member"}"#,
        &[INVITE, CONFIGURE],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/members/absent",
        "",
        &[MODERATE],
        false,
    ),
    here("GET", "/v1/rooms/ROOM/hooks", "", &[CONFIGURE], true),
    here(
        "POST",
        "/v1/rooms/ROOM/hooks",
        r#"{"name":"new-hook","dry_run":true}"#,
        &[CONFIGURE, SEND],
        true,
    ),
    here(
        "POST",
        "/v1/rooms/ROOM/hooks/HOOK/rotate",
        r#"{"dry_run":true}"#,
        &[CONFIGURE, SEND],
        true,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/hooks/HOOK?dry_run=true",
        "",
        &[CONFIGURE],
        true,
    ),
    here("GET", "/v1/rooms/ROOM/invites", "", &[INVITE], true),
    here(
        "POST",
        "/v1/rooms/ROOM/invites",
        r#"{"dry_run":true}"#,
        &[INVITE],
        true,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/invites/0123456789abcdef",
        "",
        &[INVITE],
        true,
    ),
    here(
        "PUT",
        "/v1/rooms/ROOM/mutes/absent",
        r#"{"dry_run":true}"#,
        &[MODERATE],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/mutes/absent",
        "",
        &[MODERATE],
        false,
    ),
    here(
        "PUT",
        "/v1/rooms/ROOM/bans/absent",
        r#"{"dry_run":true}"#,
        &[MODERATE],
        false,
    ),
    here(
        "DELETE",
        "/v1/rooms/ROOM/bans/absent",
        "",
        &[MODERATE],
        false,
    ),
    here("GET", "/v1/rooms/ROOM/sanctions", "", &[MODERATE], true),
    here("GET", "/v1/rooms/ROOM/reports", "", &[MODERATE], true),
    here(
        "DELETE",
        "/v1/rooms/ROOM/messages/SEQ",
        "",
        &[DELETE_ANY],
        true,
    ),
    here(
        "POST",
        "/v1/rooms/ROOM/transfer",
        r#"{"user":"absent"}"#,
        &[OWN],
        false,
    ),
    here("DELETE", "/v1/rooms/ROOM", "", &[OWN], false),
];

/// Routes that need no permission, and why.
pub(super) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("GET", "/.well-known/jwks.json", "public keys"),
    ("GET", "/livez", "for machines"),
    ("GET", "/readyz", "for machines"),
    ("GET", "/v1/info", "for everybody"),
    (
        "POST",
        "/v1/register",
        "before there is an account; tests/registration.rs",
    ),
    ("POST", "/v1/login", "with a password; tests/accounts.rs"),
    ("POST", "/v1/token", "with a refresh token; tests/tokens.rs"),
    ("POST", "/v1/claim", "with a code; tests/registration.rs"),
    (
        "POST",
        "/v1/hooks/{room}/{token}",
        "with a secret in its URL; tests/hooks.rs",
    ),
    ("POST", "/v1/logout", "one's own session"),
    ("GET", "/v1/me", "one's own account"),
    (
        "PATCH",
        "/v1/me",
        "one's own account; not with a bot's token, tests/escalation.rs",
    ),
    (
        "POST",
        "/v1/me/password",
        "one's own account; not with a bot's token",
    ),
    (
        "GET",
        "/v1/files/{id}",
        "one's own, or of a message one may read; tests/files.rs",
    ),
    ("DELETE", "/v1/files/{id}", "one's own; tests/files.rs"),
    (
        "POST",
        "/v1/files/{id}/ticket",
        "what one may read; tests/files.rs",
    ),
    (
        "GET",
        "/v1/me/mentions",
        "one's own list, of what one may read; tests/mentions.rs",
    ),
    (
        "GET",
        "/v1/search",
        "what one may read, each hit looked at again; tests/search.rs",
    ),
    ("GET", "/v1/me/sessions", "one's own account"),
    (
        "DELETE",
        "/v1/me/sessions",
        "one's own account; not with a bot's token",
    ),
    (
        "DELETE",
        "/v1/me/sessions/{id}",
        "one's own account; not with a bot's token",
    ),
    (
        "GET",
        "/v1/rooms",
        "one's own rooms, and those that everybody finds",
    ),
    (
        "GET",
        "/v1/rooms/{room}",
        "whoever may know of it; tests/privacy.rs",
    ),
    (
        "POST",
        "/v1/rooms/{room}/leave",
        "whoever is in can go; tests/escalation.rs for tokens",
    ),
];
