//! Reading records.

use rusqlite::{Connection, OptionalExtension, Params, Row, params};

use super::{logs, rows};
use crate::{
    clock::Millis,
    id::{LogId, RoomId, SessionId, UserId},
    model::{
        Code, CodeHash, CodeKind, Email, History, Key, Member, RoleName, Room, RoomName, Session,
        Status, User, Username,
    },
    store::{MANY, RoomRow, Scope},
};

pub(super) const USER: &str = "SELECT * FROM user WHERE id = ?1";
pub(super) const USER_BY_NAME: &str = "SELECT * FROM user WHERE name = ?1";
pub(super) const USER_BY_EMAIL: &str = "SELECT * FROM user WHERE email = ?1 AND email_login = 1";
pub(super) const USERS: &str = "SELECT * FROM user WHERE name > ?1 ORDER BY name LIMIT ?2";

pub(super) const ROOM: &str = "SELECT * FROM room WHERE id = ?1";
pub(super) const PUBLIC_ROOM: &str =
    "SELECT id FROM room WHERE name = ?1 AND kind = 'public' AND deleted_at IS NULL";
pub(super) const ROOMS_NAMED: &str =
    "SELECT id FROM room WHERE name = ?1 AND deleted_at IS NULL ORDER BY id";
pub(super) const ROOMS_NAMED_OF: &str =
    "SELECT r.id FROM member m CROSS JOIN room r ON r.id = m.room
     WHERE m.user = ?1 AND r.name = ?2 AND r.deleted_at IS NULL ORDER BY r.id LIMIT 2";
pub(super) const ROOMS_ALL: &str = "SELECT * FROM room
     WHERE deleted_at IS NULL AND (name, id) > (?1, ?2) ORDER BY name, id LIMIT ?3";
pub(super) const ROOMS_PUBLIC: &str = "SELECT * FROM room
     WHERE kind = 'public' AND deleted_at IS NULL AND (name, id) > (?1, ?2)
     ORDER BY name, id LIMIT ?3";
pub(super) const ROOMS_OF: &str = "SELECT r.* FROM member m CROSS JOIN room r ON r.id = m.room
     WHERE m.user = ?4 AND r.deleted_at IS NULL AND (r.name, r.id) > (?1, ?2)
     ORDER BY r.name, r.id LIMIT ?3";
pub(super) const ROOM_IDS: &str = "SELECT id FROM room WHERE id > ?1 ORDER BY id LIMIT ?2";
pub(super) const ROOM_IDS_OF: &str =
    "SELECT m.room FROM member m CROSS JOIN room r ON r.id = m.room
     WHERE m.user = ?1 AND r.deleted_at IS NULL ORDER BY m.room";
pub(super) const HISTORIES_OF: &str =
    "SELECT m.room, r.history, m.since FROM member m CROSS JOIN room r ON r.id = m.room
     WHERE m.user = ?1 AND r.deleted_at IS NULL ORDER BY m.room";

pub(super) const MEMBER: &str = "SELECT room, user, role, since, at, read_seq, read_n FROM member WHERE room = ?1 AND user = ?2";
pub(super) const MEMBERS: &str = "SELECT room, user, role, since, at, read_seq, read_n FROM member WHERE room = ?1 ORDER BY user";
pub(super) const MEMBER_COUNT: &str = "SELECT count(*) FROM member WHERE room = ?1";
/// The member's columns come first; `role` of both is told apart by position.
pub(super) const MEMBERS_BY_NAME: &str =
    "SELECT m.room, m.user, m.role, m.since, m.at, m.read_seq, m.read_n
     FROM member m CROSS JOIN user u ON u.id = m.user
     WHERE m.room = ?1 AND u.name > ?2 ORDER BY u.name LIMIT ?3";

pub(super) const SESSION: &str = "SELECT * FROM session WHERE id = ?1";
pub(super) const SESSIONS_OF: &str = "SELECT * FROM session
     WHERE user = ?1 AND ended_at IS NULL AND expires_at > ?2 ORDER BY created_at DESC, id DESC";
pub(super) const ENDED: &str = "SELECT id FROM session WHERE ended_at >= ?1";

pub(super) const CODES: &str = "SELECT * FROM code WHERE kind = ?1 AND room IS ?2
     ORDER BY created_at DESC LIMIT ?3";
pub(super) const ROLE_COUNT: &str = "SELECT count(*) FROM user WHERE role = ?1";
pub(super) const ROLE_HOLDERS: &str = "SELECT * FROM user WHERE role = ?1 AND status = ?2 LIMIT ?3";

