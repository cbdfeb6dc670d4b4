//! One write to a record, as statements.

use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Params, params};

use super::{
    super::{
        archive, files, moderation, overlay,
        place::Place,
        rows::{self, int},
    },
    Halt,
};
use crate::{
    id::{LogId, RoomId, SessionId, UserId},
    model::{
        Code, DeviceName, DisplayName, Email, Key, Member, MoveOn, Read, Report, Room, RoomKind,
        Session, Title, Topic, User,
    },
    store::{Outcome, Write, payload},
};

const INSERT_USER: &str = "INSERT INTO user (id, name, display_name, email, email_login, role, status, password, created_at,
             bot, presence) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPDATE_USER: &str =
    "UPDATE user SET name = ?2, display_name = ?3, email = ?4, email_login = ?5, role = ?6,
             status = ?7, password = ?8, created_at = ?9, bot = ?10, presence = ?11 WHERE id = ?1";
const INSERT_ROOM: &str =
    "INSERT INTO room (id, name, kind, title, topic, history, owner, created_at, deleted_at, rules,
             people) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPDATE_ROOM: &str =
    "UPDATE room SET name = ?2, kind = ?3, title = ?4, topic = ?5, history = ?6, owner = ?7,
             created_at = ?8, deleted_at = ?9, rules = ?10, people = ?11 WHERE id = ?1";
const INSERT_SESSION: &str =
    "INSERT INTO session (id, user, device, address, created_at, used_at, expires_at, ended_at,
             anchor, current, previous, seed, rotated_at, version, scopes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const UPDATE_SESSION: &str =
    "UPDATE session SET user = ?2, device = ?3, address = ?4, created_at = ?5, used_at = ?6,
             expires_at = ?7, ended_at = ?8, anchor = ?9, current = ?10, previous = ?11, seed = ?12,
             rotated_at = ?13, version = ?14, scopes = ?15 WHERE id = ?1 AND version = ?14 - 1";

/// Versions are raised: whoever is about to refresh such a session is stale.
pub(in super::super) const END_SESSIONS: &str =
    "UPDATE session SET ended_at = ?3, version = version + 1
     WHERE user = ?1 AND ended_at IS NULL AND id IS NOT ?2";

pub(in super::super) const READ: &str =
    "UPDATE member SET read_seq = ?3, read_n = ?4 WHERE room = ?1 AND user = ?2";
pub(in super::super) const MOVE_ON: &str = "UPDATE member SET read_seq = ?3, read_n = ?4
     WHERE room = ?1 AND read_seq >= ?2 AND read_seq < ?3";
pub(in super::super) const MOVE_ONE_ON: &str = "UPDATE member SET read_seq = ?3, read_n = ?4
     WHERE room = ?1 AND user = ?5 AND read_seq >= ?2 AND read_seq < ?3";

const NAME_TAKEN: &str = "SELECT 1 FROM user WHERE name = ?1 AND id <> ?2";
const EMAIL_TAKEN: &str = "SELECT 1 FROM user WHERE email = ?1 AND email_login = 1 AND id <> ?2";
const ROOM_TAKEN: &str =
    "SELECT 1 FROM room WHERE name = ?1 AND kind = 'public' AND deleted_at IS NULL AND id <> ?2";

