//! Files as operators look through them: those of a filter, in one of two orders, and how many that are.

use rusqlite::{Connection, params_from_iter, types::Value};

use super::{super::rows, file_row, usage_row};
use crate::model::{File, FileFilter, FileOrder, FilePlace, FileState, Usage};

/// What is asked, and what goes into its places.
pub(in super::super) struct Query {
    pub(in super::super) sql: String,
    values: Vec<Value>,
}

impl Query {
    /// A page of the files that a filter lets through, from the first after a place.
    pub(in super::super) fn page(
        filter: &FileFilter,
        order: FileOrder,
        after: Option<FilePlace>,
        limit: usize,
    ) -> Self {
        let mut query = Self::of("SELECT * FROM file", filter);
        match (order, after) {
            (_, None) => {}
            (FileOrder::Newest, Some(after)) => query.and("id < ?", after.id.as_bytes().to_vec()),
            (FileOrder::Largest, Some(FilePlace { size, id })) => {
                query.and("(size, id) < (?, ?)", rows::int(size));
                query.values.push(id.as_bytes().to_vec().into());
            }
        }
        query.sql.push_str(match order {
            FileOrder::Newest => " ORDER BY id DESC LIMIT ?",
            FileOrder::Largest => " ORDER BY size DESC, id DESC LIMIT ?",
        });
        query.values.push(rows::limit(limit).into());
        query
    }

    /// How many a filter lets through, and how many bytes they have.
    pub(in super::super) fn sum(filter: &FileFilter) -> Self {
        Self::of("SELECT count(*), coalesce(sum(size), 0) FROM file", filter)
    }

    fn of(select: &str, filter: &FileFilter) -> Self {
        let mut query = Self {
            sql: format!("{select} WHERE 1"),
            values: Vec::new(),
        };
        if let Some(owner) = filter.owner {
            query.and("owner = ?", owner.as_bytes().to_vec());
        }
        if let Some(room) = filter.room {
            query.and("room = ?", room.as_bytes().to_vec());
        }
        query.sql.push_str(match filter.state {
            None => "",
            Some(FileState::Attached) => " AND room IS NOT NULL AND gone_at IS NULL",
            Some(FileState::Unused) => " AND room IS NULL AND gone_at IS NULL",
            Some(FileState::Gone) => " AND gone_at IS NOT NULL",
        });
        if let Some(above) = filter.above {
            query.and("size > ?", rows::int(above));
        }
        match &filter.media {
            Some(media) if media.open => {
                query.and("type >= ?", media.text.clone());
                query.and("type < ?", media.end());
            }
            Some(media) => query.and("type = ?", media.text.clone()),
            None => {}
        }
        query
    }

    fn and(&mut self, what: &str, value: impl Into<Value>) {
        self.sql.push_str(" AND ");
        self.sql.push_str(what);
        self.values.push(value.into());
    }
}

pub(in super::super) fn list(conn: &Connection, query: &Query) -> rusqlite::Result<Vec<File>> {
    let mut asked = conn.prepare(&query.sql)?;
    let found = asked.query_map(params_from_iter(&query.values), file_row)?;
    found.collect()
}

pub(in super::super) fn sum(conn: &Connection, query: &Query) -> rusqlite::Result<Usage> {
    let mut asked = conn.prepare(&query.sql)?;
    asked.query_row(params_from_iter(&query.values), usage_row)
}

/// Every kind of question that is asked, for whoever looks at how it is answered.
#[cfg(test)]
pub(in super::super) fn kinds() -> Vec<String> {
    use crate::{
        clock::Millis,
        id::{FileId, UserId},
    };
    let all = FileFilter::default();
    let mine = FileFilter {
        owner: Some(UserId::new(Millis(1))),
        ..all.clone()
    };
    let after = Some(FilePlace {
        size: 1,
        id: FileId::from_bytes([1; 16]),
    });
    [
        Query::page(&all, FileOrder::Newest, after, 9),
        Query::page(&all, FileOrder::Largest, after, 9),
        Query::page(&mine, FileOrder::Newest, after, 9),
        Query::sum(&mine),
    ]
    .map(|query| query.sql)
    .into()
}