pub(super) fn user(conn: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    one(conn, USER, [id.as_bytes()], rows::user)
}

pub(super) fn user_by_name(conn: &Connection, name: &Username) -> rusqlite::Result<Option<User>> {
    one(conn, USER_BY_NAME, [name.as_str()], rows::user)
}

pub(super) fn user_by_email(conn: &Connection, email: &Email) -> rusqlite::Result<Option<User>> {
    one(conn, USER_BY_EMAIL, [email.as_str()], rows::user)
}

pub(super) fn users(conn: &Connection, ids: &[UserId]) -> rusqlite::Result<Vec<User>> {
    let snapshot = conn.unchecked_transaction()?;
    ids.iter()
        .filter_map(|id| user(&snapshot, *id).transpose())
        .collect()
}

pub(super) fn list_users(
    conn: &Connection,
    after: Option<&Username>,
    limit: usize,
) -> rusqlite::Result<Vec<User>> {
    let after = after.map_or("", Username::as_str);
    all(conn, USERS, params![after, rows::limit(limit)], rows::user)
}

pub(super) fn room(conn: &Connection, id: RoomId) -> rusqlite::Result<Option<Room>> {
    one(conn, ROOM, [id.as_bytes()], rows::room)
}

pub(super) fn public_room(conn: &Connection, name: &RoomName) -> rusqlite::Result<Option<RoomId>> {
    one(conn, PUBLIC_ROOM, [name.as_str()], room_id)
}

pub(super) fn rooms_named(
    conn: &Connection,
    user: UserId,
    name: &RoomName,
) -> rusqlite::Result<Vec<RoomId>> {
    all(
        conn,
        ROOMS_NAMED_OF,
        params![user.as_bytes(), name.as_str()],
        room_id,
    )
}

pub(super) fn all_rooms_named(conn: &Connection, name: &RoomName) -> rusqlite::Result<Vec<RoomId>> {
    all(conn, ROOMS_NAMED, [name.as_str()], room_id)
}

pub(super) fn room_ids_of(conn: &Connection, user: UserId) -> rusqlite::Result<Vec<RoomId>> {
    all(conn, ROOM_IDS_OF, [user.as_bytes()], room_id)
}

pub(super) fn histories_of(
    conn: &Connection,
    user: UserId,
) -> rusqlite::Result<Vec<(RoomId, History, u64)>> {
    all(conn, HISTORIES_OF, [user.as_bytes()], history)
}

pub(super) fn room_ids(
    conn: &Connection,
    after: Option<RoomId>,
    limit: usize,
) -> rusqlite::Result<Vec<RoomId>> {
    // No room has an id of zeros.
    let after = after.unwrap_or(RoomId::from_bytes([0; 16]));
    let of = params![after.as_bytes(), rows::limit(limit)];
    all(conn, ROOM_IDS, of, room_id)
}

pub(super) fn list_rooms(
    conn: &Connection,
    scope: Scope,
    after: Option<(&RoomName, RoomId)>,
    limit: usize,
) -> rusqlite::Result<Vec<RoomRow>> {
    let snapshot = conn.unchecked_transaction()?;
    // No name is empty, so this is before all of them.
    let (name, id) = after.map_or(("", [0; 16]), |(name, id)| (name.as_str(), *id.as_bytes()));
    let limit = rows::limit(limit);
    let (rooms, asker) = match scope {
        Scope::Of(user) => {
            let of = params![name, id, limit, user.as_bytes()];
            (all(&snapshot, ROOMS_OF, of, rows::room)?, Some(user))
        }
        Scope::Public(user) => (
            all(
                &snapshot,
                ROOMS_PUBLIC,
                params![name, id, limit],
                rows::room,
            )?,
            Some(user),
        ),
        Scope::All => (
            all(&snapshot, ROOMS_ALL, params![name, id, limit], rows::room)?,
            None,
        ),
    };
    rooms
        .into_iter()
        .map(|room| room_row(&snapshot, room, asker))
        .collect()
}

fn room_row(conn: &Connection, room: Room, asker: Option<UserId>) -> rusqlite::Result<RoomRow> {
    let member = match asker {
        Some(user) => one(
            conn,
            MEMBER,
            params![room.id.as_bytes(), user.as_bytes()],
            rows::member,
        )?,
        None => None,
    };
    let members = conn
        .prepare_cached(MEMBER_COUNT)?
        .query_row([room.id.as_bytes()], |row| rows::number(row, 0))?;
    let head = logs::head(conn, LogId::Room(room.id))?;
    Ok(RoomRow {
        room,
        member,
        members,
        head,
    })
}

