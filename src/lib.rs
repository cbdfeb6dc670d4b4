//! chatd: a self-hosted real-time group-chat server.
//!
//! This library is the daemon. Its modules are floors of a house: imports point down only, modules on one
//! floor do not know each other. `ARCHITECTURE.md` walks through them; `tests/floors.rs` guards them.

// Floor 0: what everything speaks in.
pub mod clock;
pub mod config;
pub mod feed;
mod hold;
pub mod id;
pub mod logging;
pub mod model;
pub mod objects;
pub mod segment;
pub mod stats;

// Floor 1: each keeps one thing from the rest of the house.
pub mod auth;
pub mod hub;
pub mod limit;
pub mod search;
pub mod shelf;
pub mod store;
pub mod tls;

// Floor 2: the log, and who may.
pub mod log;
pub mod rights;

// Floor 3: each use case once.
pub mod account;
pub mod archive;
pub mod chat;
pub mod files;
pub mod moderation;
pub mod ops;
pub mod redact;
pub mod webhook;

// Floor 4: what the doors share.
pub mod door;

// Floor 5: what two of them mount.
pub mod desk;

// Floor 6: the doors.
pub mod admin;
pub mod http;
pub mod metrics;
pub mod ws;

// Floor 7: the wiring.
pub mod lifecycle;
pub mod server;
