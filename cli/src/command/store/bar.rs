//! How far something is, on a terminal: one bar on stderr, which leaves nothing behind.

use std::{collections::HashMap, time::Duration};

use indicatif::ProgressBar;

use crate::{
    console::Console,
    output::{bar, escape},
};

const TEMPLATE: &str = "{msg:<9} [{bar:30}] {percent:>3} %  {pos} of {len} records, {eta} to go";

/// A bar over several tables.
pub(super) struct Bar {
    bar: ProgressBar,
    /// What is done of each table.
    done: HashMap<String, u64>,
}

impl Bar {
    /// A bar, where somebody sees it. How long it gets is known later.
    pub(super) fn new(console: &Console) -> Self {
        Self {
            bar: bar(console, TEMPLATE),
            done: HashMap::new(),
        }
    }

    /// How many records there are in all.
    pub(super) fn total(&self, records: u64) {
        self.bar.set_length(records);
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// So many of a table are done.
    pub(super) fn at(&mut self, table: &str, done: u64) {
        self.bar.set_message(escape(table).into_owned());
        self.done.insert(table.to_owned(), done);
        self.bar.set_position(self.done.values().sum());
    }

    /// Something else is counted from here on, so much of it.
    pub(super) fn next(&mut self, many: u64) {
        self.again();
        self.bar.set_length(many);
    }

    /// From the beginning again, for another round.
    pub(super) fn again(&mut self) {
        self.done.clear();
        self.bar.set_position(0);
        self.bar.reset_eta();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
