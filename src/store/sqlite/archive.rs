//! Segments, runs and holds: the tables `segment`, `run` and `hold`, and moving entries between them and
//! `entry`.

use bytes::Bytes;
use rusqlite::{Connection, Row, params, types::Type};

use super::{
    overlay,
    place::{Place, seq},
    records::{all, one},
    rows::{self, int, log_key, named, number},
    txns,
};
use crate::{
    clock::Millis,
    id::{EntryId, HoldId, LogId, RoomId, RunId, UserId},
    model::{Hold, HoldOn, Purge, Run, Segment},
    segment::Line,
    store::Write,
};

/// The columns [`segment_row`] reads, in its order.
macro_rules! segment_columns {
    () => {
        "room, last, first, n, first_at, last_at, entries, messages, erased, bytes, size, generation, run,
         purge_run, purge_at, purged_at, restored_at"
    };
}

pub(super) const SEGMENT_FROM: &str = concat!(
    "SELECT ",
    segment_columns!(),
    " FROM segment WHERE room = ?1 AND last >= ?2 ORDER BY last LIMIT 1"
);

pub(super) const SEGMENT_BEFORE: &str = concat!(
    "SELECT ",
    segment_columns!(),
    " FROM segment WHERE room = ?1 AND last < ?2 ORDER BY last DESC LIMIT 1"
);

pub(super) const SEGMENT: &str = concat!(
    "SELECT ",
    segment_columns!(),
    ", data FROM segment WHERE room = ?1 AND last = ?2"
);

pub(super) const SEGMENTS: &str = concat!(
    "SELECT ",
    segment_columns!(),
    " FROM segment WHERE (room, last) > (?1, ?2) ORDER BY room, last LIMIT ?3"
);

pub(super) const LINES: &str = concat!(
    "SELECT ",
    seq!(),
    ", n, at, id, sender, v, kind, data FROM entry WHERE pos > ?1 AND pos <= ?2 ORDER BY pos LIMIT ?3"
);

pub(super) const RUN: &str =
    "SELECT id, kind, state, at, finished_at, detail FROM run WHERE id = ?1";

pub(super) const RUNS: &str = "SELECT id, kind, state, at, finished_at, detail FROM run
     WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

pub(super) const HOLDS: &str = "SELECT * FROM hold ORDER BY id";

const ERASED: &str = "SELECT count(*) FROM overlay
     WHERE room = ?1 AND target >= ?2 AND target <= ?3 AND erased_at IS NOT NULL";

pub(super) fn segment_from(
    conn: &Connection,
    room: RoomId,
    seq: u64,
) -> rusqlite::Result<Option<Segment>> {
    let of = params![room.as_bytes(), int(seq)];
    one(conn, SEGMENT_FROM, of, segment_row)
}

pub(super) fn segment_before(
    conn: &Connection,
    room: RoomId,
    seq: u64,
) -> rusqlite::Result<Option<Segment>> {
    let of = params![room.as_bytes(), int(seq)];
    one(conn, SEGMENT_BEFORE, of, segment_row)
}

pub(super) fn segment(
    conn: &Connection,
    room: RoomId,
    last: u64,
) -> rusqlite::Result<Option<(Segment, Bytes)>> {
    one(conn, SEGMENT, params![room.as_bytes(), int(last)], |row| {
        let data: Option<Vec<u8>> = row.get(17)?;
        Ok((segment_row(row)?, data.unwrap_or_default().into()))
    })
}

pub(super) fn segments(
    conn: &Connection,
    after: Option<(RoomId, u64)>,
    limit: usize,
) -> rusqlite::Result<Vec<Segment>> {
    // No room has an id of zeros.
    let (room, last) = after.unwrap_or((RoomId::from_bytes([0; 16]), 0));
    let of = params![room.as_bytes(), int(last), rows::limit(limit)];
    all(conn, SEGMENTS, of, segment_row)
}

