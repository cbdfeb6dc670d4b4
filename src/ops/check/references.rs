//! Whether what records refer to exists.

use std::collections::HashMap;

use super::record;
use crate::{
    id::LogId,
    store::raw::{self, Row, Table, Value},
};

/// Ids that were referred to and not met yet, with one of the places where.
#[derive(Debug, Default)]
pub(super) struct References {
    wanted: HashMap<(Table, [u8; 16]), String>,
    /// The log whose entries are read, so that its owner is noted once.
    log: Vec<u8>,
}

impl References {
    /// Takes in a record. The tables come each before those it refers to.
    pub(super) fn take(&mut self, table: Table, row: &Row) {
        let own = row.key(table)[0].id();
        if let Some(id) = own {
            self.wanted.remove(&(table, id));
        }
        for (field, value) in table.spec().fields.iter().zip(&row.0) {
            if let (Some(other), Some(id)) = (field.refers, value.id()) {
                self.want(other, id, || {
                    format!("{}, its {}", row.place(table), field.sqlite)
                });
            }
        }
        if table == Table::Entries
            && let Value::Bytes(log) = &row.0[0]
            && *log != self.log
        {
            self.log.clone_from(log);
            let place = || row.place(table);
            match raw::log(log) {
                Some(LogId::Room(id)) => self.want(Table::Rooms, *id.as_bytes(), place),
                Some(LogId::User(id)) => self.want(Table::Users, *id.as_bytes(), place),
                Some(LogId::Control) | None => {}
            }
        }
    }

    fn want(&mut self, table: Table, id: [u8; 16], place: impl FnOnce() -> String) {
        self.wanted.entry((table, id)).or_insert_with(place);
    }

    /// What was not met, in the order of its places.
    pub(super) fn dangling(self) -> Vec<(String, String)> {
        let wanted = self.wanted.into_iter();
        let mut dangling: Vec<_> = wanted
            .map(|((table, id), place)| {
                let what = format!("it refers to {}, which does not exist", record(table, id));
                (place, what)
            })
            .collect();
        dangling.sort();
        dangling
    }
}