pub(super) fn members(conn: &Connection, room: RoomId) -> rusqlite::Result<Vec<Member>> {
    all(conn, MEMBERS, [room.as_bytes()], rows::member)
}

pub(super) fn list_members(
    conn: &Connection,
    room: RoomId,
    after: Option<&Username>,
    limit: usize,
) -> rusqlite::Result<Vec<(Member, User)>> {
    let snapshot = conn.unchecked_transaction()?;
    let after = after.map_or("", Username::as_str);
    let of = params![room.as_bytes(), after, rows::limit(limit)];
    all(&snapshot, MEMBERS_BY_NAME, of, rows::member)?
        .into_iter()
        .filter_map(|member| match user(&snapshot, member.user) {
            Ok(user) => user.map(|user| Ok((member, user))),
            Err(e) => Some(Err(e)),
        })
        .collect()
}

pub(super) fn session(conn: &Connection, id: SessionId) -> rusqlite::Result<Option<Session>> {
    one(conn, SESSION, [id.as_bytes()], rows::session)
}

pub(super) fn sessions_of(
    conn: &Connection,
    user: UserId,
    now: Millis,
) -> rusqlite::Result<Vec<Session>> {
    all(
        conn,
        SESSIONS_OF,
        params![user.as_bytes(), now.0],
        rows::session,
    )
}

pub(super) fn ended_sessions(conn: &Connection, since: Millis) -> rusqlite::Result<Vec<SessionId>> {
    all(conn, ENDED, [since.0], |row| {
        Ok(SessionId::from_bytes(row.get(0)?))
    })
}

pub(super) fn code(conn: &Connection, hash: &CodeHash) -> rusqlite::Result<Option<Code>> {
    one(
        conn,
        "SELECT * FROM code WHERE hash = ?1",
        [hash],
        rows::code,
    )
}

pub(super) fn keys(conn: &Connection) -> rusqlite::Result<Vec<Key>> {
    all(
        conn,
        "SELECT * FROM signing_key ORDER BY created_at, kid",
        [],
        rows::key,
    )
}

pub(super) fn codes(
    conn: &Connection,
    kind: CodeKind,
    room: Option<RoomId>,
) -> rusqlite::Result<Vec<Code>> {
    let of = params![
        kind.as_str(),
        room.as_ref().map(RoomId::as_bytes),
        rows::limit(MANY)
    ];
    all(conn, CODES, of, rows::code)
}

pub(super) fn count_role(conn: &Connection, role: &RoleName) -> rusqlite::Result<u64> {
    conn.prepare_cached(ROLE_COUNT)?
        .query_row([role.as_str()], |row| rows::number(row, 0))
}

pub(super) fn role_holders(
    conn: &Connection,
    role: &RoleName,
    status: Status,
    limit: usize,
) -> rusqlite::Result<Vec<User>> {
    let of = params![role.as_str(), status.as_str(), rows::limit(limit)];
    all(conn, ROLE_HOLDERS, of, rows::user)
}

pub(super) fn setting(conn: &Connection, name: &str) -> rusqlite::Result<Option<String>> {
    one(
        conn,
        "SELECT value FROM setting WHERE name = ?1",
        [name],
        |row| row.get(0),
    )
}

/// How many users and undeleted rooms there are, and how many bytes the database takes.
pub(super) fn counts(conn: &Connection) -> rusqlite::Result<(u64, u64, u64)> {
    let count = |sql| conn.query_row(sql, [], |row| rows::number(row, 0));
    let users = count("SELECT count(*) FROM user")?;
    let rooms = count("SELECT count(*) FROM room WHERE deleted_at IS NULL")?;
    let bytes = count("PRAGMA page_count")? * count("PRAGMA page_size")?;
    Ok((users, rooms, bytes))
}

fn history(row: &Row<'_>) -> rusqlite::Result<(RoomId, History, u64)> {
    let history = rows::named(row, "history")?;
    Ok((room_id(row)?, history, rows::number(row, 2)?))
}

fn room_id(row: &Row<'_>) -> rusqlite::Result<RoomId> {
    row.get(0).map(RoomId::from_bytes)
}

pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    conn.prepare_cached(sql)?.query_row(params, read).optional()
}

pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, read)?.collect()
}
