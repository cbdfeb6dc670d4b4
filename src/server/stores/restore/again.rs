//! Erasing again, in a store that went back, whom and what was erased since; and putting the restore on record.

use serde_json::json;
use tokio::runtime::Handle;

use super::{Left, Restored, Wanted};
use crate::{
    admin::{self, Client, Peer, api, operator_here},
    id::UserId,
    model::{Authority, Reason, Refusal, Status},
    server::{Error, core::Core},
    store::erasures::Listed,
};

/// How often erasing somebody again waits for the redaction that it takes.
const TRIES: u32 = 100;

/// Erases again what was erased since, and puts the restore on record.
pub(super) async fn finish(
    core: &Core,
    listed: &Listed,
    wanted: &Wanted,
    made: &mut Restored,
) -> Result<(), Error> {
    let by = operator_here(&wanted.command).await;
    let router = admin::router(core.desk(None), Handle::current());
    let client = Client::local(router, Peer::this()).await?;
    let client = client.with_command(&wanted.command);
    for (&user, &messages) in &listed.persons {
        let there = core.app.store.users(&[user]).await?;
        if there.iter().all(|user| user.status == Status::Erased) {
            continue;
        }
        match erase(core, &client, user, messages).await {
            Ok(()) => made.erased_again.push(user.to_string()),
            Err(admin::Error::Refused(refused)) => made.not_erased.push(Left {
                who: user.to_string(),
                why: refused.detail,
            }),
            Err(e) => return Err(e.into()),
        }
    }
    let texts = listed.texts.iter().copied();
    match core.app.redact.erase_again(&by, texts).await {
        Ok(texts) => made.texts_again = texts,
        Err(refusal @ (Refusal::Conflict(_) | Refusal::Forbidden(_))) => {
            made.not_erased.push(Left {
                who: "texts".into(),
                why: refusal.to_string(),
            });
        }
        Err(refusal) => return Err(Error::Refused(refusal)),
    }
    delete_files(core, &by, listed, made).await?;
    record(core, &by, made).await
}

/// Deletes again the files whose bytes an operator took out.
async fn delete_files(
    core: &Core,
    by: &Authority,
    listed: &Listed,
    made: &mut Restored,
) -> Result<(), Error> {
    let reason = Reason::parse("deleted before the restore").ok();
    for &file in &listed.files {
        match core
            .app
            .files
            .remove(by, file, reason.as_ref(), false)
            .await
        {
            Ok(done) if done.before => {}
            Ok(_) => made.files_again += 1,
            // It came later than the backup.
            Err(Refusal::NotFound(_)) => {}
            Err(refusal @ (Refusal::Conflict(_) | Refusal::Forbidden(_))) => {
                made.not_erased.push(Left {
                    who: format!("file {file}"),
                    why: refusal.to_string(),
                });
            }
            Err(refusal) => return Err(Error::Refused(refusal)),
        }
    }
    Ok(())
}

/// Takes the steps that `chatd user erase` takes.
async fn erase(
    core: &Core,
    client: &Client,
    user: UserId,
    messages: bool,
) -> Result<(), admin::Error> {
    let mut cursor = None;
    let mut tries = 0;
    loop {
        let ask = api::Erase {
            messages: if messages {
                api::EraseMessages::Delete
            } else {
                api::EraseMessages::Keep
            },
            reason: Some("erased before the restore".into()),
            cursor: cursor.clone(),
            dry_run: false,
        };
        let path = format!("/v1/users/{user}/erase");
        let step: Result<api::Erased, _> = client.post(&path, &ask).await;
        match step {
            Ok(step) if step.next.is_none() => return Ok(()),
            Ok(step) => cursor = step.next,
            // A redaction that takes its time: it has its turn, and this waits for it.
            Err(admin::Error::Refused(refused))
                if refused.code == "conflict" && cursor.is_some() && tries < TRIES =>
            {
                tries += 1;
                drop(core.app.redact.turn.lock().await);
            }
            Err(e) => return Err(e),
        }
    }
}

async fn record(core: &Core, by: &Authority, made: &Restored) -> Result<(), Error> {
    let detail = json!({
        "from": made.from.display().to_string(),
        "taken_at": made.backup.taken_at,
        "sha256": made.backup.sha256,
        "chatd": made.backup.chatd,
        "before": made.backup.epoch,
        "after": made.epoch,
        "sessions": made.sessions,
        "codes": made.codes,
        "erased_again": made.erased_again.len(),
        "texts_again": made.texts_again,
        "files_again": made.files_again,
    });
    let noted = core.desk(None).ops.note_restore(by, detail).await;
    noted.map_err(Error::Refused)
}
