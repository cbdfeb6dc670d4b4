//! What those who watch are told of an act of the control log.

use super::Appender;
use crate::{
    clock::Millis,
    feed::{Happening, Kind},
    model::{Act, Origin},
};

/// How much of an act's particulars is told, in characters.
const LONGEST: usize = 200;

impl Appender {
    /// Tells an act that was just committed, with names as far as they are in memory.
    pub(super) fn tell_act(&self, at: Millis, act: &Act) {
        let actor = &act.actor;
        let who = match (actor.user, &actor.origin) {
            (Some(id), _) => self.named(&id.to_string()),
            (None, Origin::Admin { uid, .. }) => format!("uid {uid}"),
            (None, _) => "server".to_owned(),
        };
        self.feeds.tell(Happening {
            at,
            kind: Kind::Act,
            what: act.act.clone(),
            who: Some(who),
            target: act.target.as_deref().map(|target| self.named(target)),
            detail: in_words(&act.detail),
        });
    }

    /// The name of a user or room in memory that has this id; else the text as it is.
    fn named(&self, text: &str) -> String {
        let user = text.parse().ok().and_then(|id| self.memory.user(id));
        if let Some(user) = user {
            return user.name().into();
        }
        let room = text.parse().ok().and_then(|id| self.memory.room(id));
        room.map_or_else(
            || text.to_owned(),
            |room| room.facts().room.name.as_str().to_owned(),
        )
    }
}

/// The particulars of an act on one line: `role=admin, reason=spam`.
fn in_words(detail: &serde_json::Value) -> Option<String> {
    use serde_json::Value;
    let members = detail.as_object()?;
    let said = members.iter().filter_map(|(name, value)| match value {
        Value::Null => None,
        Value::String(text) => Some(format!("{name}={text}")),
        other => Some(format!("{name}={other}")),
    });
    let said = said.collect::<Vec<_>>().join(", ");
    let short: String = said.chars().take(LONGEST).collect();
    (!short.is_empty()).then_some(short)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn particulars_are_one_short_line() {
        let detail = json!({"before": null, "reason": "spam", "uses": 3, "of": ["a"]});
        let words = in_words(&detail).unwrap();
        assert_eq!(words, r#"of=["a"], reason=spam, uses=3"#);
        assert_eq!(in_words(&json!(null)), None);
        assert_eq!(in_words(&json!({"a": null})), None);
        let long = in_words(&json!({"a": "é".repeat(500)})).unwrap();
        assert_eq!(long.chars().count(), LONGEST);
    }
}
