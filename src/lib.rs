//! chatd: a self-hosted real-time group-chat server.
//!
//! This library is the daemon. Its modules are floors of a house: imports point down only, modules on one
//! floor do not know each other. `ARCHITECTURE.md` walks through them.

pub mod clock;
pub mod id;
pub mod limit;
pub mod model;
pub mod store;
pub mod hub;
pub mod log;
pub mod stats;
pub mod rights;