/// Makes one write.
#[expect(clippy::too_many_lines, reason = "an arm for each write there is")]
pub(super) fn make(conn: &Connection, write: &Write) -> Result<(), Halt> {
    match write {
        Write::InsertUser(user) => put_user(conn, user, INSERT_USER),
        Write::UpdateUser(user) => put_user(conn, user, UPDATE_USER),
        Write::InsertRoom(room) => put_room(conn, room, INSERT_ROOM),
        Write::UpdateRoom(room) => put_room(conn, room, UPDATE_ROOM),
        Write::PutMember(member) => put_member(conn, member),
        Write::Read(reads) => read(conn, reads),
        Write::MoveOn(on) => move_on(conn, on),
        Write::DeleteMember(room, user) => {
            conn.prepare_cached("DELETE FROM member WHERE room = ?1 AND user = ?2")?
                .execute(params![room.as_bytes(), user.as_bytes()])?;
            Ok(())
        }
        Write::InsertSession(session) => put_session(conn, session, INSERT_SESSION),
        Write::UpdateSession(session) => put_session(conn, session, UPDATE_SESSION),
        Write::EndSessions { user, except, at } => {
            conn.prepare_cached(END_SESSIONS)?.execute(params![
                user.as_bytes(),
                except.as_ref().map(SessionId::as_bytes),
                at.0
            ])?;
            Ok(())
        }
        Write::DeleteSessions(user) => {
            conn.prepare_cached("DELETE FROM session WHERE user = ?1")?
                .execute([user.as_bytes()])?;
            Ok(())
        }
        Write::ErasePersonal(seq) => erase_personal(conn, *seq),
        Write::InsertCode(code) => put_code(conn, code),
        Write::TakeCode(hash) => {
            expect_row(
                conn.prepare_cached("UPDATE code SET uses = uses - 1 WHERE hash = ?1")?
                    .execute([hash]),
            )?;
            conn.prepare_cached("DELETE FROM code WHERE hash = ?1 AND uses < 1")?
                .execute([hash])?;
            Ok(())
        }
        Write::DeleteCode(hash) => expect_row(
            conn.prepare_cached("DELETE FROM code WHERE hash = ?1")?
                .execute([hash]),
        ),
        Write::DeleteCodes(user) => {
            conn.prepare_cached("DELETE FROM code WHERE user = ?1")?
                .execute([user.as_bytes()])?;
            Ok(())
        }
        Write::PutKey(key) => put_key(conn, key),
        Write::PutSetting(name, value) => {
            conn.prepare_cached(
                "INSERT INTO setting (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            )?
            .execute([name, value])?;
            Ok(())
        }
        Write::Edit(_)
        | Write::Delete(_)
        | Write::Restore { .. }
        | Write::Erase { .. }
        | Write::EraseEdit { .. }
        | Write::React(_)
        | Write::Unreact { .. }
        | Write::EraseReaction { .. }
        | Write::Pin(_)
        | Write::Unpin { .. }
        | Write::Reply { .. }
        | Write::Mention(_)
        | Write::PutRedaction(_) => expect_true(overlay::write(conn, write)?),
        Write::InsertSegment(..)
        | Write::RewriteSegment(..)
        | Write::UpdateSegment(_)
        | Write::DeleteSegment { .. }
        | Write::DeleteLive { .. }
        | Write::InsertLive { .. }
        | Write::PutRun(_)
        | Write::PutHold(_)
        | Write::DeleteHold(_) => expect_true(archive::write(conn, write)?),
        Write::InsertFile(_)
        | Write::AttachFile { .. }
        | Write::DropFile { .. }
        | Write::DeleteFile(_) => expect_row(files::write(conn, write)),
        Write::PutRole(role) => Ok(moderation::put_role(conn, role)?),
        Write::DeleteRole(name) => Ok(moderation::delete_role(conn, name)?),
        Write::PutSanction(sanction) => Ok(moderation::put_sanction(conn, sanction)?),
        Write::DeleteSanction { kind, user, room } => {
            Ok(moderation::delete_sanction(conn, *kind, *user, *room)?)
        }
        Write::PutAddressBan(ban) => Ok(moderation::put_address_ban(conn, ban)?),
        Write::DeleteAddressBan(network) => Ok(moderation::delete_address_ban(conn, *network)?),
        Write::InsertReport(report) => insert_report(conn, report),
        Write::UpdateReport(report) => expect_row(moderation::put_report(
            conn,
            report,
            moderation::UPDATE_REPORT,
        )),
        Write::SetEpoch(epoch) => {
            conn.prepare_cached("UPDATE meta SET value = ?1 WHERE name = 'epoch'")?
                .execute([epoch.as_bytes()])?;
            Ok(())
        }
    }
}

fn erase_personal(conn: &Connection, seq: u64) -> Result<(), Halt> {
    let Some(place) = Place::of(conn, LogId::Control)? else {
        return Ok(());
    };
    let data: Option<String> = conn
        .prepare_cached("SELECT data FROM entry WHERE pos = ?1 AND kind = 'act'")?
        .query_row([place.at(seq)], |row| row.get(0))
        .optional()?;
    let bare = data.as_deref().and_then(payload::without_personal);
    if let Some(bare) = bare {
        conn.prepare_cached("UPDATE entry SET data = ?2 WHERE pos = ?1")?
            .execute(params![place.at(seq), bare])?;
    }
    Ok(())
}

fn insert_report(conn: &Connection, report: &Report) -> Result<(), Halt> {
    match moderation::put_report(conn, report, moderation::INSERT_REPORT) {
        Err(e) if is_constraint(&e) && moderation::is_reported(conn, report)? => {
            Err(Halt::Not(Outcome::Exists("report")))
        }
        done => expect_row(done),
    }
}

fn put_user(conn: &Connection, user: &User, sql: &str) -> Result<(), Halt> {
    let done = conn.prepare_cached(sql)?.execute(params![
        user.id.as_bytes(),
        user.name.as_str(),
        user.display_name.as_ref().map(DisplayName::as_str),
        user.email.as_ref().map(Email::as_str),
        user.email_login,
        user.role.as_str(),
        user.status.as_str(),
        user.password,
        user.created_at.0,
        user.bot,
        user.presence,
    ]);
    match done {
        Err(e) if is_constraint(&e) => {
            let id = user.id.as_bytes();
            let email = user
                .email
                .as_ref()
                .filter(|_| user.email_login)
                .map(Email::as_str);
            let outcome = if is_there(conn, NAME_TAKEN, params![user.name.as_str(), id])? {
                Outcome::Exists("username")
            } else if is_there(conn, EMAIL_TAKEN, params![email, id])? {
                Outcome::Exists("email")
            } else {
                Outcome::Stale
            };
            Err(Halt::Not(outcome))
        }
        done => expect_row(done),
    }
}

fn put_room(conn: &Connection, room: &Room, sql: &str) -> Result<(), Halt> {
    let done = conn.prepare_cached(sql)?.execute(params![
        room.id.as_bytes(),
        room.name.as_str(),
        room.kind.as_str(),
        room.title.as_ref().map(Title::as_str),
        room.topic.as_ref().map(Topic::as_str),
        room.history.as_str(),
        room.owner.as_bytes(),
        room.created_at.0,
        room.deleted_at.map(|at| at.0),
        rows::json(&room.rules)?,
        (!room.people.is_empty())
            .then(|| rows::json(&room.people))
            .transpose()?,
    ]);
    match done {
        Err(e) if is_constraint(&e) => {
            let taken = params![room.name.as_str(), room.id.as_bytes()];
            let found = room.kind == RoomKind::Public && room.deleted_at.is_none();
            let taken = found && is_there(conn, ROOM_TAKEN, taken)?;
            let outcome = if taken {
                Outcome::Exists("room name")
            } else {
                Outcome::Stale
            };
            Err(Halt::Not(outcome))
        }
        done => expect_row(done),
    }
}

fn put_member(conn: &Connection, member: &Member) -> Result<(), Halt> {
    conn.prepare_cached(
        "INSERT INTO member (room, user, role, since, at, read_seq, read_n)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (room, user)
         DO UPDATE SET role = excluded.role, since = excluded.since, at = excluded.at",
    )?
    .execute(params![
        member.room.as_bytes(),
        member.user.as_bytes(),
        member.role.as_str(),
        int(member.since),
        member.at.0,
        int(member.read.seq),
        int(member.read.n),
    ])?;
    Ok(())
}

fn read(conn: &Connection, reads: &[Read]) -> Result<(), Halt> {
    let mut update = conn.prepare_cached(READ)?;
    for Read { room, user, upto } in reads {
        update.execute(params![
            room.as_bytes(),
            user.as_bytes(),
            int(upto.seq),
            int(upto.n)
        ])?;
    }
    Ok(())
}

fn move_on(conn: &Connection, on: &MoveOn) -> Result<(), Halt> {
    let (from, upto, n) = (int(on.from), int(on.upto.seq), int(on.upto.n));
    let room = on.room.as_bytes();
    match on.user {
        Some(user) => conn.prepare_cached(MOVE_ONE_ON)?.execute(params![
            room,
            from,
            upto,
            n,
            user.as_bytes()
        ])?,
        None => conn
            .prepare_cached(MOVE_ON)?
            .execute(params![room, from, upto, n])?,
    };
    Ok(())
}

fn put_session(conn: &Connection, session: &Session, sql: &str) -> Result<(), Halt> {
    expect_row(conn.prepare_cached(sql)?.execute(params![
        session.id.as_bytes(),
        session.user.as_bytes(),
        session.device.as_ref().map(DeviceName::as_str),
        session.address,
        session.created_at.0,
        session.used_at.0,
        session.expires_at.0,
        session.ended_at.map(|at| at.0),
        session.anchor,
        session.current,
        session.previous,
        session.seed,
        session.rotated_at.0,
        int(session.version),
        session.scopes.as_ref().map(rows::json).transpose()?,
    ]))
}

fn put_code(conn: &Connection, code: &Code) -> Result<(), Halt> {
    let done = conn
        .prepare_cached(
            "INSERT INTO code (hash, kind, user, role, created_at, expires_at, room, uses, made_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            code.hash,
            code.kind.as_str(),
            code.user.as_ref().map(UserId::as_bytes),
            code.role.as_str(),
            code.created_at.0,
            code.expires_at.0,
            code.room.as_ref().map(RoomId::as_bytes),
            code.uses,
            code.by.as_ref().map(UserId::as_bytes),
        ]);
    expect_row(done)
}

