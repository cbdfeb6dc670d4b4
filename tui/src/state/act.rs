//! What can be done from here: for each act the command that does the same, and what is asked of the server.

use chatd::{
    admin::{
        api::{Kick, NewSanction, Notice, RoomChange},
        quote,
    },
    config::Period,
};
use serde_json::{Value, json};

/// How a request asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// To see something.
    Get,
    /// To have something done.
    Post,
    /// To have something be so.
    Put,
    /// To change something.
    Patch,
}

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    /// How.
    pub(crate) method: Method,
    /// Where.
    pub(crate) path: String,
    /// With what; null with nothing.
    pub(crate) body: Value,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Close a connection.
    Kick {
        /// Which.
        conn: String,
        /// Whose.
        user: String,
    },
    /// Mute or ban somebody.
    Sanction {
        /// `mute` or `ban`.
        word: &'static str,
        /// Whom.
        user: String,
        /// Where; none for the whole server.
        room: Option<String>,
    },
    /// Lock or unlock a room.
    Lock {
        /// Its name.
        room: String,
        /// Whether to lock it.
        lock: bool,
    },
    /// Run the archive.
    Archive,
    /// Stop a job.
    Stop {
        /// Its id.
        id: String,
        /// Its kind.
        kind: String,
    },
    /// Say something to everyone, or to a room's listeners.
    Notice {
        /// The room.
        room: Option<String>,
    },
}

/// What a field of a dialog is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    /// Why; may stay empty.
    Reason,
    /// For how long; empty for good.
    Period,
    /// How old what is archived has to be.
    Age,
    /// What is said.
    Text,
    /// A name, typed again by whoever is sure.
    Confirm,
}

/// What was typed into the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Why.
    pub(crate) reason: Option<String>,
    /// For how long.
    pub(crate) period: Option<String>,
    /// How old.
    pub(crate) age: Option<String>,
    /// What.
    pub(crate) text: Option<String>,
}

