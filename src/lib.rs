//! chatd: a self-hosted real-time group-chat server.
//!
//! This library is the daemon. Its modules are floors of a house: imports point down only, modules on one
//! floor do not know each other. `ARCHITECTURE.md` walks through them.

// pub mod auth;
pub mod clock;
// pub mod config;
pub mod id;
pub mod model;
pub mod store;
