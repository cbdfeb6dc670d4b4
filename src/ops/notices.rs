//! Saying something to everyone who is connected. It is said once and kept nowhere: who is not there misses it.

use serde::Serialize;
use serde_json::json;

use super::Ops;
use crate::{
    clock::Millis,
    hub::Frame,
    id::{LogId, RoomId},
    model::{Authority, NoticeText, Permission, Refusal},
    rights,
};

/// The event, as clients get it.
#[derive(Serialize)]
struct Event<'a> {
    ev: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<RoomId>,
    text: &'a NoticeText,
    at: Millis,
}

impl Ops {
    /// Tells everybody, or those who listen to a room; answers how many connections were told.
    pub async fn send_notice(
        &self,
        by: &Authority,
        text: NoticeText,
        room: Option<RoomId>,
        dry_run: bool,
    ) -> Result<u64, Refusal> {
        self.check(by, Permission::NoticeSend).await?;
        let logs: Vec<LogId> = room.into_iter().map(LogId::from).collect();
        let (touches, asker, said) = (by.touching(&logs), by.clone(), text.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&asker, |who| rights::may(who, Permission::NoticeSend))?;
                if let Some(room) = room {
                    let live = draft.open_room(room)?;
                    if !Self::sees(&asker, &live.facts()) {
                        return Err(Refusal::NotFound("room"));
                    }
                }
                // What it says may name somebody.
                let personal = [("text", said.as_str())];
                let target = room.map(|room| room.to_string());
                draft.act(
                    "notice.send",
                    &asker.actor(),
                    target,
                    json!(null),
                    &personal,
                );
                Ok(())
            });
        done.await?;
        if dry_run {
            return Ok(match room {
                Some(room) => self.hub.listening(room).len() as u64,
                None => self.stats.connections.get(),
            });
        }
        let event = Event {
            ev: "notice",
            room,
            text: &text,
            at: self.clock.now(),
        };
        Ok(self.hub.announce(room, &Frame::json(&event)))
    }
}
