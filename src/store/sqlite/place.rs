//! Where entries lie. An entry's `pos` is the number of its log and, in the lower [`SEQ_BITS`] bits, its `seq`: so the
//! entries of a log lie together and in order, in a tree whose inner pages have nothing but numbers. A log has its number
//! from its first entry on (table `log`).

use rusqlite::{Connection, OptionalExtension as _, ffi};

use super::rows::log_key;
use crate::id::LogId;

/// How many bits a `seq` has: 275 thousand million entries, which is 8 years of a thousand a second in one room.
pub(super) const SEQ_BITS: u32 = 38;

/// The last `seq` there may be.
pub(super) const LAST: u64 = (1 << SEQ_BITS) - 1;

/// The highest number a log may have: 33 million of them.
const LAST_LOG: i64 = (1 << (63 - SEQ_BITS)) - 1;

/// The `seq` of an entry, as an expression of SQL. `LAST` is in it.
macro_rules! seq {
    () => {
        "pos & 0x3fffffffff"
    };
}
pub(super) use seq;

/// The number of an entry's log, as an expression of SQL. `SEQ_BITS` is in it.
macro_rules! log_no {
    () => {
        "pos >> 38"
    };
}
pub(super) use log_no;

pub(super) const NUMBER: &str = "SELECT no FROM log WHERE key = ?1";

/// Where the entries of a log lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The log's number.
    pub(super) log: i64,
}

impl Place {
    /// That of a log; none when it has no entry.
    pub(super) fn of(conn: &Connection, log: LogId) -> rusqlite::Result<Option<Self>> {
        Self::of_key(conn, log_key(log).as_bytes())
    }

    /// That of the log that is named like this.
    pub(super) fn of_key(conn: &Connection, key: &[u8]) -> rusqlite::Result<Option<Self>> {
        let number = conn
            .prepare_cached(NUMBER)?
            .query_row([key], |row| row.get(0));
        Ok(number.optional()?.map(|log| Self { log }))
    }

    /// The same, made when there is none yet.
    pub(super) fn made(conn: &Connection, key: &[u8]) -> rusqlite::Result<Self> {
        if let Some(place) = Self::of_key(conn, key)? {
            return Ok(place);
        }
        let log = conn
            .prepare_cached("INSERT INTO log (key) VALUES (?1)")?
            .insert([key])?;
        if log > LAST_LOG {
            return Err(full("the store has as many logs as it can have"));
        }
        Ok(Self { log })
    }

    /// The `pos` of the entry with this `seq`, or of the last there may be.
    pub(super) fn at(self, seq: u64) -> i64 {
        let seq = i64::try_from(seq.min(LAST)).unwrap_or_default();
        (self.log << SEQ_BITS) | seq
    }

    /// The `pos` that the first entry cannot be before, and that of the last there may be.
    pub(super) fn ends(self) -> (i64, i64) {
        (self.at(0), self.at(LAST))
    }
}

/// Says that there is no more room.
pub(super) fn full(why: &str) -> rusqlite::Error {
    let error = ffi::Error::new(ffi::SQLITE_FULL);
    rusqlite::Error::SqliteFailure(error, Some(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{LAST, LAST_LOG, Place, SEQ_BITS};

    #[test]
    fn the_numbers_in_sql_are_those_in_the_code() {
        assert_eq!(seq!(), format!("pos & {LAST:#x}"));
        assert_eq!(log_no!(), format!("pos >> {SEQ_BITS}"));
    }

    #[test]
    fn no_place_is_in_another_log() {
        let (here, next) = (Place { log: 7 }, Place { log: 8 });
        assert!(here.at(u64::MAX) < next.at(0));
        assert_eq!(here.ends(), (here.at(0), here.at(LAST)));
        assert_eq!(here.at(LAST) + 1, next.at(0));
        assert_eq!(Place { log: LAST_LOG }.at(LAST), i64::MAX);
    }
}
