//! What reading costs, counted for tests: of each thread by itself, and a test has one.

use std::cell::Cell;

thread_local! {
    /// Segments that were opened.
    pub(super) static SEGMENTS: Cell<usize> = const { Cell::new(0) };
    /// Questions to SQLite.
    pub(super) static READS: Cell<usize> = const { Cell::new(0) };
}
