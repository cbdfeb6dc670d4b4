//! Figures for Prometheus, on a listener of their own: who watches from afar needs no account, and clients
//! never reach it.
//!
//! What there is stands in one table, from which `docs/metrics.md` is made as well. Labels have few values, all
//! known beforehand: no rooms, users or addresses. A scrape asks no store; a task looks every now and then how
//! that is, and what it saw last is told.

mod listen;
mod pulse;
mod reading;
mod reference;
mod table;
mod text;

pub use self::{listen::serve, pulse::Pulse, reference::reference};