impl Act {
    /// The dialog's title.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Kick { user, .. } => format!("Close a connection of {user}"),
            Self::Sanction { word, user, room } => {
                let word = if *word == "mute" { "Mute" } else { "Ban" };
                match room {
                    Some(room) => format!("{word} {user} in {room}"),
                    None => format!("{word} {user} on the whole server"),
                }
            }
            Self::Lock { room, lock: true } => format!("Lock {room}"),
            Self::Lock { room, lock: false } => format!("Unlock {room}"),
            Self::Archive => "Run the archive".into(),
            Self::Stop { kind, .. } => format!("Stop this job: {kind}"),
            Self::Notice { room: None } => "Say something to everyone who is connected".into(),
            Self::Notice { room: Some(room) } => format!("Say something to all in {room}"),
        }
    }

    /// What it does.
    pub(crate) fn does(&self) -> &'static str {
        match self {
            Self::Kick { .. } => "Only this connection is closed. Its client may come back.",
            Self::Sanction { word: "mute", .. } => "They read on, and can say nothing more.",
            Self::Sanction { room: None, .. } => {
                "Their connections are closed at once, and they cannot log in."
            }
            Self::Sanction { .. } => "They are put out of the room at once, and cannot come back.",
            Self::Lock { lock: true, .. } => {
                "Only moderators may write in it, until it is unlocked."
            }
            Self::Lock { lock: false, .. } => "Its members may write in it again.",
            Self::Archive => "What is older is sealed into segments. It stays readable.",
            Self::Stop { .. } => "It ends where that is safe. What is done stays done.",
            Self::Notice { .. } => "It is shown once, and kept nowhere.",
        }
    }

    /// What has to be typed, each with what stands there at first.
    pub(crate) fn fields(&self) -> Vec<(Field, &'static str)> {
        match self {
            Self::Kick { .. } | Self::Lock { .. } => vec![(Field::Reason, "")],
            Self::Sanction {
                word: "ban",
                room: None,
                ..
            } => {
                vec![
                    (Field::Period, "7d"),
                    (Field::Reason, ""),
                    (Field::Confirm, ""),
                ]
            }
            Self::Sanction { .. } => vec![(Field::Period, "1d"), (Field::Reason, "")],
            Self::Archive => vec![(Field::Age, "30d")],
            Self::Stop { .. } => vec![],
            Self::Notice { .. } => vec![(Field::Text, "")],
        }
    }

    /// What somebody has to type who is sure.
    pub(crate) fn confirm(&self) -> Option<&str> {
        match self {
            Self::Sanction {
                word: "ban",
                room: None,
                user,
            } => Some(user),
            _ => None,
        }
    }

    /// The command that does the same, ready for a shell.
    pub(crate) fn command(&self, said: &Said, dry_run: bool) -> String {
        let mut words: Vec<String> = vec!["chatd".into()];
        let mut add = |more: &[&str]| words.extend(more.iter().map(|word| shell(word)));
        match self {
            Self::Kick { conn, .. } => add(&["conn", "kick", conn]),
            Self::Sanction {
                word,
                user,
                room: None,
            } => add(&["user", word, user]),
            Self::Sanction {
                word,
                user,
                room: Some(room),
            } => add(&["room", word, room, user]),
            Self::Lock { room, lock: true } => add(&["room", "lock", room]),
            Self::Lock { room, lock: false } => add(&["room", "unlock", room]),
            Self::Archive => add(&["archive"]),
            Self::Stop { id, .. } => add(&["job", "stop", id]),
            Self::Notice { .. } => add(&["notice", said.text.as_deref().unwrap_or_default()]),
        }
        if let Self::Notice { room: Some(room) } = self {
            add(&["--room", room]);
        }
        let flags = [
            ("--older-than", &said.age),
            ("--for", &said.period),
            ("--reason", &said.reason),
        ];
        for (flag, value) in flags {
            if let Some(value) = value {
                add(&[flag, value]);
            }
        }
        if dry_run {
            add(&["--dry-run"]);
        }
        words.join(" ")
    }

    /// What is asked of the server, or what is wrong with what was typed.
    pub(crate) fn request(&self, said: &Said, dry_run: bool) -> Result<Request, String> {
        let reason = said.reason.clone();
        let (method, path, body) = match self {
            Self::Kick { conn, .. } => {
                let body = Kick {
                    conn: Some(conn.clone()),
                    reason,
                    dry_run,
                    ..Kick::default()
                };
                (Method::Post, "/v1/conns/kick".into(), json(&body))
            }
            Self::Sanction { word, user, room } => {
                let body = NewSanction {
                    expires_in: said.period.as_deref().map(seconds).transpose()?,
                    reason,
                    dry_run,
                };
                let user = quote(user);
                let path = match room {
                    None => format!("/v1/users/{user}/{word}"),
                    Some(room) => format!("/v1/rooms/{}/{word}s/{user}", quote(room)),
                };
                (Method::Put, path, json(&body))
            }
            Self::Lock { room, lock } => {
                let body = RoomChange {
                    locked: Some(*lock),
                    reason,
                    dry_run,
                    ..RoomChange::default()
                };
                (
                    Method::Patch,
                    format!("/v1/rooms/{}", quote(room)),
                    json(&body),
                )
            }
            Self::Archive => {
                let age = said
                    .age
                    .as_deref()
                    .ok_or("say from which age on, such as 30d")?;
                seconds(age)?;
                let body = json!({"before": age, "rooms": [], "rate": null, "dry_run": dry_run});
                (Method::Post, "/v1/archive/runs".into(), body)
            }
            Self::Stop { id, .. } => {
                let path = format!("/v1/jobs/{}/stop", quote(id));
                (Method::Post, path, json!({"dry_run": dry_run}))
            }
            Self::Notice { room } => {
                let body = Notice {
                    text: said.text.clone().ok_or("say what is to be said")?,
                    room: room.clone(),
                    dry_run,
                };
                (Method::Post, "/v1/notices".into(), json(&body))
            }
        };
        Ok(Request { method, path, body })
    }

    /// What came of it, in words.
    pub(crate) fn done(&self, answer: &Value, dry_run: bool) -> String {
        let number = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
        let count = |many: u64, thing: &str| match many {
            1 => format!("1 {thing}"),
            many => format!("{many} {thing}s"),
        };
        let said = match self {
            Self::Kick { .. } => count(number("closed"), "connection") + " closed.",
            Self::Notice { .. } => format!("Told to {}.", count(number("told"), "connection")),
            Self::Archive if dry_run => {
                let entries = answer.get("planned").and_then(Value::as_u64).unwrap_or(0);
                return format!(
                    "Dry run: {entries} entries would be archived. Nothing was changed."
                );
            }
            Self::Archive => match answer.get("id").and_then(Value::as_str) {
                Some(id) => format!("Run {id} has begun; the screen of jobs shows it."),
                None => "The run has begun; the screen of jobs shows it.".into(),
            },
            Self::Stop { .. } => "It will stop where that is safe.".into(),
            Self::Sanction { .. } | Self::Lock { .. } => "Done.".into(),
        };
        match (dry_run, self) {
            (false, _) => said,
            (true, Self::Kick { .. } | Self::Notice { .. }) => {
                format!("Dry run: it would be: {said} Nothing was changed.")
            }
            (true, _) => "Dry run: this can be done. Nothing was changed.".into(),
        }
    }
}

