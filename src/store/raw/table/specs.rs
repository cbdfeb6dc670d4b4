//! The tables themselves, each with its fields.

use ipnet::IpNet;

use super::{
    Absent, Derived, Kind, Spec, Table, Value, by, bytes, detail, field, free, id, json, json_text,
    text, time,
};
use crate::id::UserId;
use crate::model::{
    CodeKind, DeviceName, DisplayName, Email, Emoji, FileName, History, Permissions, Reason,
    RedactionDetail, ReportState, RoleName, RoomKind, RoomName, RoomRole, RoomRules, RunDetail,
    RunKind, RunState, SanctionKind, Status, Tally, Title, Topic, Txn, Username,
};

/// The index every collection has.
const BY_ID: &str = "_id_";

pub(super) const SETTINGS: Spec = Spec {
    name: "settings",
    sqlite: "setting",
    index: BY_ID,
    key: 1,
    fields: &[free("name").called("_id"), free("value")],
    derived: &[],
};

pub(super) const KEYS: Spec = Spec {
    name: "keys",
    sqlite: "signing_key",
    index: BY_ID,
    key: 1,
    fields: &[
        free("kid").called("_id"),
        bytes("public"),
        time("created_at"),
        time("expires_at"),
    ],
    derived: &[],
};

pub(super) const ROLES: Spec = Spec {
    name: "roles",
    sqlite: "role",
    index: BY_ID,
    key: 1,
    fields: &[
        text::<RoleName>("name").called("_id"),
        text::<Title>("description"),
        json::<Permissions>("permissions"),
        time("created_at"),
    ],
    derived: &[],
};

pub(super) const ADDRESS_BANS: Spec = Spec {
    name: "address_bans",
    sqlite: "address_ban",
    index: BY_ID,
    key: 1,
    fields: &[
        text::<IpNet>("network").called("_id"),
        time("until"),
        text::<Reason>("reason"),
        by(),
        time("at"),
    ],
    derived: &[],
};

pub(super) const HOLDS: Spec = Spec {
    name: "holds",
    sqlite: "hold",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        id("room").to(Table::Rooms),
        id("user").to(Table::Users),
        text::<Reason>("reason"),
        by(),
        time("at"),
    ],
    derived: &[],
};

pub(super) const CODES: Spec = Spec {
    name: "codes",
    sqlite: "code",
    index: BY_ID,
    key: 1,
    fields: &[
        bytes("hash").called("_id"),
        text::<CodeKind>("kind"),
        id("user").to(Table::Users),
        text::<RoleName>("role"),
        time("created_at"),
        time("expires_at"),
        id("room").or(Absent::Null).to(Table::Rooms),
        field("uses", Kind::Short).or(Absent::Int(1)),
        by(),
    ],
    derived: &[],
};

pub(super) const SESSIONS: Spec = Spec {
    name: "sessions",
    sqlite: "session",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        id("user").to(Table::Users),
        text::<DeviceName>("device"),
        free("address"),
        time("created_at"),
        time("used_at"),
        time("expires_at"),
        time("ended_at"),
        bytes("anchor"),
        bytes("current"),
        bytes("previous"),
        bytes("seed"),
        time("rotated_at"),
        field("version", Kind::Int),
        json::<Permissions>("scopes"),
    ],
    derived: &[],
};

pub(super) const SANCTIONS: Spec = Spec {
    name: "sanctions",
    sqlite: "sanction",
    index: "room_user_kind",
    key: 3,
    fields: &[
        field("room", Kind::Place).to(Table::Rooms),
        id("user").to(Table::Users),
        text::<SanctionKind>("kind"),
        time("until"),
        text::<Reason>("reason"),
        by(),
        time("at"),
    ],
    derived: &[],
};

pub(super) const REPORTS: Spec = Spec {
    name: "reports",
    sqlite: "report",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        id("room").to(Table::Rooms),
        field("seq", Kind::Int),
        id("message"),
        id("author").to(Table::Users),
        by(),
        text::<Reason>("reason"),
        time("at"),
        text::<ReportState>("state"),
        text::<Reason>("resolution"),
        id("resolved_by").to(Table::Users),
        time("resolved_at"),
    ],
    derived: &[],
};

pub(super) const REDACTIONS: Spec = Spec {
    name: "redactions",
    sqlite: "redaction",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        id("user").to(Table::Users),
        time("at"),
        time("finished_at"),
        time("undone_at"),
        detail::<RedactionDetail>(),
    ],
    derived: &[],
};

pub(super) const OVERLAY: Spec = Spec {
    name: "overlay",
    sqlite: "overlay",
    index: "room_target",
    key: 2,
    fields: &[
        id("room").to(Table::Rooms),
        field("target", Kind::Int),
        time("deleted_at"),
        id("deleted_by").to(Table::Users),
        field("seq", Kind::Int),
        id("redaction").to(Table::Redactions),
        time("erased_at"),
        free("body"),
        time("edited_at"),
        json::<Vec<u64>>("edits"),
        json_text::<Vec<Tally>>("reactions"),
        field("pin_seq", Kind::Int),
        id("pinned_by").to(Table::Users),
        time("pinned_at"),
        field("replies", Kind::Int),
        field("last_reply", Kind::Int),
        time("last_reply_at"),
    ],
    derived: &[Derived {
        mongo: "unerased",
        kind: Kind::Time,
        of: |row| {
            let there = *row.get(Table::Overlay, "erased_at") == Value::Null;
            there.then(|| row.get(Table::Overlay, "deleted_at"))
        },
    }],
};

