//! The outgoing webhook, and incoming hooks of rooms.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// How the outgoing webhook stands.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Webhook {
    /// Where events are sent, without what is secret in it; none where the settings name no place.
    pub place: Option<String>,
    /// `off`, `paused`, `well`, or `trouble` while something was refused and waits.
    pub state: String,
    /// Rooms that are not told to their end.
    pub rooms_behind: u64,
    /// Of them those whose next event was refused.
    pub rooms_held: u64,
    /// Of when the oldest of those events is.
    #[schema(value_type = Option<i64>)]
    pub held_since: Option<Millis>,
    /// When something is tried again.
    #[schema(value_type = Option<i64>)]
    pub next_try: Option<Millis>,
    /// When something was taken last.
    #[schema(value_type = Option<i64>)]
    pub last_ok: Option<Millis>,
    /// When something was not, last.
    #[schema(value_type = Option<i64>)]
    pub failed_at: Option<Millis>,
    /// Why; none when something was taken since.
    pub error: Option<String>,
    /// How many deliveries were taken since the server began.
    pub delivered: u64,
    /// How many tries were not.
    pub failed: u64,
    /// How many entries of rooms were passed over: too old, or skipped.
    pub skipped: u64,
}

/// An act on the webhook.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookAct {
    /// Why; kept in the audit log.
    pub reason: Option<String>,
    /// Check everything and change nothing.
    pub dry_run: bool,
}

/// What came of a try.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WebhookTest {
    /// Where it was sent, without what is secret in it.
    pub place: String,
    /// Its `webhook-id`.
    pub id: String,
    /// Whether it was taken.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub body: String,
    /// How long it took, in milliseconds.
    pub took_ms: Option<u64>,
    /// Whether nothing was sent.
    pub dry_run: bool,
}

/// An incoming hook: what posts into one room by a URL.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Hook {
    /// The bot by which it posts: its id.
    pub user: String,
    /// The bot's name, which is the hook's.
    pub name: String,
    /// The room's id.
    pub room: String,
    /// When its URL was made.
    #[schema(value_type = i64)]
    pub created_at: Millis,
}

/// A hook to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHook {
    /// What it is called: the name of the bot that is made for it.
    pub name: String,
    /// Check everything and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// How a hook gets another URL.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RotateHook {
    /// Check everything and change nothing.
    pub dry_run: bool,
}

/// A hook with its URL.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct HookMade {
    /// The hook.
    #[serde(flatten)]
    pub hook: Hook,
    /// Where to `POST`, shown this once; a path alone where `server.public_url` is not set. None in a dry run.
    pub url: Option<String>,
    /// The secret in the URL, for who sends it as `Authorization: Bearer`. None in a dry run.
    pub token: Option<String>,
    /// Whether nothing was done.
    pub dry_run: bool,
}

impl std::fmt::Debug for HookMade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HookMade")
            .field("hook", &self.hook)
            .finish_non_exhaustive()
    }
}