pub(super) fn lines(
    conn: &Connection,
    room: RoomId,
    (after, upto): (u64, u64),
    limit: usize,
    bytes: usize,
) -> rusqlite::Result<Vec<Line>> {
    let Some(place) = Place::of(conn, LogId::Room(room))? else {
        return Ok(Vec::new());
    };
    let mut statement = conn.prepare_cached(LINES)?;
    let of = params![place.at(after), place.at(upto), rows::limit(limit)];
    let mut found = statement.query(of)?;
    let mut lines = Vec::new();
    let mut size = 0;
    while let Some(row) = found.next()? {
        let line = line_row(row)?;
        size += line.data.len();
        lines.push(line);
        if size > bytes {
            break;
        }
    }
    Ok(lines)
}

pub(super) fn run(conn: &Connection, id: RunId) -> rusqlite::Result<Option<Run>> {
    one(conn, RUN, [id.as_bytes()], run_row)
}

pub(super) fn runs(
    conn: &Connection,
    before: Option<RunId>,
    limit: usize,
) -> rusqlite::Result<Vec<Run>> {
    let before = before.unwrap_or(RunId::from_bytes([0xff; 16]));
    let of = params![before.as_bytes(), rows::limit(limit)];
    all(conn, RUNS, of, run_row)
}

pub(super) fn holds(conn: &Connection) -> rusqlite::Result<Vec<Hold>> {
    all(conn, HOLDS, [], hold_row)
}

/// Makes one of the writes that are about the archive; false when what it changes is not as it expected.
pub(super) fn write(conn: &Connection, write: &Write) -> rusqlite::Result<bool> {
    match write {
        Write::InsertSegment(segment, data) => insert_segment(conn, segment, data),
        Write::RewriteSegment(segment, data) => rewrite_segment(conn, segment, data),
        Write::UpdateSegment(segment) => update_segment(conn, segment),
        Write::DeleteSegment { room, last } => delete_segment(conn, *room, *last),
        Write::DeleteLive { room, upto } => delete_live(conn, *room, *upto),
        Write::InsertLive {
            room,
            lines,
            generation,
        } => insert_live(conn, *room, lines, *generation),
        Write::PutRun(run) => put_run(conn, run).map(|()| true),
        Write::PutHold(hold) => put_hold(conn, hold).map(|()| true),
        Write::DeleteHold(id) => {
            conn.prepare_cached("DELETE FROM hold WHERE id = ?1")?
                .execute([id.as_bytes()])?;
            Ok(true)
        }
        _ => Ok(true),
    }
}

/// Whether the segment that has a message is of this generation; none for in no segment.
pub(super) fn is_of(
    conn: &Connection,
    room: RoomId,
    target: u64,
    generation: Option<u32>,
) -> rusqlite::Result<bool> {
    let segment = segment_from(conn, room, target)?;
    let segment = segment.filter(|s| s.covers(target) && s.purged_at.is_none());
    Ok(segment.map(|s| s.generation) == generation)
}

fn insert_segment(conn: &Connection, segment: &Segment, data: &[u8]) -> rusqlite::Result<bool> {
    let before = segment_before(conn, segment.room, u64::MAX)?;
    let follows = match before {
        Some(before) => before.last + 1 == segment.first && before.restored_at.is_none(),
        None => segment.first == 1,
    };
    let range = params![
        segment.room.as_bytes(),
        int(segment.first),
        int(segment.last)
    ];
    let erased = conn
        .prepare_cached(ERASED)?
        .query_row(range, |row| number(row, 0))?;
    if !follows || erased != segment.erased {
        return Ok(false);
    }
    let sql = concat!(
        "INSERT INTO segment (",
        segment_columns!(),
        ", data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)"
    );
    Ok(put_segment(conn, sql, segment, Some(data))? > 0)
}

