//! `chatd message export`: what was said, live and archived, as JSON lines.

mod walk;

use std::path::PathBuf;

use chatd::{
    admin::{
        Client,
        api::{self, List, UserDetail},
    },
    clock::{Clock, Millis},
};
use clap::{Args, ValueHint};
use serde_json::json;

use self::walk::{Counts, Place, Wanted};
use crate::{
    args::{When, name, span},
    asking::{Asking, all, quote},
    command::{archive, room, user},
    failure::{Explain as _, Failure},
    output::{Lines, count, count_entries, escape, is_closed, number},
};

/// Write messages as JSON lines, live and archived ones
///
/// A line for each message, by room and number, to stdout or into a file that only you may read. Of an edited
/// message the newest text, and when it was edited; of a deleted one only that there was one. All rooms, private
/// ones as well, unless some are named; a deleted room is named by its id. Times are in UTC.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd message export --room general --out general.jsonl
  chatd message export --user eve --since 30d | jq -r .body
  chatd message export --since 2026-01-01 --until 2026-01-31 --out january.jsonl")]
pub(crate) struct Export {
    /// Only from this room, by name or id; may be repeated
    #[arg(long = "room", value_name = "ROOM", value_parser = name)]
    rooms: Vec<String>,

    /// Only what this person said: a name or id
    #[arg(long, value_name = "USER", value_parser = name)]
    user: Option<String>,

    /// Not before: how long ago (2h, 7d), a day, or a moment
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    since: Option<When>,

    /// Not after: the same; a day is included
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    until: Option<When>,

    /// Write to FILE, which must not be there yet [default: stdout]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (since, until) = span(self.since, self.until, Clock::system().now())?;
        let written = asking.look(async |client| self.export(client, since, until).await);
        let counts = match written {
            Err(e) if is_closed(&e) => return Ok(()),
            other => other.explain(|| "export messages".into(), room::which())?,
        };
        let Some(path) = &self.out else {
            asking.console.note(&words(&counts, None));
            return archive::unreadable(counts.unread);
        };
        let document = json!({
            "file": path, "messages": counts.messages, "deleted": counts.deleted, "rooms": counts.rooms,
            "purged": counts.purged, "unread": counts.unread,
        });
        asking.console.answer(&document, |_| {
            words(&counts, Some(&path.display().to_string()))
        })?;
        archive::unreadable(counts.unread)
    }

    async fn export(
        &self,
        client: &Client,
        since: Option<Millis>,
        until: Option<Millis>,
    ) -> Result<Counts, Failure> {
        // All is found before a file is made: a name that is wrong leaves nothing behind.
        let rooms = self.find_rooms(client).await?;
        let from = match &self.user {
            Some(name) => Some(find_user(client, name).await?),
            None => None,
        };
        let wanted = Wanted { from, since, until };
        let mut out = match &self.out {
            Some(path) => Lines::file(path)?,
            None => Lines::out(),
        };
        let done = async {
            let mut counts = Counts::default();
            for room in &rooms {
                walk::write_room(client, room, &wanted, &mut out, &mut counts).await?;
            }
            out.finish()?;
            Ok(counts)
        }
        .await;
        if let (Err(_), Some(path)) = (&done, &self.out) {
            // Half an export looks like a whole one.
            let _said_already = std::fs::remove_file(path);
        }
        done
    }

    async fn find_rooms(&self, client: &Client) -> Result<Vec<Place>, Failure> {
        if self.rooms.is_empty() {
            let list: List<api::Room> = all(client, "/v1/rooms").await?;
            return Ok(list.items.into_iter().map(Place::of).collect());
        }
        let mut places: Vec<Place> = Vec::new();
        for name in &self.rooms {
            let found = match room::find(client, name).await {
                Ok(found) => Place::of(found),
                // One that is deleted has only its id left; one that never was is told by that.
                Err(e) => match room::find_id(client, name).await {
                    Ok(id) => Place::deleted(id),
                    Err(_) => return Err(e),
                },
            };
            if places.iter().all(|place| place.id != found.id) {
                places.push(found);
            }
        }
        Ok(places)
    }
}

/// The id of somebody.
async fn find_user(client: &Client, name: &str) -> Result<String, Failure> {
    let path = format!("/v1/users/{}", quote(name));
    let found: Result<UserDetail, Failure> = async { Ok(client.get(&path).await?) }.await;
    let found = found.explain(|| format!("find user `{name}`"), user::who())?;
    Ok(found.user.id)
}

fn words(counts: &Counts, to: Option<&str>) -> String {
    let (messages, rooms) = (
        count(counts.messages, "message"),
        count(counts.rooms, "room"),
    );
    let to = to
        .map(|to| format!(" to {}", escape(to)))
        .unwrap_or_default();
    let mut text = format!("Wrote {messages} of {rooms}{to}.");
    if counts.deleted > 0 {
        text = format!(
            "{text} Deleted, and without their text: {}.",
            number(counts.deleted)
        );
    }
    if counts.purged > 0 {
        let gone = count_entries(counts.purged);
        text = format!("{text} Purged, and not there any more: {gone}.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_how_much_it_wrote() {
        let mut counts = Counts {
            messages: 1200,
            deleted: 0,
            rooms: 3,
            purged: 0,
            unread: 0,
        };
        assert_eq!(words(&counts, None), "Wrote 1,200 messages of 3 rooms.");
        counts.deleted = 2;
        counts.purged = 1000;
        assert_eq!(
            words(&counts, Some("a\u{1b}")),
            "Wrote 1,200 messages of 3 rooms to a\\u{1b}. Deleted, and without their text: 2. Purged, and not \
             there any more: 1,000 entries."
        );
    }
}
