//! Incoming hooks: a URL by which a program posts into one room.
//!
//! A hook is nothing new: it is a bot that was made for it and is a member of the room, and a token of that bot which
//! is good for sending and nothing else. What is kept beside them is only which bots those are, so that whoever
//! manages a room decides about its hooks and about no other bot.

mod bot;

use serde::{Deserialize, Serialize};
use serde_json::json;

use self::bot::{issue, new_bot, switch_off, switch_on};
use super::{
    Chat,
    joining::{Came, check_size, enter, may_be_added, may_come},
    members::exit,
};
use crate::{
    auth::Secret,
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::refuse,
    model::{
        Actor, Authority, Facts, Permission, Permissions, Refusal, RoomRole, Status, User,
        Username, Who,
    },
    rights::{self, InRoom},
    store::Write,
};

/// How many hooks a room has at most, and how many it can have had.
const MOST: usize = 20;
const MOST_EVER: usize = 100;
/// What the token of a hook is called.
const TOKEN: &str = "hook";

/// What a hook is good for.
pub const HOOK_SCOPES: Permissions = Permissions::of(&[Permission::MessageSend]);

/// A hook of a room.
#[derive(Clone, Debug)]
pub struct Hook {
    /// Where it posts.
    pub room: RoomId,
    /// Its bot.
    pub user: UserId,
    /// The bot's name.
    pub name: Username,
    /// When its URL was made.
    pub created_at: Millis,
}

/// A hook with what its URL has in it, shown this once.
#[derive(Clone, Debug)]
pub struct HookSecret {
    /// The hook.
    pub hook: Hook,
    /// The token.
    pub secret: Secret,
}

/// What is kept of a hook.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    user: UserId,
    created_at: Millis,
    /// Whether it is in use. The bot of one that was is not made again.
    on: bool,
    /// Whether its bot was switched off with it, and by nobody else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    switched_off: bool,
}

/// The bot that a hook is to have.
struct Bot {
    user: User,
    /// Whether it is to be made; else it is that of a hook which this room had.
    fresh: bool,
    /// Whether it was switched off with that hook.
    switched_off: bool,
}

impl Chat {
    /// The hooks of a room, by name; for those who manage it.
    pub async fn hooks(&self, by: &Authority, id: RoomId) -> Result<Vec<Hook>, Refusal> {
        self.check_in(by, id, manages).await?;
        let kept = self.kept_hooks(id).await?;
        let kept: Vec<_> = kept.into_iter().filter(|it| it.on).collect();
        let mut names = self.log.names(kept.iter().map(|it| it.user)).await?;
        let hook = |it: Kept| {
            Some(Hook {
                room: id,
                user: it.user,
                name: names.remove(&it.user)?,
                created_at: it.created_at,
            })
        };
        let mut hooks: Vec<_> = kept.into_iter().filter_map(hook).collect();
        hooks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(hooks)
    }

