//! What a session does about requests that change a message: they need the store, so each becomes the session's
//! one piece of [`super::Work`].

use std::{future::Future, sync::Arc};

use serde_json::Value;

use super::{Session, Then, ops::locate};
use crate::{
    chat::{NewEdit, NewPin, NewReaction},
    door::App,
    id::{LogId, RoomId},
    model::{Authority, Caller, Refusal},
    redact::Removal,
    ws::{
        reply::{self, Id},
        request,
    },
};

impl Session {
    pub(super) fn edit(&mut self, id: Id, edit: request::Edit) {
        self.change(id, edit.room, move |app, caller, room| async move {
            let new = NewEdit {
                room,
                target: edit.target,
                body: edit.body,
                txn: edit.txn,
            };
            let done = app.chat.edit(&caller, &new).await?;
            Ok(reply::changed(&done))
        });
    }

    pub(super) fn delete(&mut self, id: Id, delete: request::Delete) {
        self.change(id, delete.room, move |app, caller, room| async move {
            let removal = Removal {
                room,
                target: delete.target,
                txn: delete.txn,
                reason: delete.reason,
            };
            let by = Authority::Caller(caller);
            let done = app.redact.delete(&by, &removal).await?;
            Ok(reply::deleted(&done))
        });
    }

    pub(super) fn react(&mut self, id: Id, react: request::React) {
        self.change(id, react.room, move |app, caller, room| async move {
            let new = NewReaction {
                room,
                target: react.target,
                emoji: react.emoji,
                on: react.on,
                txn: react.txn,
            };
            let done = app.chat.react(&caller, &new).await?;
            Ok(reply::reacted(&done))
        });
    }

    pub(super) fn pin(&mut self, id: Id, pin: request::Pin) {
        self.change(id, pin.room, move |app, caller, room| async move {
            let new = NewPin {
                room,
                target: pin.target,
                on: pin.on,
                txn: pin.txn,
            };
            let done = app.chat.pin(&caller, &new).await?;
            Ok(reply::pinned(&done))
        });
    }

    /// Finds the room, does it, and answers.
    fn change<F>(
        &mut self,
        id: Id,
        room: String,
        act: impl FnOnce(Arc<App>, Caller, RoomId) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<Value, Refusal>> + Send,
    {
        let Some(known) = &self.known else { return };
        let (app, caller) = (Arc::clone(&self.app), known.caller.clone());
        let connection = Arc::clone(&known.connection);
        self.work = Some(Box::pin(async move {
            let done = async {
                let (log, _) = locate(&app, &connection, &room).await?;
                let LogId::Room(room) = log else {
                    return Err(Refusal::NotFound("room"));
                };
                act(Arc::clone(&app), caller, room).await
            };
            connection.outbox.push(match done.await {
                Ok(done) => reply::ok(id, done),
                Err(refusal) => reply::err(id, &refusal, None),
            });
            Then::Nothing
        }));
    }
}
