//! `chatd file list`.

use std::fmt::Write as _;

use bytesize::ByteSize;
use chatd::{
    admin::api,
    model::{FileState, MediaPattern},
};
use clap::Args;

use super::page;
use crate::{
    args::{name, one_of},
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
};

/// As many as the server gives at once.
const PAGE: u64 = 200;

/// List files, the newest first
///
/// With how many there are of what was asked for, and how much they take.
#[derive(Debug, Args)]
#[command(
    visible_alias = "ls",
    after_help = "\
Examples:
  chatd file list --largest --limit 20
  chatd file list --user ana --type image --larger-than 10MiB
  chatd file list --room general --state attached
  chatd file list --state unused --json | jq .total"
)]
pub(crate) struct List {
    /// Only those of this account: its name or id
    #[arg(long, value_name = "USER", value_parser = name)]
    user: Option<String>,

    /// Only those in messages of this room: its name or id
    #[arg(long, value_name = "ROOM", value_parser = name)]
    room: Option<String>,

    /// Only those in a message, in none yet, or on their way out
    #[arg(long, value_name = "STATE", value_parser = one_of(FileState::ALL, FileState::as_str))]
    state: Option<FileState>,

    /// Only those of this kind, by their bytes: image, or image/png
    #[arg(long = "type", value_name = "TYPE", value_parser = media)]
    media: Option<String>,

    /// Only those that are larger, such as 10MiB
    #[arg(long, value_name = "SIZE")]
    larger_than: Option<ByteSize>,

    /// The largest first
    #[arg(long)]
    largest: bool,

    /// How many at most
    #[arg(long, value_name = "N", default_value_t = 50,
        value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,

    /// Go on where an earlier list ended: its `next`
    #[arg(long, value_name = "NEXT")]
    cursor: Option<String>,
}

impl List {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let asked = self.query();
        let found: Result<api::Files, Failure> = asking.look(async |client| {
            let (mut items, mut total) = (Vec::new(), None);
            let mut next = self.cursor.clone();
            loop {
                let have = u64::try_from(items.len()).unwrap_or(u64::MAX);
                let limit = (self.limit - have).min(PAGE);
                let mut path = format!("/v1/files?limit={limit}{asked}");
                if let Some(cursor) = &next {
                    write!(path, "&cursor={}", quote(cursor)).expect("a String takes it");
                }
                let page: api::Files = client.get(&path).await?;
                items.extend(page.items);
                total = total.or(page.total);
                next = page.next;
                if next.is_none() || items.len() as u64 >= self.limit {
                    return Ok(api::Files { items, next, total });
                }
            }
        });
        let hint = (
            Exit::NotFound,
            "`chatd user list` lists every account, `chatd room list` every room".to_owned(),
        );
        let found = found.explain(|| "list files".into(), hint)?;
        let console = asking.console;
        let nothing = "There are no such files.";
        console.items(&found, &found.items, nothing, |files, now| {
            page::list(files, found.total, now)
        })?;
        if let Some(next) = &found.next
            && console.is_words()
        {
            console.note(&format!(
                "There are more: say --limit, or go on with --cursor {next}"
            ));
        }
        Ok(())
    }

    fn query(&self) -> String {
        let mut query = String::new();
        let mut say = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                write!(query, "&{name}={}", quote(&value)).expect("a String takes it");
            }
        };
        say("user", self.user.clone());
        say("room", self.room.clone());
        say("state", self.state.map(|s| s.to_string()));
        say("type", self.media.clone());
        say("larger_than", self.larger_than.map(|s| s.0.to_string()));
        say("order", self.largest.then(|| "largest".to_owned()));
        query
    }
}

/// A media type as the API takes it: `image` is all that begin so.
fn media(text: &str) -> Result<String, String> {
    let text = if text.contains('/') {
        text.to_owned()
    } else {
        format!("{text}/*")
    };
    MediaPattern::parse(&text).map_err(|e| e.to_string())?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_first_word_of_a_type_or_all_of_it() {
        assert_eq!(media("image").as_deref(), Ok("image/*"));
        assert_eq!(media("image/*").as_deref(), Ok("image/*"));
        assert_eq!(media("text/plain").as_deref(), Ok("text/plain"));
        for bad in ["im age", "IMAGE", "image/p?g"] {
            assert!(media(bad).is_err(), "{bad}");
        }
    }
}
