//! Everything the store has about one person, in pieces, for whoever asks for their data.

use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{Ops, runs_out};
use crate::{
    id::{FileId, LogId, ReportId, RoomId, UserId},
    log::refuse,
    model::{Entry, Invalid, Payload, Refusal, ReportState, User, UserRef},
    store::{Readable, Scope},
};

/// How many entries of a log, or rows of a list, one piece looks at.
const SCAN: usize = 2000;
/// How many bytes of entries one piece looks at.
const SCAN_BYTES: usize = 1 << 20;

/// How a row that does not read is called.
pub const DAMAGED: &str = "damaged";

/// Which part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportPart {
    /// The account, its sessions, sanctions and rooms: one row each.
    Profile,
    /// What they said, in every room that there is or was.
    Messages,
    /// Their own log (`@me`).
    Log,
    /// What they did, and what was done to their account, out of the audit log.
    Acts,
    /// The reports they made.
    Reports,
    /// What is known of the files they uploaded; the bytes are asked for apart.
    Files,
}

impl ExportPart {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Profile,
        Self::Messages,
        Self::Log,
        Self::Acts,
        Self::Reports,
        Self::Files,
    ];

    /// Its name in the URL, and of the file it goes into.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Messages => "messages",
            Self::Log => "log",
            Self::Acts => "acts",
            Self::Reports => "reports",
            Self::Files => "files",
        }
    }
}

impl FromStr for ExportPart {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|part| part.as_str() == text);
        found.copied().ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|p| p.as_str()).collect();
            Invalid(format!("one of: {}", all.join(", ")))
        })
    }
}

/// A piece of an export.
pub type Piece = (Vec<Value>, Option<String>);

impl Ops {
    /// A piece of what there is about somebody, from `cursor` on, and where the next one begins. A piece can
    /// be empty and not the last: it is what one look found.
    pub async fn export(
        &self,
        user: &UserRef,
        part: ExportPart,
        cursor: Option<&str>,
    ) -> Result<Piece, Refusal> {
        let user = self.find_user(user).await?;
        match part {
            ExportPart::Profile => Ok((self.export_profile(user).await?, None)),
            ExportPart::Messages => self.export_messages(user.id, cursor).await,
            ExportPart::Log => {
                let log = LogId::User(user.id);
                self.export_log(log, cursor, |_| true).await
            }
            ExportPart::Acts => {
                let id = user.id.to_string();
                let about = |entry: &Entry| match &entry.payload {
                    Payload::Act(act) => {
                        act.actor.user == Some(user.id) || act.target.as_ref() == Some(&id)
                    }
                    _ => false,
                };
                let (mut rows, next) = self.export_log(LogId::Control, cursor, about).await?;
                for row in &mut rows {
                    leave_out_others(row, &id);
                }
                Ok((rows, next))
            }
            ExportPart::Reports => self.export_reports(user.id, cursor).await,
            ExportPart::Files => self.export_files(user.id, cursor).await,
        }
    }

    async fn export_profile(&self, user: User) -> Result<Vec<Value>, Refusal> {
        let id = user.id;
        let mut rows = vec![json!({
            "account": {
                "id": id, "name": user.name, "display_name": user.display_name,
                "email": user.email, "email_login": user.email_login, "role": user.role,
                "status": user.status, "bot": user.bot, "presence": user.presence, "created_at": user.created_at,
                "has_password": user.password.is_some(),
            }
        })];
        let sessions = self.store.sessions_of(id, self.clock.now()).await;
        for s in sessions.map_err(|e| refuse(&e))? {
            rows.push(json!({
                "session": {
                    "id": s.id, "device": s.device, "address": s.address,
                    "created_at": s.created_at, "used_at": s.used_at,
                    "expires_at": runs_out(&s), "scopes": s.scopes,
                }
            }));
        }
        if let Some(live) = self.log.user(id).await? {
            for s in live.with(|p| p.sanctions.clone()) {
                rows.push(json!({
                    "sanction": {
                        "kind": s.kind, "until": s.until, "reason": s.reason, "at": s.at,
                    }
                }));
            }
        }
        let mut after = None;
        loop {
            let page = self
                .store
                .list_rooms(Scope::Of(id), after.as_ref().map(|(n, i)| (n, *i)), SCAN)
                .await
                .map_err(|e| refuse(&e))?;
            let Some(last) = page.last() else { break };
            after = Some((last.room.name.clone(), last.room.id));
            for row in page {
                let (room, member) = (row.room, row.member);
                rows.push(json!({
                    "room": {
                        "id": room.id, "name": room.name, "kind": room.kind,
                        "role": member.map(|m| m.role), "since": member.map(|m| m.at),
                        "read": member.map(|m| m.read.seq),
                    }
                }));
            }
        }
        Ok(rows)
    }