fn rewrite_segment(conn: &Connection, segment: &Segment, data: &[u8]) -> rusqlite::Result<bool> {
    let sql = "UPDATE segment SET first = ?3, n = ?4, first_at = ?5, last_at = ?6, entries = ?7,
         messages = ?8, erased = ?9, bytes = ?10, size = ?11, generation = ?12, run = ?13, purge_run = ?14,
         purge_at = ?15, purged_at = ?16, restored_at = ?17, data = ?18
         WHERE room = ?1 AND last = ?2 AND generation = ?12 - 1 AND purged_at IS NULL";
    Ok(put_segment(conn, sql, segment, Some(data))? > 0)
}

fn update_segment(conn: &Connection, segment: &Segment) -> rusqlite::Result<bool> {
    let sql = "UPDATE segment SET first = ?3, n = ?4, first_at = ?5, last_at = ?6, entries = ?7,
         messages = ?8, erased = ?9, bytes = ?10, size = ?11, generation = ?12, run = ?13, purge_run = ?14,
         purge_at = ?15, purged_at = ?16, restored_at = ?17,
         data = CASE WHEN ?16 IS NULL THEN data ELSE ?18 END
         WHERE room = ?1 AND last = ?2 AND generation = ?12 - 1 AND purged_at IS NULL";
    let done = put_segment(conn, sql, segment, None)? > 0;
    if let Some(at) = segment.purged_at.filter(|_| done) {
        overlay::purge(conn, segment.room, (segment.first, segment.last), at)?;
    }
    Ok(done)
}

fn put_segment(
    conn: &Connection,
    sql: &str,
    segment: &Segment,
    data: Option<&[u8]>,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params![
        segment.room.as_bytes(),
        int(segment.last),
        int(segment.first),
        int(segment.n),
        segment.first_at.0,
        segment.last_at.0,
        int(segment.entries),
        int(segment.messages),
        int(segment.erased),
        int(segment.bytes),
        int(segment.size),
        segment.generation,
        segment.run.as_bytes(),
        segment.purge.as_ref().map(|purge| purge.run.as_bytes()),
        segment.purge.map(|purge| purge.at.0),
        segment.purged_at.map(|at| at.0),
        segment.restored_at.map(|at| at.0),
        data,
    ])
}

fn delete_segment(conn: &Connection, room: RoomId, last: u64) -> rusqlite::Result<bool> {
    let gone = conn
        .prepare_cached(
            "DELETE FROM segment WHERE room = ?1 AND last = ?2 AND restored_at IS NOT NULL",
        )?
        .execute(params![room.as_bytes(), int(last)])?;
    Ok(gone > 0)
}

fn delete_live(conn: &Connection, room: RoomId, upto: u64) -> rusqlite::Result<bool> {
    let segment = segment_from(conn, room, upto)?;
    let sealed = segment.is_some_and(|s| s.covers(upto) && s.is_sealed());
    let log = LogId::Room(room);
    if !sealed || super::logs::head(conn, log)?.seq <= upto {
        return Ok(false);
    }
    if let Some(place) = Place::of(conn, log)? {
        txns::forget(conn, place, upto)?;
        conn.prepare_cached("DELETE FROM entry WHERE pos >= ?1 AND pos <= ?2")?
            .execute([place.at(0), place.at(upto)])?;
    }
    Ok(true)
}

fn insert_live(
    conn: &Connection,
    room: RoomId,
    lines: &[Line],
    generation: u32,
) -> rusqlite::Result<bool> {
    for line in lines.first().into_iter().chain(lines.last()) {
        if !is_of(conn, room, line.seq, Some(generation))? {
            return Ok(false);
        }
    }
    let place = Place::made(conn, log_key(LogId::Room(room)).as_bytes())?;
    let mut insert = conn.prepare_cached(
        "INSERT INTO entry (pos, n, at, id, sender, v, kind, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (pos) DO NOTHING",
    )?;
    for line in lines {
        insert.execute(params![
            place.at(line.seq),
            int(line.n),
            line.at.0,
            line.id.as_bytes(),
            line.from.as_ref().map(UserId::as_bytes),
            line.version,
            line.kind,
            line.data,
        ])?;
    }
    Ok(true)
}