pub(super) const REACTIONS: Spec = Spec {
    name: "reactions",
    sqlite: "reaction",
    index: "room_target_emoji_seq",
    key: 4,
    fields: &[
        id("room").to(Table::Rooms),
        field("target", Kind::Int),
        text::<Emoji>("emoji"),
        field("seq", Kind::Int),
        id("user").to(Table::Users),
        time("at"),
    ],
    derived: &[],
};

pub(super) const REPLIES: Spec = Spec {
    name: "replies",
    sqlite: "reply",
    index: "room_target_seq",
    key: 3,
    fields: &[
        id("room").to(Table::Rooms),
        field("target", Kind::Int),
        field("seq", Kind::Int),
    ],
    derived: &[],
};

pub(super) const MENTIONS: Spec = Spec {
    name: "mentions",
    sqlite: "mention",
    index: "whom_message",
    key: 2,
    fields: &[
        id("whom"),
        id("message"),
        id("room").to(Table::Rooms),
        field("seq", Kind::Int),
        id("author").to(Table::Users),
    ],
    derived: &[],
};

pub(super) const FILES: Spec = Spec {
    name: "files",
    sqlite: "file",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        id("owner").to(Table::Users),
        text::<FileName>("name"),
        free("type"),
        field("size", Kind::Int),
        bytes("sha256"),
        field("width", Kind::Int),
        field("height", Kind::Int),
        time("at"),
        id("room").to(Table::Rooms),
        field("seq", Kind::Int),
        time("gone_at"),
    ],
    derived: &[Derived {
        mongo: "unused",
        kind: Kind::Id,
        of: |row| {
            let none = |field| *row.get(Table::Files, field) == Value::Null;
            (none("room") && none("gone_at")).then(|| row.get(Table::Files, "id"))
        },
    }],
};

pub(super) const MEMBERS: Spec = Spec {
    name: "members",
    sqlite: "member",
    index: "room_user",
    key: 2,
    fields: &[
        id("room").to(Table::Rooms),
        id("user").to(Table::Users),
        text::<RoomRole>("role"),
        field("since", Kind::Int),
        time("at"),
        field("read_seq", Kind::Int).or(Absent::Int(0)),
        field("read_n", Kind::Int).or(Absent::Int(0)),
    ],
    derived: &[],
};

pub(super) const ENTRIES: Spec = Spec {
    name: "entries",
    sqlite: "entry",
    index: "log_seq",
    key: 2,
    fields: &[
        field("log", Kind::Log),
        field("seq", Kind::Int),
        field("n", Kind::Int),
        time("at"),
        id("id").called("_id"),
        id("sender").called("from").to(Table::Users),
        text::<Txn>("txn"),
        bytes("digest"),
        field("v", Kind::Short),
        free("kind"),
        free("data"),
    ],
    derived: &[],
};

pub(super) const SEGMENTS: Spec = Spec {
    name: "segments",
    sqlite: "segment",
    index: "room_last",
    key: 2,
    fields: &[
        id("room").to(Table::Rooms),
        field("last", Kind::Int),
        field("first", Kind::Int),
        field("n", Kind::Int),
        time("first_at"),
        time("last_at"),
        field("entries", Kind::Int),
        field("messages", Kind::Int),
        field("erased", Kind::Int),
        field("bytes", Kind::Int),
        field("size", Kind::Int),
        field("generation", Kind::Short),
        id("run").to(Table::Runs),
        id("purge_run").to(Table::Runs),
        time("purge_at"),
        time("purged_at"),
        time("restored_at"),
        bytes("data"),
    ],
    derived: &[],
};

pub(super) const RUNS: Spec = Spec {
    name: "runs",
    sqlite: "run",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        text::<RunKind>("kind"),
        text::<RunState>("state"),
        time("at"),
        time("finished_at"),
        detail::<RunDetail>(),
    ],
    derived: &[],
};

pub(super) const ROOMS: Spec = Spec {
    name: "rooms",
    sqlite: "room",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        text::<RoomName>("name"),
        text::<RoomKind>("kind"),
        text::<Title>("title"),
        text::<Topic>("topic"),
        text::<History>("history"),
        id("owner").to(Table::Users),
        time("created_at"),
        time("deleted_at"),
        json::<RoomRules>("rules").or(Absent::Text("{}")),
        json::<Vec<UserId>>("people"),
    ],
    derived: &[Derived {
        mongo: "public_name",
        kind: Kind::Text,
        of: |row| {
            let public = row.get(Table::Rooms, "kind").text() == Some("public");
            let there = *row.get(Table::Rooms, "deleted_at") == Value::Null;
            (public && there).then(|| row.get(Table::Rooms, "name"))
        },
    }],
};

pub(super) const USERS: Spec = Spec {
    name: "users",
    sqlite: "user",
    index: BY_ID,
    key: 1,
    fields: &[
        id("id").called("_id"),
        text::<Username>("name"),
        text::<DisplayName>("display_name"),
        text::<Email>("email"),
        field("email_login", Kind::Bool),
        text::<RoleName>("role"),
        text::<Status>("status"),
        free("password"),
        time("created_at"),
        field("bot", Kind::Bool).or(Absent::Int(0)),
        field("presence", Kind::Bool).or(Absent::Int(1)),
    ],
    derived: &[Derived {
        mongo: "login_email",
        kind: Kind::Text,
        of: |row| {
            let may = row.get(Table::Users, "email_login").int() == Some(1);
            may.then(|| row.get(Table::Users, "email"))
        },
    }],
};
