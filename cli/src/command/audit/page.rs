//! How acts look.

use std::{collections::BTreeMap, fs};

use chatd::{
    admin::api::audit::{Act, Actor, Target},
    clock::Millis,
    model::Level,
};
use serde_json::Value;

use crate::output::{Cell, Table, escape, exact};

/// A line for each act.
pub(super) fn list(acts: &[Act]) -> Table {
    let people = people_of_the_system();
    let rows = acts.iter().map(|act| {
        vec![
            Cell::pair(act.seq.to_string(), act.seq.to_string()),
            act.at
                .map_or_else(|| Cell::pair("", "?"), |at| Cell::text(exact(at))),
            Cell::or(act.act.as_deref(), "does not read"),
            Cell::text(
                act.actor
                    .as_ref()
                    .map_or_else(String::new, |a| who(a, &people)),
            ),
            Cell::text(act.target.as_ref().map_or_else(String::new, shown)),
            Cell::text(detail(act)),
        ]
    });
    Table::new(&["#SEQ", "TIME", "ACT", "WHO", "TARGET", "DETAIL"], rows)
}

/// Users of the operating system by their number, as far as the machine's own file has them.
fn people_of_the_system() -> BTreeMap<u32, String> {
    let text = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((fields.nth(1)?.parse().ok()?, name))
    };
    text.lines().rev().filter_map(line).collect()
}

/// Who acted, in few words: `ana (192.0.2.1)`, `uid 0 root, sudo by ben`.
fn who(actor: &Actor, people: &BTreeMap<u32, String>) -> String {
    let mut text = match (&actor.user, actor.uid) {
        (Some(user), _) => shown(user),
        (None, Some(uid)) => match actor.name.as_ref().or(people.get(&uid)) {
            Some(name) => format!("uid {uid} {}", escape(name)),
            None => format!("uid {uid}"),
        },
        (None, None) => escape(&actor.door).into_owned(),
    };
    if let Some(address) = &actor.address {
        text = format!("{text} ({})", escape(address));
    }
    // An owner may do everything anyway.
    if let Some(level) = actor.level.filter(|level| *level != Level::Own) {
        text = format!("{text} ({level})");
    }
    if let Some(sudo) = &actor.sudo_user {
        text = format!("{text}, sudo by {}", escape(sudo));
    }
    text
}

fn shown(target: &Target) -> String {
    escape(target.name.as_ref().unwrap_or(&target.id)).into_owned()
}

/// What is worth knowing besides: the change, particulars, and what an operator said they ran.
fn detail(act: &Act) -> String {
    let mut words = Vec::new();
    if let Value::Object(members) = &act.detail {
        let (before, after) = (members.get("before"), members.get("after"));
        if let (Some(before), Some(after)) = (before, after) {
            words.push(change(before, after, &act.names));
        }
        let rest = members.iter().filter(|(name, _)| match name.as_str() {
            "before" | "after" => before.is_none() || after.is_none(),
            _ => true,
        });
        words.extend(rest.map(|(name, value)| match value.as_i64() {
            Some(at) if name.ends_with("_at") => format!("{name}={}", exact(Millis(at))),
            _ => format!("{name}={}", word(value, &act.names)),
        }));
    }
    words.extend(particulars(&act.personal));
    if act.erased {
        words.push("(particulars erased)".into());
    }
    let command = act
        .actor
        .as_ref()
        .and_then(|actor| actor.command.as_deref());
    words.extend(command.map(|command| format!("$ {}", escape(without_path(command)))));
    words.join(" ")
}

/// `email: a@example.org → b@example.org`, `username=ana`.
fn particulars(personal: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    let new = personal
        .iter()
        .filter(|(name, _)| !name.ends_with("_before"));
    new.filter_map(|(name, value)| {
        let shown = |text: &str| {
            if text.is_empty() {
                "none".into()
            } else {
                escape(text).into_owned()
            }
        };
        match personal.get(&format!("{name}_before")) {
            Some(before) => Some(format!(
                "{}: {} → {}",
                escape(name),
                shown(before),
                shown(value)
            )),
            None if value.is_empty() => None,
            None => Some(format!("{}={}", escape(name), shown(value))),
        }
    })
}

/// `member → admin`; of two objects, what differs.
fn change(before: &Value, after: &Value, names: &BTreeMap<String, String>) -> String {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        return format!("{} → {}", word(before, names), word(after, names));
    };
    let differs = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value));
    let each = differs.map(|(name, value)| {
        let was = old.get(name).unwrap_or(&Value::Null);
        format!("{name}: {} → {}", word(was, names), word(value, names))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A command by the name of its program alone.
fn without_path(command: &str) -> &str {
    let program = command.split(' ').next().unwrap_or_default();
    &command[program.rfind('/').map_or(0, |slash| slash + 1)..]
}

fn word(value: &Value, names: &BTreeMap<String, String>) -> String {
    match value {
        Value::Null => "none".into(),
        Value::String(text) => {
            let text = names.get(text).unwrap_or(text);
            escape(text).into_owned()
        }
        other => {
            let text = other.to_string();
            escape(&text).into_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn act(detail: &Value) -> Act {
        let body = json!({
            "seq": 7, "at": 0, "act": "user.role", "detail": detail, "erased": false, "hash": "",
            "actor": {"door": "admin", "uid": 4_000_000, "sudo_user": "ben\u{1b}", "command": "/opt/a/chatd x /y"},
            "target": {"id": "1", "name": "bob"}, "personal": {"email": ""}, "names": {"2": "eve"},
        });
        serde_json::from_value(body).expect("an act")
    }

    #[test]
    fn a_change_is_told_in_few_words_and_safe_ones() {
        let changed = act(&json!({"before": "member", "after": "admin", "by": "2"}));
        let text = list(&[changed]).words();
        let line = text.lines().last().expect("a row");
        assert!(line.contains("1970-01-01T00:00:00Z"), "{line}");
        assert!(line.contains("uid 4000000, sudo by ben\\u{1b}"), "{line}");
        assert!(line.contains("bob"), "{line}");
        assert!(
            line.ends_with("member → admin by=eve $ chatd x /y"),
            "{line}"
        );
    }

    #[test]
    fn an_operator_is_named_as_they_were_called_then() {
        let mut actor: Actor = serde_json::from_value(json!({
            "door": "admin", "uid": 0, "name": "then\u{1b}", "level": "operate",
        }))
        .expect("an actor");
        let now = BTreeMap::from([(0, "now".to_owned())]);
        assert_eq!(who(&actor, &now), "uid 0 then\\u{1b} (operate)");
        (actor.name, actor.level) = (None, Some(Level::Own));
        assert_eq!(who(&actor, &now), "uid 0 now");
    }

    #[test]
    fn of_objects_only_what_differs_is_told() {
        let both = json!({
            "before": {"name": "a", "history": "all"}, "after": {"name": "b", "history": "all"},
        });
        assert!(detail(&act(&both)).starts_with("name: a → b"));
        assert!(
            detail(&act(&json!({"user": "2", "after": null}))).starts_with("after=none user=eve")
        );
        assert_eq!(exact(Millis(0)), "1970-01-01T00:00:00Z");
        let texts = [
            ("email", "b@x"),
            ("email_before", ""),
            ("topic", ""),
            ("username", "ana"),
        ];
        let texts = texts
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into();
        let told: Vec<_> = particulars(&texts).collect();
        assert_eq!(told, ["email: none → b@x", "username=ana"]);
    }
}
