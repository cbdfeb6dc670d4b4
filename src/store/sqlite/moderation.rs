//! Roles, sanctions, banned addresses and reports: reading and writing them.

use std::str::FromStr;

use ipnet::IpNet;
use rusqlite::{Connection, Row, params};

use super::{
    archive,
    records::{all, one},
    rows::{self, damaged, int, named, named_optional, number},
};
use crate::{
    clock::Millis,
    id::{EntryId, ReportId, RoomId, UserId},
    model::{
        AddressBan, Reason, Report, ReportState, Role, RoleName, Sanction, SanctionKind, Title,
    },
    store::PolicyState,
};

/// `room` of what holds everywhere.
const EVERYWHERE: &[u8] = &[];

pub(super) const ROLES: &str = "SELECT * FROM role ORDER BY name";
pub(super) const SETTINGS: &str = "SELECT name, value FROM setting ORDER BY name";
pub(super) const ADDRESS_BANS: &str = "SELECT * FROM address_ban ORDER BY network";
pub(super) const SANCTIONS_IN: &str = "SELECT * FROM sanction WHERE room = ?1 ORDER BY user, kind";
pub(super) const SANCTIONS_OF: &str =
    "SELECT * FROM sanction WHERE room = x'' AND user = ?1 ORDER BY kind";
pub(super) const SANCTIONS: &str = "SELECT * FROM sanction
     WHERE room = ?1 AND (user, kind) > (?2, ?3) ORDER BY user, kind LIMIT ?4";
pub(super) const REPORT: &str = "SELECT * FROM report WHERE id = ?1";
pub(super) const REPORTS: &str =
    "SELECT * FROM report WHERE state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
pub(super) const REPORTS_IN: &str =
    "SELECT * FROM report WHERE room = ?4 AND state = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";

/// Greater than every id.
const LAST: [u8; 16] = [0xff; 16];

pub(super) fn policy(conn: &Connection) -> rusqlite::Result<PolicyState> {
    Ok(PolicyState {
        roles: all(conn, ROLES, [], role)?,
        settings: all(conn, SETTINGS, [], |row| Ok((row.get(0)?, row.get(1)?)))?,
        address_bans: all(conn, ADDRESS_BANS, [], address_ban)?,
        holds: archive::holds(conn)?,
    })
}

/// All sanctions in a room.
pub(super) fn sanctions_in(conn: &Connection, room: RoomId) -> rusqlite::Result<Vec<Sanction>> {
    all(conn, SANCTIONS_IN, [room.as_bytes()], sanction)
}

/// The sanctions that somebody has everywhere.
pub(super) fn sanctions_of(conn: &Connection, user: UserId) -> rusqlite::Result<Vec<Sanction>> {
    all(conn, SANCTIONS_OF, [user.as_bytes()], sanction)
}

pub(super) fn sanctions(
    conn: &Connection,
    room: Option<RoomId>,
    after: Option<(UserId, SanctionKind)>,
    limit: usize,
) -> rusqlite::Result<Vec<Sanction>> {
    let (user, kind) = after.map_or(([0; 16], ""), |(user, kind)| {
        (*user.as_bytes(), kind.as_str())
    });
    let of = params![place(room.as_ref()), user, kind, rows::limit(limit)];
    all(conn, SANCTIONS, of, sanction)
}

pub(super) fn report(conn: &Connection, id: ReportId) -> rusqlite::Result<Option<Report>> {
    one(conn, REPORT, [id.as_bytes()], report_row)
}

pub(super) fn reports(
    conn: &Connection,
    state: ReportState,
    room: Option<RoomId>,
    before: Option<ReportId>,
    limit: usize,
) -> rusqlite::Result<Vec<Report>> {
    let before = before.map_or(LAST, |id| *id.as_bytes());
    let (state, limit) = (state.as_str(), rows::limit(limit));
    match room {
        Some(room) => {
            let of = params![state, before, limit, room.as_bytes()];
            all(conn, REPORTS_IN, of, report_row)
        }
        None => all(conn, REPORTS, params![state, before, limit], report_row),
    }
}

pub(super) fn put_role(conn: &Connection, role: &Role) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO role (name, description, permissions, created_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET description = excluded.description,
         permissions = excluded.permissions, created_at = excluded.created_at",
    )?
    .execute(params![
        role.name.as_str(),
        role.description.as_ref().map(Title::as_str),
        rows::json(&role.permissions)?,
        role.created_at.0,
    ])
    .map(drop)
}

pub(super) fn delete_role(conn: &Connection, name: &RoleName) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM role WHERE name = ?1")?
        .execute([name.as_str()])
        .map(drop)
}

pub(super) fn put_sanction(conn: &Connection, s: &Sanction) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO sanction (room, user, kind, until, reason, made_by, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        place(s.room.as_ref()),
        s.user.as_bytes(),
        s.kind.as_str(),
        s.until.map(|at| at.0),
        s.reason.as_ref().map(Reason::as_str),
        s.by.as_ref().map(UserId::as_bytes),
        s.at.0,
    ])
    .map(drop)
}