fn put_key(conn: &Connection, key: &Key) -> Result<(), Halt> {
    conn.prepare_cached(
        "INSERT INTO signing_key (kid, public, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (kid) DO UPDATE SET public = excluded.public, created_at = excluded.created_at,
         expires_at = excluded.expires_at",
    )?
    .execute(params![
        key.kid,
        key.public,
        key.created_at.0,
        key.expires_at.0
    ])?;
    Ok(())
}

/// A write of one row: none written, or its primary key taken, is a record that was not as expected.
fn expect_row(done: rusqlite::Result<usize>) -> Result<(), Halt> {
    match done {
        Ok(0) => Err(Halt::Not(Outcome::Stale)),
        Ok(_) => Ok(()),
        Err(e) if is_constraint(&e) => Err(Halt::Not(Outcome::Stale)),
        Err(e) => Err(e.into()),
    }
}

/// A write that found the record as it expected, or not.
fn expect_true(done: bool) -> Result<(), Halt> {
    if done {
        Ok(())
    } else {
        Err(Halt::Not(Outcome::Stale))
    }
}

pub(super) fn is_constraint(e: &rusqlite::Error) -> bool {
    e.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

/// Whether a query finds anything. SQLite does not promise which of several indexes it names when a row
/// clashes, so what is taken is asked for.
fn is_there(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<bool> {
    conn.prepare_cached(sql)?.exists(params)
}
