//! Connections, as those who administer see and close them.

use std::{net::IpAddr, sync::Arc};

use axum::{Json, extract::State};
use ipnet::IpNet;
use serde::Deserialize;

use super::{By, Desk, api, optional};
use crate::{
    door::{JsonBody, PathOf, Problem, QueryOf},
    model::{Reason, Refusal},
    ops::{Asked, ConnRow, MOST_ROWS, Whom},
};

type Answer<T> = Result<Json<T>, Problem>;

/// Which connections, and how many.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// By which column, `-` before it for the largest first: `user`, `address`, `since`, `rooms`, `sent`,
    /// `sent_rate`, `received`, `received_rate`, `waiting`, `lag`; `-sent_rate` when not said.
    sort: Option<String>,
    /// Words that must all hold, such as `user:ana* room:eng* lag>50ms waiting>1KiB`.
    filter: Option<String>,
    /// How many, 1 to 500; 100 when not said.
    limit: Option<usize>,
}

/// A connection as it goes out.
pub(crate) fn conn_body(row: ConnRow) -> api::WatchedConn {
    let connection = row.connection;
    let [sent_rate, received_rate] = row.rates;
    api::WatchedConn {
        id: connection.id.to_string(),
        user: row.user,
        user_id: connection.user.to_string(),
        session: connection.session.to_string(),
        address: connection.address.to_canonical().to_string(),
        since: connection.since,
        device: row.device,
        rooms: row.rooms,
        sent: row.waiting.sent,
        sent_rate,
        received: row.received,
        received_rate,
        waiting: row.waiting.bytes,
        lag_ms: u64::try_from(row.waiting.lag.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Every connection that is open, or those that a filter lets through; rates are since each came. Needs
/// `conn.list`.
#[utoipa::path(
    get, path = "/v1/conns", tag = "server", params(Which), security(("access_token" = [])),
    responses((status = 200, body = api::Rows<api::WatchedConn>))
)]
pub(super) async fn list(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(which): QueryOf<Which>,
) -> Answer<api::Rows<api::WatchedConn>> {
    let limit = which.limit.unwrap_or(100);
    if !(1..=MOST_ROWS).contains(&limit) {
        return Err(Refusal::field("limit", format!("1 to {MOST_ROWS}")).into());
    }
    let asked = Asked {
        sort: which.sort.as_deref(),
        filter: which.filter.as_deref(),
        limit,
    };
    let found = desk.ops.conns(&by, asked).await?;
    Ok(Json(api::Rows {
        total: found.total,
        matched: found.matched,
        rows: found.rows.into_iter().map(conn_body).collect(),
    }))
}

/// One connection, with the rooms it listens to. Needs `conn.list`; somebody over REST is told of public rooms and of
/// their own.
#[utoipa::path(
    get, path = "/v1/conns/{id}", tag = "server", params(("id" = String, Path)),
    security(("access_token" = [])), responses((status = 200, body = api::ConnDetail))
)]
pub(super) async fn show(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    PathOf(id): PathOf<String>,
) -> Answer<api::ConnDetail> {
    let id = id.parse().map_err(|_| Refusal::NotFound("connection"))?;
    let (row, listens_to) = desk.ops.conn(&by, id).await?;
    Ok(Json(api::ConnDetail {
        conn: conn_body(row),
        listens_to,
    }))
}

/// Closes connections, at once; their clients may come back. Needs `conn.kick`, and nobody closes those of people
/// who may do more than themselves.
#[utoipa::path(
    post, path = "/v1/conns/kick", tag = "server", request_body = api::Kick,
    security(("access_token" = [])), responses((status = 200, body = api::Kicked))
)]
pub(super) async fn kick(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    JsonBody(body): JsonBody<api::Kick>,
) -> Answer<api::Kicked> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let whom = match (&body.conn, &body.user, &body.address) {
        (Some(id), None, None) => {
            Whom::Conn(id.parse().map_err(|_| Refusal::NotFound("connection"))?)
        }
        (None, Some(user), None) => Whom::User(desk.user(user).await?),
        (None, None, Some(text)) => Whom::Addresses(network(text)?),
        _ => {
            let why = "say one of conn, user and address";
            return Err(Refusal::field("body", why).into());
        }
    };
    let closed = desk.ops.kick(&by, whom, reason, body.dry_run).await?;
    Ok(Json(api::Kicked { closed }))
}

/// An address, or a network such as `192.0.2.0/24`.
fn network(text: &str) -> Result<IpNet, Refusal> {
    let one = text.parse::<IpAddr>().map(|ip| ip.to_canonical().into());
    one.or_else(|_| text.parse::<IpNet>()).map_err(|_| {
        let why = "an address, or a network such as 192.0.2.0/24";
        Refusal::field("address", why)
    })
}
