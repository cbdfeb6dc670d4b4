//! How runs are shown.

use std::collections::HashMap;

use super::super::{Desk, api::archive as api};
use crate::{
    archive::totals,
    id::RoomId,
    model::{Authority, Origin, Refusal, Run, RunDetail, RunKind, RunRoom},
};

/// How many names of rooms are looked up at a time.
const ROOMS: usize = 500;

impl Desk {
    /// A run as it is shown.
    pub(super) async fn shown(&self, by: &Authority, run: Run) -> Result<api::Run, Refusal> {
        let actor = &run.detail.actor;
        let who = match (&actor.origin, by, actor.user) {
            (_, _, Some(user)) => {
                let mut names = self.archive.log.names([user]).await?;
                Some(
                    names
                        .remove(&user)
                        .map_or_else(|| user.to_string(), Into::into),
                )
            }
            (Origin::Admin { uid, sudo_user, .. }, Authority::Operator(_), None) => {
                Some(match sudo_user {
                    Some(name) => format!("uid {uid} ({name})"),
                    None => format!("uid {uid}"),
                })
            }
            _ => None,
        };
        let mut shown = self.planned(run.kind, run.detail).await?;
        shown.id = Some(run.id.to_string());
        shown.state = Some(run.state);
        shown.at = run.at;
        shown.finished_at = run.finished_at;
        shown.by = who;
        shown.dry_run = false;
        Ok(shown)
    }

    /// What a run would do, as it is shown.
    pub(super) async fn planned(
        &self,
        kind: RunKind,
        detail: RunDetail,
    ) -> Result<api::Run, Refusal> {
        let (entries, segments) = totals(&detail);
        let sum = |of: fn(&RunRoom) -> u64| detail.rooms.iter().map(of).sum();
        let (messages, bytes, size) = (sum(|r| r.messages), sum(|r| r.bytes), sum(|r| r.size));
        let names = self.room_names(detail.rooms.iter().map(|r| r.room)).await?;
        Ok(api::Run {
            id: None,
            kind,
            state: None,
            at: self.archive.clock.now(),
            finished_at: None,
            scheduled: detail.scheduled,
            before: detail.before,
            rate: detail.rate,
            of: detail.of.map(|id| id.to_string()),
            purge_at: detail.purge_at,
            by: None,
            planned: detail.planned,
            segments,
            entries,
            messages,
            bytes,
            size,
            held: 0,
            later: 0,
            rooms: detail
                .rooms
                .into_iter()
                .map(|r| api::RunRoom {
                    id: r.room.to_string(),
                    name: names.get(&r.room).cloned(),
                    first: r.first,
                    last: r.last,
                    segments: r.segments,
                    entries: r.entries,
                    messages: r.messages,
                    bytes: r.bytes,
                    size: r.size,
                    error: r.error,
                })
                .collect(),
            error: detail.error,
            dry_run: true,
        })
    }

    /// What rooms are called.
    pub(super) async fn room_names(
        &self,
        rooms: impl Iterator<Item = RoomId>,
    ) -> Result<HashMap<RoomId, String>, Refusal> {
        let mut ids: Vec<_> = rooms.collect();
        ids.sort_unstable();
        ids.dedup();
        let mut names = HashMap::new();
        for ids in ids.chunks(ROOMS) {
            let rooms = self.archive.store.rooms(ids).await;
            let rooms = rooms.map_err(|e| crate::log::refuse(&e))?;
            names.extend(rooms.into_iter().map(|r| (r.id, r.name.into())));
        }
        Ok(names)
    }
}
