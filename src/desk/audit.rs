//! The control log, for operators and for those who may read it.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use serde::Deserialize;

use super::{By, Desk, api, api::audit, users::wrong_cursor};
use crate::{
    clock::Millis,
    door::{Problem, QueryOf},
    model::{self, Origin, Refusal, UserRef},
    ops::{AuditFilter, AuditPage, Audited, Known},
    store::RawEntry,
};

type Answer<T> = Result<Json<T>, Problem>;

/// As many raw rows as a page may have.
const ROWS: usize = 1000;

/// Which acts, and from which end.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Only what this account did: id or name.
    user: Option<String>,
    /// Only such acts: `user.role`, or `user.*` for all about users.
    act: Option<String>,
    /// Only what was done to this: an id, or the name of a user or room.
    target: Option<String>,
    /// Not before this, in milliseconds since 1970.
    since: Option<i64>,
    /// Before this, in milliseconds since 1970.
    until: Option<i64>,
    /// `newest` first (the default) or `oldest`.
    #[param(value_type = Option<String>)]
    order: Option<Order>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    limit: Option<usize>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Newest,
    Oldest,
}

/// Who did what: the audit log, the newest first. A page may be short, and even empty, before the last one.
/// Needs `audit.read`.
#[utoipa::path(
    get, path = "/v1/audit", tag = "audit", params(Asked), security(("access_token" = [])),
    responses((status = 200, body = api::List<audit::Act>))
)]
pub(super) async fn acts(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(asked): QueryOf<Asked>,
) -> Answer<api::List<audit::Act>> {
    let act = asked.act.as_deref().map(str::parse).transpose();
    let filter = AuditFilter {
        user: asked.user.as_deref().map(UserRef::parse).transpose()?,
        act: act.map_err(|e: model::Invalid| Refusal::field("act", e))?,
        target: asked.target,
        since: asked.since.map(Millis),
        until: asked.until.map(Millis),
    };
    let after = asked.cursor.as_deref().map(str::parse).transpose();
    let page = AuditPage {
        newest_first: asked.order.unwrap_or_default() == Order::Newest,
        cursor: after.map_err(|_| wrong_cursor())?,
        limit: match asked.limit.unwrap_or(50) {
            limit @ 1..=200 => limit,
            _ => return Err(Refusal::field("limit", "1 to 200").into()),
        },
    };
    let found = desk.ops.audit(&by, filter, page).await?;
    let items = found
        .rows
        .iter()
        .map(|(row, act)| body(row, act.as_ref(), &found));
    Ok(Json(api::List {
        items: items.collect(),
        next: found.next.map(|seq| seq.to_string()),
    }))
}

/// Which rows.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Raw {
    /// Those after this number.
    after: Option<u64>,
    /// How many, at most 1000.
    limit: Option<usize>,
}

/// The audit log as it lies in the store, the oldest first, to verify it; docs/audit.md says how. Needs
/// `audit.read`.
#[utoipa::path(
    get, path = "/v1/audit/rows", tag = "audit", params(Raw), security(("access_token" = [])),
    responses((status = 200, body = audit::Rows))
)]
pub(super) async fn rows(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(raw): QueryOf<Raw>,
) -> Answer<audit::Rows> {
    let limit = raw.limit.unwrap_or(ROWS).clamp(1, ROWS);
    let after = raw.after.unwrap_or(0);
    let (items, head) = desk.ops.audit_rows(&by, after, limit).await?;
    Ok(Json(audit::Rows { items, head }))
}

/// Which moment.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Moment {
    /// In milliseconds since 1970.
    since: i64,
}

/// Where a moment is in the audit log. Needs `audit.read`.
#[utoipa::path(
    get, path = "/v1/audit/position", tag = "audit", params(Moment),
    security(("access_token" = [])), responses((status = 200, body = audit::Position))
)]
pub(super) async fn position(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    QueryOf(moment): QueryOf<Moment>,
) -> Answer<audit::Position> {
    let seq = desk.ops.audit_position(&by, Millis(moment.since)).await?;
    Ok(Json(audit::Position { seq }))
}

fn body(row: &RawEntry, act: Option<&model::Act>, found: &Audited) -> audit::Act {
    let name = |id: &str| {
        found.names.get(id).map(|known| match known {
            Known::User(name) => name.to_string(),
            Known::Room(name) => name.to_string(),
        })
    };
    let target = |id: String| audit::Target {
        name: name(&id),
        id,
    };
    let text = act.map_or_else(String::new, |act| act.detail.to_string());
    let mentioned = found.names.keys().filter(|id| text.contains(id.as_str()));
    let names: BTreeMap<_, _> = mentioned
        .filter_map(|id| Some((id.clone(), name(id)?)))
        .collect();
    let fields = act.and_then(|act| act.personal.as_ref());
    let mut personal = fields.map_or_else(BTreeMap::new, |p| p.fields.clone());
    let claims = Claims {
        address: personal.remove("address"),
        command: personal.remove("command"),
    };
    audit::Act {
        seq: row.seq,
        at: row.at.map(Millis),
        act: act.map(|act| act.act.clone()),
        actor: act.map(|act| actor(&act.actor, claims, target)),
        target: act.and_then(|act| act.target.clone()).map(target),
        detail: act.map(|act| act.detail.clone()).unwrap_or_default(),
        erased: act.is_some_and(|act| act.personal.is_none() && act.personal_digest.is_some()),
        personal,
        names,
        hash: act.map(|act| act.hash.clone()).unwrap_or_default(),
    }
}

/// What an actor's particulars say of them.
struct Claims {
    address: Option<String>,
    command: Option<String>,
}

fn actor(
    actor: &model::Actor,
    claims: Claims,
    target: impl Fn(String) -> audit::Target,
) -> audit::Actor {
    let mut shown = audit::Actor {
        door: String::new(),
        user: actor.user.map(|id| target(id.to_string())),
        session: actor.session.map(|id| id.to_string()),
        address: claims.address,
        request: actor.request.clone(),
        uid: None,
        gid: None,
        pid: None,
        name: None,
        level: None,
        command: claims.command,
        sudo_user: None,
    };
    let door = match &actor.origin {
        Origin::Rest => "rest",
        Origin::Ws => "ws",
        Origin::Server => "server",
        Origin::Admin {
            uid,
            gid,
            pid,
            name,
            level,
            sudo_user,
            ..
        } => {
            shown.name.clone_from(name);
            shown.level = *level;
            (shown.uid, shown.gid, shown.pid) = (Some(*uid), Some(*gid), *pid);
            shown.sudo_user.clone_from(sudo_user);
            "admin"
        }
    };
    door.clone_into(&mut shown.door);
    shown
}