pub(super) fn delete_sanction(
    conn: &Connection,
    kind: SanctionKind,
    user: UserId,
    room: Option<RoomId>,
) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM sanction WHERE room = ?1 AND user = ?2 AND kind = ?3")?
        .execute(params![
            place(room.as_ref()),
            user.as_bytes(),
            kind.as_str()
        ])
        .map(drop)
}

pub(super) fn put_address_ban(conn: &Connection, ban: &AddressBan) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO address_ban (network, until, reason, made_by, at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        ban.network.to_string(),
        ban.until.map(|at| at.0),
        ban.reason.as_ref().map(Reason::as_str),
        ban.by.as_ref().map(UserId::as_bytes),
        ban.at.0,
    ])
    .map(drop)
}

pub(super) fn delete_address_ban(conn: &Connection, network: IpNet) -> rusqlite::Result<()> {
    conn.prepare_cached("DELETE FROM address_ban WHERE network = ?1")?
        .execute([network.to_string()])
        .map(drop)
}

/// Whether this person has reported this message.
pub(super) fn is_reported(conn: &Connection, report: &Report) -> rusqlite::Result<bool> {
    conn.prepare_cached("SELECT 1 FROM report WHERE room = ?1 AND seq = ?2 AND made_by = ?3")?
        .exists(params![
            report.room.as_bytes(),
            int(report.seq),
            report.by.as_bytes()
        ])
}

pub(super) const INSERT_REPORT: &str =
    "INSERT INTO report (id, room, seq, message, author, made_by, reason, at,
     state, resolution, resolved_by, resolved_at)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
pub(super) const UPDATE_REPORT: &str =
    "UPDATE report SET room = ?2, seq = ?3, message = ?4, author = ?5,
     made_by = ?6, reason = ?7, at = ?8, state = ?9, resolution = ?10, resolved_by = ?11,
     resolved_at = ?12 WHERE id = ?1 AND state = 'open'";

pub(super) fn put_report(conn: &Connection, r: &Report, sql: &str) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params![
        r.id.as_bytes(),
        r.room.as_bytes(),
        int(r.seq),
        r.message.as_bytes(),
        r.author.as_ref().map(UserId::as_bytes),
        r.by.as_bytes(),
        r.reason.as_str(),
        r.at.0,
        r.state.as_str(),
        r.resolution.as_ref().map(Reason::as_str),
        r.resolved_by.as_ref().map(UserId::as_bytes),
        r.resolved_at.map(|at| at.0),
    ])
}

fn place(room: Option<&RoomId>) -> &[u8] {
    room.map_or(EVERYWHERE, |room| room.as_bytes())
}

fn user_id(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<UserId>> {
    Ok(row.get::<_, Option<_>>(column)?.map(UserId::from_bytes))
}

fn until(row: &Row<'_>) -> rusqlite::Result<Option<Millis>> {
    Ok(row.get::<_, Option<_>>("until")?.map(Millis))
}

fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    Ok(Role {
        name: named(row, "name")?,
        description: named_optional(row, "description")?,
        permissions: rows::from_json(row, "permissions")?,
        created_at: Millis(row.get("created_at")?),
    })
}

fn sanction(row: &Row<'_>) -> rusqlite::Result<Sanction> {
    let column = row.as_ref().column_index("room")?;
    let room = row.get_ref(column)?.as_blob()?;
    let room = match (room.is_empty(), room.try_into()) {
        (true, _) => None,
        (false, Ok(id)) => Some(RoomId::from_bytes(id)),
        (false, Err(_)) => return Err(damaged(column, "a room's id has 16 bytes".into())),
    };
    Ok(Sanction {
        kind: named(row, "kind")?,
        user: UserId::from_bytes(row.get("user")?),
        room,
        until: until(row)?,
        reason: named_optional(row, "reason")?,
        by: user_id(row, "made_by")?,
        at: Millis(row.get("at")?),
    })
}

fn address_ban(row: &Row<'_>) -> rusqlite::Result<AddressBan> {
    let column = row.as_ref().column_index("network")?;
    let text = row.get_ref(column)?.as_str()?;
    let network = IpNet::from_str(text).map_err(|e| damaged(column, format!("{text:?}: {e}")))?;
    Ok(AddressBan {
        network,
        until: until(row)?,
        reason: named_optional(row, "reason")?,
        by: user_id(row, "made_by")?,
        at: Millis(row.get("at")?),
    })
}

fn report_row(row: &Row<'_>) -> rusqlite::Result<Report> {
    Ok(Report {
        id: ReportId::from_bytes(row.get("id")?),
        room: RoomId::from_bytes(row.get("room")?),
        seq: number(row, row.as_ref().column_index("seq")?)?,
        message: EntryId::from_bytes(row.get("message")?),
        author: user_id(row, "author")?,
        by: UserId::from_bytes(row.get("made_by")?),
        reason: named(row, "reason")?,
        at: Millis(row.get("at")?),
        state: named(row, "state")?,
        resolution: named_optional(row, "resolution")?,
        resolved_by: user_id(row, "resolved_by")?,
        resolved_at: row.get::<_, Option<_>>("resolved_at")?.map(Millis),
    })
}
