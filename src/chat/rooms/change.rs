//! Changing what a room is called, what it is about, and its rules.

use serde_json::json;

use super::super::{Chat, reading::Past};
use crate::{
    id::RoomId,
    model::{
        Authority, Facts, History, Payload, Reason, Refusal, Room, RoomName, RoomRole, RoomRules,
        Title, Topic, Who, entry::Cleared,
    },
    rights::{self, InRoom},
    store::Write,
};

/// What of a room is to be changed; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct RoomChanges {
    /// The name.
    pub name: Option<RoomName>,
    /// The title; `Some(None)` takes it away.
    pub title: Option<Option<Title>>,
    /// The topic; `Some(None)` takes it away.
    pub topic: Option<Option<Topic>>,
    /// How much of the past members may read.
    pub history: Option<History>,
    /// Who may do what.
    pub rules: RuleChanges,
    /// Why, for the record.
    pub reason: Option<Reason>,
}

/// What of a room's rules is to be changed; what is none stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleChanges {
    /// The lowest role that may say something.
    pub post: Option<RoomRole>,
    /// The lowest role that may add people.
    pub invite: Option<RoomRole>,
    /// The lowest role that may change title and topic.
    pub topic: Option<RoomRole>,
    /// The lowest role that may pin messages.
    pub pin: Option<RoomRole>,
    /// How many seconds a member has to wait between two messages.
    pub slow_mode: Option<u32>,
    /// Whether only moderators may say something.
    pub locked: Option<bool>,
}

impl RoomChanges {
    /// What one has to be allowed for these changes.
    fn needs(&self) -> Vec<InRoom> {
        let rules = &self.rules;
        let mut needs = Vec::new();
        if self.name.is_some()
            || self.history.is_some()
            || rules.post.is_some()
            || rules.invite.is_some()
            || rules.topic.is_some()
            || rules.pin.is_some()
        {
            needs.push(InRoom::Configure);
        }
        if rules.slow_mode.is_some() || rules.locked.is_some() {
            needs.push(InRoom::Lock);
        }
        if self.title.is_some() || self.topic.is_some() || needs.is_empty() {
            needs.push(InRoom::Describe);
        }
        needs
    }

    /// Whether everyone in the room gets to read something by it.
    fn says_something(&self) -> bool {
        self.name.is_some() || self.title.is_some() || self.topic.is_some()
    }

    fn applied(&self, before: &Room) -> Room {
        let mut after = before.clone();
        if let Some(name) = &self.name {
            after.name.clone_from(name);
        }
        if let Some(title) = &self.title {
            after.title.clone_from(title);
        }
        if let Some(topic) = &self.topic {
            after.topic.clone_from(topic);
        }
        after.history = self.history.unwrap_or(after.history);
        let (rules, new) = (&mut after.rules, &self.rules);
        rules.post = new.post.unwrap_or(rules.post);
        rules.invite = new.invite.unwrap_or(rules.invite);
        rules.topic = new.topic.unwrap_or(rules.topic);
        rules.pin = new.pin.unwrap_or(rules.pin);
        rules.slow_mode = new.slow_mode.unwrap_or(rules.slow_mode);
        rules.locked = new.locked.unwrap_or(rules.locked);
        after
    }
}

impl Chat {
    /// Changes a room's name, title, topic, history or rules.
    pub async fn change_room(
        &self,
        by: &Authority,
        id: RoomId,
        changes: RoomChanges,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        self.seen_by(by, id).await?;
        let slowest = RoomRules::SLOWEST;
        if changes.rules.slow_mode.is_some_and(|wait| wait > slowest) {
            let why = format!("seconds, 0 (off) to {slowest} (six hours)");
            return Err(Refusal::field("slow_mode", why));
        }
        let hides = changes.history == Some(History::SinceJoin);
        let past = if hides && !dry_run {
            let configures = |who: &Who<'_>, facts: &Facts| {
                rights::may_in_room(who, facts, InRoom::Configure).map(drop)
            };
            self.check_in(by, id, configures).await?;
            self.past_of(id).await?
        } else {
            Past::default()
        };
        let moves = past.moves.clone();
        let touches = by.touching(&[id.into()]);
        let by = by.clone();
        let log = &self.log;
        let done = log.append_or_rehearse(dry_run, &touches, None, move |draft| {
            let room = draft.open_room(id)?;
            let before = {
                let facts = room.facts();
                draft.authorise(&by, |who| {
                    for what in changes.needs() {
                        rights::may_in_room(who, &facts, what)?;
                    }
                    if changes.says_something() {
                        rights::may_speak(who, &facts)?;
                    }
                    Ok(())
                })?;
                if changes.needs() != [InRoom::Lock] {
                    rights::not_direct(&facts, "has no name and no settings")?;
                }
                facts.room.clone()
            };
            let after = changes.applied(&before);
            if after == before {
                return Ok(());
            }
            let cleared_title =
                (after.title != before.title).then(|| Cleared::from_option(after.title.as_ref()));
            let cleared_topic =
                (after.topic != before.topic).then(|| Cleared::from_option(after.topic.as_ref()));
            let settings = Payload::Settings {
                name: (after.name != before.name).then(|| after.name.clone()),
                title: cleared_title,
                topic: cleared_topic,
                history: (after.history != before.history).then_some(after.history),
                rules: (after.rules != before.rules).then_some(after.rules),
            };
            let told = |r: &Room| json!({"name": r.name, "history": r.history, "rules": r.rules});
            let detail = json!({
                "before": told(&before), "after": told(&after), "reason": changes.reason,
            });
            let texts = changed_texts(&before, &after);
            draft.entry(id.into(), by.user(), settings);
            draft.act(
                "room.edit",
                &by.actor(),
                Some(id.to_string()),
                detail,
                &texts,
            );
            if after.history != before.history {
                for on in &moves {
                    draft.write(Write::MoveOn(*on));
                }
            }
            draft.write(Write::UpdateRoom(after));
            Ok(())
        });
        done.await?;
        if hides && !dry_run {
            self.leave_the_past(id, past);
        }
        Ok(())
    }
}

/// A room's title and topic before and after, where they changed: free text, which may name a person, and so
/// goes where it can be erased.
fn changed_texts<'a>(before: &'a Room, after: &'a Room) -> Vec<(&'static str, &'a str)> {
    let title = |room: &'a Room| room.title.as_ref().map_or("", Title::as_str);
    let topic = |room: &'a Room| room.topic.as_ref().map_or("", Topic::as_str);
    let mut texts = Vec::new();
    if before.title != after.title {
        texts.extend([("title_before", title(before)), ("title", title(after))]);
    }
    if before.topic != after.topic {
        texts.extend([("topic_before", topic(before)), ("topic", topic(after))]);
    }
    texts
}