    /// Which rooms somebody was in, their own log tells. The cursor is how far in that log we are, and, in
    /// the middle of a room, how far in that room: `12:0197…:340`.
    async fn export_messages(&self, user: UserId, cursor: Option<&str>) -> Result<Piece, Refusal> {
        let (mut own, inside) = parse_cursor(cursor)?;
        if let Some((room, seq)) = inside {
            let (rows, next) = self.messages_in(user, room, seq).await?;
            return Ok((
                rows,
                Some(match next {
                    Some(seq) => format!("{own}:{room}:{seq}"),
                    None => own.to_string(),
                }),
            ));
        }
        let log = LogId::User(user);
        let read = self
            .store
            .readable(log, own, u64::MAX, SCAN, SCAN_BYTES)
            .await;
        // What of it does not read, the part `log` tells.
        let read = read.map_err(|e| refuse(&e))?;
        let Some(next) = read.next else {
            return Ok((Vec::new(), None));
        };
        for entry in read.entries {
            own = entry.seq;
            if let Payload::Added { target, .. } = entry.payload
                && self.is_first_time(log, target, own).await?
            {
                return Ok((Vec::new(), Some(format!("{own}:{target}:0"))));
            }
        }
        Ok((Vec::new(), Some(next.to_string())))
    }

    /// Whether somebody came into a room for the first time with this entry of their own log: so that what
    /// they said there is told once, however often they came and went.
    async fn is_first_time(&self, log: LogId, room: RoomId, seq: u64) -> Result<bool, Refusal> {
        let mut after = 0;
        loop {
            let upto = seq - 1;
            let read = self.store.readable(log, after, upto, SCAN, SCAN_BYTES);
            let read = read.await.map_err(|e| refuse(&e))?;
            let Some(next) = read.next else {
                return Ok(true);
            };
            after = next;
            let earlier =
                |e: &Entry| matches!(e.payload, Payload::Added { target, .. } if target == room);
            if read.entries.iter().any(earlier) {
                return Ok(false);
            }
        }
    }