    /// Makes a hook, with a bot of this name; one that a hook of this room had before is taken again.
    pub async fn add_hook(
        &self,
        by: &Authority,
        id: RoomId,
        name: Username,
        dry_run: bool,
    ) -> Result<HookSecret, Refusal> {
        self.check_in(by, id, may_hand_on).await?;
        let _one_at_a_time = self.hooking.lock().await;
        let mut kept = self.kept_hooks(id).await?;
        if kept.iter().filter(|it| it.on).count() >= MOST {
            let what = format!("a room has at most {MOST} hooks; delete one first");
            return Err(Refusal::Conflict(what));
        }
        let now = self.clock.now();
        let bot = self.bot_for(by, &mut kept, &name, dry_run).await?;
        let Bot {
            user,
            fresh,
            switched_off,
        } = bot;
        let (session, secret) = issue(user.id, now)?;
        let keep = keep(id, &kept)?;
        let bot = user.id;
        let touches = by.touching(&[id.into(), bot.into()]);
        let (by, most) = (by.clone(), self.most_members());
        let new = fresh.then(|| bot.into());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, new, move |draft| {
                let room = draft.open_room(id)?;
                let came = {
                    let facts = room.facts();
                    rights::not_direct(&facts, "is always of the same people")?;
                    draft.authorise(&by, |who| may_hand_on(who, &facts))?;
                    if !fresh {
                        let mut person = draft.user(bot)?.person();
                        if switched_off && person.user.status == Status::Disabled {
                            switch_on(draft, &by.actor(), person.user.clone());
                            person.user.status = Status::Active;
                        }
                        may_come(&person, &facts, draft.now())?;
                    }
                    coming(&facts, bot, most)?
                };
                if fresh {
                    let personal = [("username", user.name.as_str())];
                    let detail = json!({"role": user.role, "by": "hook"});
                    let target = Some(bot.to_string());
                    draft.act("user.create", &by.actor(), target, detail, &personal);
                    draft.write(Write::InsertUser(user.clone()));
                }
                if let Some(came) = came {
                    enter(draft, by.user(), came);
                }
                let (target, detail) = (Some(id.to_string()), json!({"user": bot}));
                draft.act("hook.create", &by.actor(), target, detail, &[]);
                draft.write(Write::InsertSession(session.clone()));
                draft.write(keep.clone());
                Ok(())
            });
        done.await?;
        Ok(HookSecret {
            hook: Hook {
                room: id,
                user: bot,
                name,
                created_at: now,
            },
            secret,
        })
    }

    /// The bot for a hook of this name.
    async fn bot_for(
        &self,
        by: &Authority,
        kept: &mut Vec<Kept>,
        name: &Username,
        dry_run: bool,
    ) -> Result<Bot, Refusal> {
        let now = self.clock.now();
        let known = self.store.user_by_name(name).await;
        if let Some(user) = known.map_err(|e| refuse(&e))? {
            return match kept.iter_mut().find(|it| it.user == user.id) {
                Some(it) if it.on => {
                    let what = format!("there is a hook {name} already; rotate it for another URL");
                    Err(Refusal::Conflict(what))
                }
                Some(it) => {
                    (it.on, it.created_at) = (true, now);
                    Ok(Bot {
                        user,
                        fresh: false,
                        switched_off: std::mem::take(&mut it.switched_off),
                    })
                }
                None => {
                    let what =
                        format!("there is a user {name} already; give the hook another name");
                    Err(Refusal::Conflict(what))
                }
            };
        }
        if kept.len() >= MOST_EVER {
            let what =
                format!("this room had {MOST_EVER} hooks; take the name of one that was deleted");
            return Err(Refusal::Conflict(what));
        }
        if let (Authority::Caller(caller), false) = (by, dry_run) {
            // An account comes of it, as of registering.
            self.limits.check_register(caller.address)?;
        }
        let user = new_bot(name.clone(), now);
        kept.push(Kept {
            user: user.id,
            created_at: now,
            on: true,
            switched_off: false,
        });
        Ok(Bot {
            user,
            fresh: true,
            switched_off: false,
        })
    }

    /// Gives a hook another URL; the one it had is no good from then on. A bot that was taken out of the room comes in
    /// again, since the URL would be no good else.
    pub async fn rotate_hook(
        &self,
        by: &Authority,
        id: RoomId,
        name: &str,
        dry_run: bool,
    ) -> Result<HookSecret, Refusal> {
        self.check_in(by, id, may_hand_on).await?;
        let _one_at_a_time = self.hooking.lock().await;
        let mut hook = self.hook_named(by, id, name).await?;
        let now = self.clock.now();
        let mut kept = self.kept_hooks(id).await?;
        if let Some(it) = kept.iter_mut().find(|it| it.user == hook.user) {
            it.created_at = now;
        }
        hook.created_at = now;
        let (session, secret) = issue(hook.user, now)?;
        let (bot, keep) = (hook.user, keep(id, &kept)?);
        let (touches, by) = (by.touching(&[id.into(), bot.into()]), by.clone());
        let most = self.most_members();
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let room = draft.open_room(id)?;
                let came = {
                    let facts = room.facts();
                    draft.authorise(&by, |who| may_hand_on(who, &facts))?;
                    may_be_added(draft, &facts, bot)?;
                    coming(&facts, bot, most)?
                };
                if let Some(came) = came {
                    enter(draft, by.user(), came);
                }
                let (target, detail) = (Some(id.to_string()), json!({"user": bot}));
                draft.act("hook.rotate", &by.actor(), target, detail, &[]);
                draft.write(Write::EndSessions {
                    user: bot,
                    except: None,
                    at: draft.now(),
                });
                draft.write(Write::InsertSession(session.clone()));
                draft.write(keep.clone());
                Ok(())
            });
        done.await?;
        Ok(HookSecret { hook, secret })
    }

    /// Deletes a hook: its URL is no good from then on, and its bot is out of the room and switched off.
    pub async fn delete_hook(
        &self,
        by: &Authority,
        id: RoomId,
        name: &str,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let _one_at_a_time = self.hooking.lock().await;
        let bot = self.hook_named(by, id, name).await?.user;
        let kept = self.kept_hooks(id).await?;
        let (touches, by) = (by.touching(&[id.into(), bot.into()]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let room = draft.open_room(id)?;
                let is_in = {
                    let facts = room.facts();
                    draft.authorise(&by, |who| manages(who, &facts))?;
                    facts.members.contains_key(&bot)
                };
                if is_in {
                    exit(draft, id, bot, by.user(), "removed");
                }
                let (target, detail) = (Some(id.to_string()), json!({"user": bot}));
                draft.act("hook.delete", &by.actor(), target, detail, &[]);
                let mut kept = kept.clone();
                for it in kept.iter_mut().filter(|it| it.user == bot) {
                    it.on = false;
                    it.switched_off = switch_off(draft, &by.actor(), bot)?;
                }
                draft.write(keep(id, &kept)?);
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// Switches off the bots of a room's hooks: the room is deleted, and they have no other.
    pub(super) async fn retire_hooks(&self, id: RoomId, actor: Actor) -> Result<(), Refusal> {
        let _one_at_a_time = self.hooking.lock().await;
        let kept = self.kept_hooks(id).await?;
        let bots: Vec<_> = kept.into_iter().filter(|it| it.on).collect();
        if bots.is_empty() {
            return Ok(());
        }
        let touches: Vec<LogId> = bots
            .iter()
            .map(|it| it.user.into())
            .chain([LogId::Control])
            .collect();
        let done = self.log.append(&touches, None, move |draft| {
            // Deleting the room was allowed; this is what follows from it.
            draft.by_itself();
            for it in &bots {
                switch_off(draft, &actor, it.user)?;
            }
            draft.write(keep(id, &[])?);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    async fn hook_named(&self, by: &Authority, id: RoomId, name: &str) -> Result<Hook, Refusal> {
        let hooks = self.hooks(by, id).await?;
        let named = |it: &Hook| it.name.as_str() == name || it.user.to_string() == name;
        let found = hooks.into_iter().find(named);
        found.ok_or(Refusal::NotFound("hook"))
    }

    async fn kept_hooks(&self, id: RoomId) -> Result<Vec<Kept>, Refusal> {
        let text = self.store.setting(&setting(id)).await;
        let text = text.map_err(|e| refuse(&e))?.unwrap_or_else(|| "[]".into());
        serde_json::from_str(&text).map_err(|e| {
            tracing::error!(room = %id, error = %e, "what is kept of the hooks of a room does not read");
            Refusal::Internal
        })
    }
}

/// Who decides about hooks: as about the room's settings, since a hook says what it likes in it.
fn manages(who: &Who<'_>, facts: &Facts) -> Result<(), Refusal> {
    rights::may_in_room(who, facts, InRoom::Configure).map(drop)
}

/// Who hands on that somebody may post there: besides, they may say something there themselves. Nobody who is muted
/// speaks by a hook that they make.
fn may_hand_on(who: &Who<'_>, facts: &Facts) -> Result<(), Refusal> {
    manages(who, facts)?;
    rights::may_in_room(who, facts, InRoom::Send).map(drop)
}

/// A hook's bot that is not in the room comes in.
fn coming(facts: &Facts, bot: UserId, most: usize) -> Result<Option<Came>, Refusal> {
    if facts.members.contains_key(&bot) {
        return Ok(None);
    }
    check_size(facts, most)?;
    Ok(Some(Came {
        room: facts.room.id,
        user: bot,
        role: RoomRole::Member,
        name: facts.room.name.clone(),
        people: Vec::new(),
    }))
}

fn setting(room: RoomId) -> String {
    format!("hooks.{room}")
}

fn keep(room: RoomId, kept: &[Kept]) -> Result<Write, Refusal> {
    let text = serde_json::to_string(kept).map_err(|_| Refusal::Internal)?;
    Ok(Write::PutSetting(setting(room), text))
}