fn json(body: &impl serde::Serialize) -> Value {
    serde_json::to_value(body).unwrap_or(Value::Null)
}

fn seconds(period: &str) -> Result<u64, String> {
    let period: Period = period.parse().map_err(|e| format!("{e}"))?;
    match period.get().as_secs() {
        0 => Err("a second is the least, such as 1s".into()),
        seconds => Ok(seconds),
    }
}

/// A word as a shell reads it back.
fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+,=".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_one_that_a_shell_reads_back() {
        let said = Said {
            reason: Some("it's enough".into()),
            period: Some("2h".into()),
            ..Said::default()
        };
        let ban = Act::Sanction {
            word: "ban",
            user: "eve".into(),
            room: None,
        };
        assert_eq!(
            ban.command(&said, false),
            r"chatd user ban eve --for 2h --reason 'it'\''s enough'"
        );
        let notice = Act::Notice {
            room: Some("eng".into()),
        };
        let said = Said {
            text: Some("back at 5; $HOME".into()),
            ..Said::default()
        };
        assert_eq!(
            notice.command(&said, true),
            "chatd notice 'back at 5; $HOME' --room eng --dry-run"
        );
    }

    #[test]
    fn what_is_asked_is_what_the_command_asks() {
        let said = Said {
            period: Some("2h".into()),
            ..Said::default()
        };
        let mute = Act::Sanction {
            word: "mute",
            user: "eve".into(),
            room: Some("general".into()),
        };
        let request = mute.request(&said, false).expect("it is right");
        assert_eq!(request.path, "/v1/rooms/general/mutes/eve");
        assert_eq!(request.body["expires_in"], 7200);
        let wrong = Said {
            period: Some("soon".into()),
            ..Said::default()
        };
        assert!(mute.request(&wrong, false).is_err());
        assert!(Act::Archive.request(&Said::default(), false).is_err());
        assert!(
            Act::Notice { room: None }
                .request(&Said::default(), false)
                .is_err()
        );
    }

    #[test]
    fn an_answer_is_said_in_words() {
        let kick = Act::Kick {
            conn: "c".into(),
            user: "eve".into(),
        };
        assert_eq!(
            kick.done(&json!({"closed": 1}), false),
            "1 connection closed."
        );
        let dry = Act::Notice { room: None }.done(&json!({"told": 12}), true);
        assert_eq!(
            dry,
            "Dry run: it would be: Told to 12 connections. Nothing was changed."
        );
    }
}