fn put_run(conn: &Connection, run: &Run) -> rusqlite::Result<()> {
    conn.prepare_cached(
        "INSERT INTO run (id, kind, state, at, finished_at, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, state = excluded.state, at = excluded.at,
         finished_at = excluded.finished_at, detail = excluded.detail",
    )?
    .execute(params![
        run.id.as_bytes(),
        run.kind.as_str(),
        run.state.as_str(),
        run.at.0,
        run.finished_at.map(|at| at.0),
        rows::json(&run.detail)?,
    ])?;
    Ok(())
}

fn put_hold(conn: &Connection, hold: &Hold) -> rusqlite::Result<()> {
    let (room, user) = match &hold.on {
        HoldOn::Room(room) => (Some(room.as_bytes()), None),
        HoldOn::User(user) => (None, Some(user.as_bytes())),
    };
    conn.prepare_cached(
        "INSERT INTO hold (id, room, user, reason, made_by, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (id) DO UPDATE SET room = excluded.room, user = excluded.user,
         reason = excluded.reason, made_by = excluded.made_by, at = excluded.at",
    )?
    .execute(params![
        hold.id.as_bytes(),
        room,
        user,
        hold.reason.as_str(),
        hold.by.as_ref().map(UserId::as_bytes),
        hold.at.0,
    ])?;
    Ok(())
}

fn segment_row(row: &Row<'_>) -> rusqlite::Result<Segment> {
    let purge = row.get::<_, Option<_>>(13)?.map(RunId::from_bytes);
    let purge_at = row.get::<_, Option<_>>(14)?.map(Millis);
    Ok(Segment {
        room: RoomId::from_bytes(row.get(0)?),
        last: number(row, 1)?,
        first: number(row, 2)?,
        n: number(row, 3)?,
        first_at: Millis(row.get(4)?),
        last_at: Millis(row.get(5)?),
        entries: number(row, 6)?,
        messages: number(row, 7)?,
        erased: number(row, 8)?,
        bytes: number(row, 9)?,
        size: number(row, 10)?,
        generation: row.get(11)?,
        run: RunId::from_bytes(row.get(12)?),
        purge: purge.zip(purge_at).map(|(run, at)| Purge { run, at }),
        purged_at: row.get::<_, Option<_>>(15)?.map(Millis),
        restored_at: row.get::<_, Option<_>>(16)?.map(Millis),
    })
}

fn line_row(row: &Row<'_>) -> rusqlite::Result<Line> {
    Ok(Line {
        seq: number(row, 0)?,
        n: number(row, 1)?,
        at: Millis(row.get(2)?),
        id: EntryId::from_bytes(row.get(3)?),
        from: row.get::<_, Option<_>>(4)?.map(UserId::from_bytes),
        version: row.get(5)?,
        kind: row.get(6)?,
        data: row.get(7)?,
    })
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<Run> {
    let detail = serde_json::from_str(row.get_ref(5)?.as_str()?)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(5, Type::Text, Box::new(e)))?;
    Ok(Run {
        id: RunId::from_bytes(row.get(0)?),
        kind: named(row, "kind")?,
        state: named(row, "state")?,
        at: Millis(row.get(3)?),
        finished_at: row.get::<_, Option<_>>(4)?.map(Millis),
        detail,
    })
}

fn hold_row(row: &Row<'_>) -> rusqlite::Result<Hold> {
    let room = row.get::<_, Option<_>>("room")?.map(RoomId::from_bytes);
    let user = row.get::<_, Option<_>>("user")?.map(UserId::from_bytes);
    let on = match (room, user) {
        (Some(room), _) => HoldOn::Room(room),
        (None, Some(user)) => HoldOn::User(user),
        (None, None) => return Err(rows::damaged(1, "a hold on nothing".into())),
    };
    Ok(Hold {
        id: HoldId::from_bytes(row.get("id")?),
        on,
        reason: named(row, "reason")?,
        by: row.get::<_, Option<_>>("made_by")?.map(UserId::from_bytes),
        at: Millis(row.get("at")?),
    })
}
