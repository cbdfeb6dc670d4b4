//! Keeping order: muting and banning people, in a room or everywhere; reports of messages; banned addresses.
//! Each use case stands here once, for members whose role allows it and for operators ([`Authority`]).

mod addresses;
mod reports;
mod sanctions;

use std::sync::Arc;

pub use self::sanctions::NewSanction;
use crate::{
    clock::Clock,
    id::RoomId,
    limit::Limits,
    log::{LiveRoom, Log},
    model::{Authority, Permission, Refusal, Who},
    rights::{self, InRoom},
    store::Store,
};

/// The use cases of moderation, with what they need.
#[derive(Clone, Debug)]
pub struct Moderation {
    /// Where things become durable.
    pub log: Log,
    /// Where they are read.
    pub store: Arc<dyn Store>,
    /// How often.
    pub limits: Arc<Limits>,
    /// The time.
    pub clock: Clock,
    /// Held while an admin may be lost; the same that `ops` holds.
    pub admins: Arc<tokio::sync::Mutex<()>>,
}

impl Moderation {
    /// Refuses what an authority may not do in a room, as things stand: for reading. A room they may not
    /// see does not exist.
    async fn check_in_room(
        &self,
        by: &Authority,
        id: RoomId,
        what: InRoom,
    ) -> Result<Arc<LiveRoom>, Refusal> {
        let room = self.log.room(id).await?.ok_or(Refusal::NotFound("room"))?;
        if room.facts().room.deleted_at.is_some() {
            return Err(Refusal::NotFound("room"));
        }
        self.check(by, |who| {
            rights::may_in_room(who, &room.facts(), what).map(drop)
        })
        .await?;
        Ok(room)
    }

    /// Refuses what an authority may not do, as things stand.
    async fn check(
        &self,
        by: &Authority,
        check: impl FnOnce(&Who<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let Authority::Caller(caller) = by else {
            return Ok(());
        };
        let live = self.log.user(caller.user).await?;
        let live = live.ok_or(Refusal::NotFound("user"))?;
        let now = self.clock.now();
        live.with(|p| check(&p.who(caller.scopes, now)))
    }

    /// The same for a permission on the server.
    async fn check_permission(&self, by: &Authority, what: Permission) -> Result<(), Refusal> {
        self.check(by, |who| rights::may(who, what)).await
    }
}