    async fn messages_in(
        &self,
        user: UserId,
        room: RoomId,
        after: u64,
    ) -> Result<(Vec<Value>, Option<u64>), Refusal> {
        let log = LogId::Room(room);
        let read = self
            .store
            .readable(log, after, u64::MAX, SCAN, SCAN_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        // What they said, what they made of it since, and how they reacted to what others said.
        let said = |e: &Entry| {
            let more = |p: &Payload| matches!(p, Payload::Edit { .. } | Payload::Reaction { .. });
            e.payload.is_message() || more(&e.payload)
        };
        let mine = |e: &&Entry| e.from == Some(user) && said(e);
        Ok((rows(log, &read, mine), read.next))
    }

    async fn export_log(
        &self,
        log: LogId,
        cursor: Option<&str>,
        wanted: impl Fn(&Entry) -> bool + Send,
    ) -> Result<Piece, Refusal> {
        let after = cursor.map(str::parse::<u64>).transpose();
        let after = after.map_err(|_| wrong_cursor())?.unwrap_or(0);
        let read = self
            .store
            .readable(log, after, u64::MAX, SCAN, SCAN_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        let next = read.next.map(|seq| seq.to_string());
        Ok((rows(log, &read, |e| wanted(e)), next))
    }

    async fn export_reports(&self, user: UserId, cursor: Option<&str>) -> Result<Piece, Refusal> {
        let (state, before) = match cursor {
            None => (ReportState::Open, None),
            Some(text) => {
                let (state, id) = text.split_once(':').ok_or_else(wrong_cursor)?;
                let state = state.parse().map_err(|_| wrong_cursor())?;
                let before = Some(id).filter(|id| !id.is_empty());
                let before = before.map(str::parse::<ReportId>).transpose();
                (state, before.map_err(|_| wrong_cursor())?)
            }
        };
        let read = self.store.reports(state, None, before, SCAN).await;
        let read = read.map_err(|e| refuse(&e))?;
        let next = match (read.last(), state) {
            (Some(last), _) => Some(format!("{state}:{}", last.id)),
            (None, ReportState::Open) => Some(format!("{}:", ReportState::Resolved)),
            (None, ReportState::Resolved) => None,
        };
        let rows = read.into_iter().filter(|r| r.by == user).map(|r| {
            json!({
                "id": r.id, "room": r.room, "seq": r.seq, "reason": r.reason, "at": r.at,
                "state": r.state, "resolution": r.resolution,
            })
        });
        Ok((rows.collect(), next))
    }
}

impl Ops {
    async fn export_files(&self, user: UserId, cursor: Option<&str>) -> Result<Piece, Refusal> {
        let after = cursor.map(str::parse::<FileId>).transpose();
        let after = after.map_err(|_| wrong_cursor())?;
        let read = self.store.files_of(user, after, SCAN).await;
        let read = read.map_err(|e| refuse(&e))?;
        let next = read.last().map(|file| file.id.to_string());
        let rows = read.iter().map(|file| {
            let (room, message) = file.place.unzip();
            let (width, height) = file.pixels.unzip();
            json!({
                "id": file.id, "name": file.name, "type": file.media, "size": file.size,
                "sha256": file.checksum(), "width": width, "height": height, "at": file.at,
                "room": room, "message": message,
            })
        });
        Ok((rows.collect(), next))
    }
}

/// Takes out of an act by somebody else where they were and what they typed: that is theirs.
fn leave_out_others(row: &mut Value, id: &str) {
    if row["actor"]["user"] == id {
        return;
    }
    if let Some(actor) = row.pointer_mut("/actor").and_then(Value::as_object_mut) {
        actor.remove("session");
    }
    if let Some(fields) = row
        .pointer_mut("/personal/fields")
        .and_then(Value::as_object_mut)
    {
        fields.remove("address");
        fields.remove("command");
    }
}

/// The entries that are wanted, and the rows that do not read: whose they are cannot be told.
fn rows(log: LogId, read: &Readable, wanted: impl Fn(&&Entry) -> bool) -> Vec<Value> {
    let whole = read.entries.iter().filter(wanted).map(row);
    let room = match log {
        LogId::Room(room) => Some(room),
        LogId::User(_) | LogId::Control => None,
    };
    let damaged = read.damaged.iter();
    let damaged = damaged.map(|seq| json!({"kind": DAMAGED, "room": room, "seq": seq}));
    damaged.chain(whole).collect()
}

/// An entry, all of it.
fn row(entry: &Entry) -> Value {
    let mut row = match serde_json::to_value(&entry.payload) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    if let LogId::Room(room) = entry.log {
        row.insert("room".into(), json!(room));
    }
    row.insert("seq".into(), json!(entry.seq));
    row.insert("id".into(), json!(entry.id));
    row.insert("at".into(), json!(entry.at));
    Value::Object(row)
}

type Inside = Option<(RoomId, u64)>;

fn parse_cursor(cursor: Option<&str>) -> Result<(u64, Inside), Refusal> {
    let Some(text) = cursor else {
        return Ok((0, None));
    };
    let mut parts = text.split(':');
    let own = parts.next().and_then(|n| n.parse().ok());
    let own = own.ok_or_else(wrong_cursor)?;
    let inside = match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => None,
        (Some(room), Some(seq), None) => {
            let room = room.parse().map_err(|_| wrong_cursor())?;
            Some((room, seq.parse().map_err(|_| wrong_cursor())?))
        }
        _ => return Err(wrong_cursor()),
    };
    Ok((own, inside))
}

fn wrong_cursor() -> Refusal {
    Refusal::field("cursor", "use the `next` of the piece before")
}
