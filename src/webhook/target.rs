//! The place that is told, as the settings name it: where, what of, and signed with what.

use std::{collections::HashSet, time::Duration};

use super::{
    post::{Answer, Fault, Post, Roots},
    sign::Secrets,
};
use crate::{
    clock::Millis,
    config::{self, Push, Readers, read_named},
    id::RoomId,
    model::{Room, RoomKind, RoomName, RoomRef},
};

/// Every kind of event of a room, as `ev` names it.
const KINDS: [&str; 13] = [
    "message",
    "edit",
    "delete",
    "restore",
    "reaction",
    "pin",
    "file_gone",
    "created",
    "membership",
    "owner",
    "settings",
    "purged",
    "deleted",
];
/// The longest pause that a place is granted which asks for one.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// The place that is told.
#[derive(Debug)]
pub struct Target {
    post: Post,
    secrets: Secrets,
    /// Without what is secret in it.
    pub(super) place: String,
    rooms: Rooms,
    kinds: HashSet<&'static str>,
    pub(super) push: Push,
    pub(super) concurrency: usize,
    retry_max: Duration,
    pub(super) give_up: Duration,
}

/// Which rooms are meant.
#[derive(Debug, Default)]
struct Rooms {
    public: bool,
    private: bool,
    direct: bool,
    /// Of public rooms: what private rooms are called is up to whoever makes them.
    names: HashSet<RoomName>,
    ids: HashSet<RoomId>,
}

/// Reads the settings, and the files with the secret and with certificates; none where they name no place. An error says which setting
/// is wrong, why, and what mends it.
pub fn load(settings: &config::Webhook) -> Result<Option<Target>, String> {
    if settings.url.is_empty() {
        return Ok(None);
    }
    let (url, most) = (settings.url.expose(), settings.timeout.get());
    let post = Post::new(url, settings.allow_private, most, roots(settings)?);
    let post = post.map_err(|why| format!("webhook.url {} {why}", settings.url))?;
    let rooms = Rooms::parse(&settings.rooms)?;
    let kinds = kinds(&settings.kinds)?;
    if (rooms.is_none() || kinds.is_empty()) && settings.push == Push::Off {
        return Err(
            "webhook.url is set, and nothing is sent there: name rooms and kinds in webhook.rooms and \
             webhook.kinds, or set webhook.push"
                .into(),
        );
    }
    Ok(Some(Target {
        post,
        secrets: secrets(settings)?,
        place: settings.url.to_string(),
        rooms,
        kinds,
        push: settings.push,
        concurrency: settings.concurrency,
        retry_max: settings.retry_max.get(),
        give_up: settings.give_up.get(),
    }))
}

impl Target {
    /// Whether anything of a room may be for it.
    pub(super) fn follows(&self, room: &Room) -> bool {
        self.push != Push::Off || self.rooms.has(room)
    }

    /// Whether an event of a room is for it.
    pub(super) fn wants(&self, room: &Room, kind: &str) -> bool {
        self.kinds.contains(kind) && self.rooms.has(room)
    }

    /// Sends one, signed.
    pub(super) async fn deliver(
        &self,
        id: &str,
        now: Millis,
        body: Vec<u8>,
    ) -> Result<Answer, Fault> {
        let timestamp = now.unix_seconds();
        let signature = self.secrets.sign(id, timestamp, &body);
        let headers = [
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_string()),
            ("webhook-signature", signature),
        ];
        self.post.send(headers, body).await
    }

    /// How long to wait before the next try, after so many that failed. Up to a half of it is left to chance, so
    /// that rooms do not come all at once.
    pub(super) fn pause(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled =
            Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(16));
        let pause = doubled.min(self.retry_max);
        let mut byte = [0_u8; 1];
        // Without randomness they come together, and no sooner.
        let _filled = getrandom::fill(&mut byte);
        let pause = pause.saturating_sub(pause.mul_f64(f64::from(byte[0]) / 512.0));
        pause.max(asked.unwrap_or_default().min(LONGEST_PAUSE))
    }
}

impl Rooms {
    fn parse(names: &[String]) -> Result<Self, String> {
        let mut rooms = Self::default();
        for name in names {
            match name.as_str() {
                "*" => {
                    (rooms.public, rooms.private, rooms.direct) = (true, true, true);
                }
                "*public" => rooms.public = true,
                "*private" => rooms.private = true,
                "*direct" => rooms.direct = true,
                other => match RoomRef::parse(other) {
                    Ok(RoomRef::Id(id)) => drop(rooms.ids.insert(id)),
                    Ok(RoomRef::Name(name)) => drop(rooms.names.insert(name)),
                    Err(_) => {
                        return Err(format!(
                            "webhook.rooms: {other:?} is no room; write the name of a public room, an id, \
                             *public, *private, *direct or *"
                        ));
                    }
                },
            }
        }
        Ok(rooms)
    }

    fn is_none(&self) -> bool {
        let some = self.public || self.private || self.direct;
        !some && self.names.is_empty() && self.ids.is_empty()
    }

