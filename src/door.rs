//! What the doors share: how a request is read, who makes it, and how "no" is said over HTTP.

mod app;
mod body;
mod context;
mod origin;
mod patient;
mod problem;
mod ticket;

/// The protocol of the WebSocket that this server speaks.
pub const PROTOCOL: u32 = 1;

pub use self::{
    app::App,
    body::{JsonBody, MaybeJson, PathOf, QueryOf, is_json, parse_json},
    context::{Context, Peer, attach_context},
    origin::allows_origin,
    patient::Patient,
    problem::{Problem, describe},
    ticket::Ticket,
};
