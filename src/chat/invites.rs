//! Codes with which people come into a room, private ones too.

use std::time::Duration;

use serde_json::json;

use super::Chat;
use crate::{
    auth::OneTimeCode,
    id::RoomId,
    log::{Error, refuse},
    model::{Authority, Builtin, Code, CodeKind, Refusal, RoomRole},
    rights::{self, InRoom},
    store::Write,
};

/// How often one code can be used at most.
const MOST_USES: u32 = 10_000;
/// How many codes of a room can be good at a time.
const MOST_CODES: usize = 100;
/// How long a code can be good at most.
const LONGEST: Duration = Duration::from_hours(24 * 365);

/// A room's code that was just made.
#[derive(Clone, Debug)]
pub struct RoomCode {
    /// The record.
    pub code: Code,
    /// The code itself, shown this once.
    pub secret: OneTimeCode,
}

impl Chat {
    /// Makes a code with which people come into a room.
    pub async fn create_room_code(
        &self,
        by: &Authority,
        id: RoomId,
        uses: u32,
        lifetime: Option<Duration>,
        dry_run: bool,
    ) -> Result<RoomCode, Refusal> {
        if !(1..=MOST_USES).contains(&uses) {
            return Err(Refusal::field("uses", format!("1 to {MOST_USES}")));
        }
        let lifetime = lifetime.unwrap_or(self.config.get().auth.code.into());
        if lifetime > LONGEST || lifetime.is_zero() {
            return Err(Refusal::field(
                "expires_in",
                "at least a second, and at most a year",
            ));
        }
        if self.room_codes(by, id).await?.len() >= MOST_CODES {
            let what = format!("a room has at most {MOST_CODES} codes; revoke one first");
            return Err(Refusal::Conflict(what));
        }
        let secret = OneTimeCode::generate();
        let created_at = self.clock.now();
        let code = Code {
            hash: secret.hash(),
            kind: CodeKind::Room,
            user: None,
            role: Builtin::Member.into(),
            room: Some(id),
            uses,
            by: by.user(),
            created_at,
            expires_at: created_at.plus(lifetime),
        };
        let touches = by.touching(&[id.into()]);
        let (by, made) = (by.clone(), code.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let room = draft.open_room(id)?;
                rights::not_direct(&room.facts(), "is always of the same people")?;
                draft.authorise(&by, |who| {
                    // It makes members: a viewer who may add viewers does not make themselves one by it.
                    rights::may_grant(who, &room.facts(), RoomRole::Member)
                })?;
                let detail = json!({
                    "code": made.id(), "uses": made.uses, "expires_at": made.expires_at,
                });
                let target = Some(id.to_string());
                draft.act("room.invite", &by.actor(), target, detail, &[]);
                draft.write(Write::InsertCode(made.clone()));
                Ok(())
            });
        done.await?;
        Ok(RoomCode { code, secret })
    }

    /// The codes with which one can come into a room now, the newest first.
    pub async fn room_codes(&self, by: &Authority, id: RoomId) -> Result<Vec<Code>, Refusal> {
        let room = self.seen_by(by, id).await?;
        if let Authority::Caller(caller) = by {
            let who = self.user(caller.user).await?;
            let now = self.clock.now();
            who.with(|p| {
                rights::may_in_room(&p.who(caller.scopes, now), &room.facts(), InRoom::Invite)
                    .map(drop)
            })?;
        }
        let codes = self.store.codes(CodeKind::Room, Some(id)).await;
        let now = self.clock.now();
        let mut codes = codes.map_err(|e| refuse(&e))?;
        codes.retain(|code| now < code.expires_at);
        Ok(codes)
    }

    /// Takes a room's code back, by its id.
    pub async fn revoke_room_code(
        &self,
        by: &Authority,
        id: RoomId,
        code: &str,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let codes = self.room_codes(by, id).await?;
        let found = codes.into_iter().find(|c| c.id() == code);
        let hash = found.ok_or(Refusal::NotFound("code"))?.hash;
        let touches = by.touching(&[id.into()]);
        let (by, code) = (by.clone(), code.to_owned());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let room = draft.room(id)?;
                draft.authorise(&by, |who| {
                    rights::may_in_room(who, &room.facts(), InRoom::Invite).map(drop)
                })?;
                let (target, detail) = (Some(id.to_string()), json!({"code": code}));
                draft.act("room.uninvite", &by.actor(), target, detail, &[]);
                draft.write(Write::DeleteCode(hash));
                Ok(())
            });
        match done.await {
            Err(Error::Stale) => Err(Refusal::NotFound("code")),
            done => done.map(drop).map_err(Into::into),
        }
    }
}
