//! Reading the settings anew.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::{By, Desk, api, optional};
use crate::{
    door::{MaybeJson, Problem},
    model::Reason,
    ops::Changed,
};

/// Reads the settings anew, from the file, the variables and the flags that the server was started with, and
/// takes over what can change while it runs. Where anything is wrong, nothing is changed: 400 `invalid_field`
/// with the field `config`, and a line for everything that is wrong.
#[utoipa::path(
    post, path = "/v1/config/reload", tag = "server", request_body = Option<api::NewReload>,
    responses((status = 200, body = api::Reload))
)]
pub(super) async fn reload(
    State(desk): State<Arc<Desk>>,
    By(by): By,
    MaybeJson(body): MaybeJson<api::NewReload>,
) -> Result<Json<api::Reload>, Problem> {
    let reason = optional(body.reason.as_deref(), "reason", Reason::parse)?;
    let reloaded = desk.ops.reload(&by, reason, body.dry_run).await?;
    Ok(Json(api::Reload {
        changed: reloaded.changed.iter().map(shown).collect(),
        recorded: (!body.dry_run).then_some(reloaded.recorded),
    }))
}

fn shown(changed: &Changed) -> api::ChangedSetting {
    let difference = &changed.difference;
    api::ChangedSetting {
        key: difference.key.into(),
        before: difference.before.clone(),
        after: difference.after.clone(),
        changes: difference.applies.as_str().into(),
        overruled: changed.overruled.map(Into::into),
    }
}