    fn has(&self, room: &Room) -> bool {
        let of_kind = match room.kind {
            RoomKind::Public => self.public || self.names.contains(&room.name),
            RoomKind::Private => self.private,
            RoomKind::Direct => self.direct,
        };
        of_kind || self.ids.contains(&room.id)
    }
}

fn kinds(words: &[String]) -> Result<HashSet<&'static str>, String> {
    if words.iter().any(|word| word == "*") {
        return Ok(KINDS.into_iter().collect());
    }
    let known = |word: &String| {
        let kind = KINDS.into_iter().find(|kind| kind == word);
        kind.ok_or_else(|| {
            let all = KINDS.join(", ");
            format!("webhook.kinds: {word:?} is no kind of event; there are {all}, and * for all")
        })
    };
    words.iter().map(known).collect()
}

/// Who is trusted beside those whom this machine trusts.
fn roots(settings: &config::Webhook) -> Result<Roots, String> {
    let file = &settings.ca_file;
    if file.as_os_str().is_empty() {
        return Ok(Roots::default());
    }
    let shown = file.display();
    let pem = read_named(file, Readers::Everyone);
    let pem = pem.map_err(|why| format!("webhook.ca_file {shown}: {why}"))?;
    Roots::parse(&pem).map_err(|why| format!("webhook.ca_file {shown} {why}"))
}

fn secrets(settings: &config::Webhook) -> Result<Secrets, String> {
    let file = &settings.secret_file;
    let named = !file.as_os_str().is_empty();
    match (settings.secret.is_empty(), named) {
        (false, true) => {
            Err("webhook.secret_file is set, and so is webhook.secret; set one of them".into())
        }
        (false, false) => {
            Secrets::parse(settings.secret.expose()).map_err(|why| format!("webhook.secret {why}"))
        }
        (true, true) => {
            let shown = file.display();
            let wrong = |why: String| format!("webhook.secret_file {shown}: {why}");
            let bytes = read_named(file, Readers::Few).map_err(wrong)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".into()))?;
            Secrets::parse(text).map_err(wrong)
        }
        (true, false) => Err(
            "webhook.url is set without a secret, by which the place knows that it is us: set \
             webhook.secret_file; make a secret with: echo whsec_$(openssl rand -base64 32)"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> config::Webhook {
        config::Webhook {
            url: "https://hooks.example.org/s3cret".into(),
            secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".into(),
            rooms: vec!["*public".into()],
            ..config::Webhook::default()
        }
    }

    type Change = fn(&mut config::Webhook);

    #[tokio::test]
    async fn what_is_wrong_is_told_by_its_setting() {
        assert!(load(&config::Webhook::default()).unwrap().is_none());
        let target = load(&settings()).unwrap().unwrap();
        assert_eq!(target.place, "https://hooks.example.org/***");
        let wrong: [(Change, &str); 10] = [
            (
                |s| s.url = "https://10.0.0.1/s3cret".into(),
                "webhook.url https://10.0.0.1/*** 10.0.0.1 is a private",
            ),
            (|s| s.secret = "".into(), "webhook.secret_file"),
            (
                |s| s.secret = "MfKQ9r8".into(),
                "webhook.secret does not begin",
            ),
            (
                |s| s.secret_file = "/nowhere/at/all".into(),
                "set one of them",
            ),
            (
                |s| s.ca_file = "/nowhere/at/all".into(),
                "webhook.ca_file /nowhere/at/all: cannot be read",
            ),
            (
                |s| s.ca_file = "Cargo.toml".into(),
                "webhook.ca_file Cargo.toml has no certificate",
            ),
            (
                |s| s.rooms = vec!["A room".into()],
                "webhook.rooms: \"A room\"",
            ),
            (|s| s.rooms.clear(), "nothing is sent there"),
            (|s| s.kinds.clear(), "nothing is sent there"),
            (
                |s| s.kinds = vec!["mesage".into()],
                "webhook.kinds: \"mesage\"",
            ),
        ];
        for (change, why) in wrong {
            let mut settings = settings();
            change(&mut settings);
            let told = load(&settings).unwrap_err();
            assert!(told.contains(why) && !told.contains("s3cret"), "{told}");
            assert!(!told.contains("MfKQ"), "{told}");
        }
    }

    #[tokio::test]
    async fn pauses_grow_up_to_a_limit() {
        let target = load(&settings()).unwrap().unwrap();
        let mut before = Duration::ZERO;
        for failures in 1..40 {
            let pause = target.pause(failures, None);
            assert!(
                pause <= target.retry_max && pause * 2 > before,
                "{failures}: {pause:?}"
            );
            before = pause;
        }
        assert!(before * 2 > target.retry_max);
        let asked = Duration::from_mins(20);
        assert_eq!(target.pause(1, Some(asked)), asked);
        assert_eq!(target.pause(1, Some(asked * 100)), LONGEST_PAUSE);
    }
}
