//! `chatd message search`: finding what was said, in every room.

use chatd::{
    admin::{
        Client,
        api::{Found, FoundPage, FoundPart},
    },
    clock::{Clock, Millis},
};
use clap::Args;

use crate::{
    args::{When, name, span},
    asking::{Asking, quote},
    failure::{Exit, Explain as _, Failure},
    output::{Cell, Table, count_entries, escape, hit},
};

/// As many as a page may have.
const PAGE: usize = 200;

/// Find messages, in all rooms or in one
///
/// Looks in every room that there is, private ones and direct conversations as well, live and archived, and shows the
/// piece of each message that was found. All words must be in a message; `"a phrase"` is quoted, `begin*` finds what
/// begins so, and after `--` a `-word` must not be in it. Deleted messages are not found. Times are in UTC.
///
/// Where no server runs, the search index is brought up to date first, if that is done in ten seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd message search deploy failed
  chatd message search '\"out of memory\"' --room ops --since 7d
  chatd message search --from eve --since 2026-11-01 --until 2026-11-07
  chatd message search 'stag*' --best --limit 5
  chatd message search --json -- deploy -test | jq -r '.items[].body'")]
pub(crate) struct Search {
    /// What to look for; may be left out with --from
    #[arg(value_name = "WORDS", required_unless_present = "from")]
    words: Vec<String>,

    /// Only in this room: its name or id
    #[arg(long, value_name = "ROOM", value_parser = name)]
    room: Option<String>,

    /// Only what this person said: their name or id
    #[arg(long, value_name = "USER", value_parser = name)]
    from: Option<String>,

    /// Not before: how long ago (2h, 7d), a day, or a moment
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    since: Option<When>,

    /// Not after: the same; a day is included
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    until: Option<When>,

    /// What fits best first, instead of the newest
    #[arg(long)]
    best: bool,

    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

impl Search {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let query = self.query()?;
        let found = asking.look(async |client| self.find(client, &query).await);
        let hint = "`chatd room list` and `chatd user list` tell the names".to_owned();
        let found = found.explain(|| "search".into(), (Exit::NotFound, hint))?;
        let (nothing, page) = ("Nothing was found.", &found);
        asking.console.items(page, &found.items, nothing, table)?;
        if let Some(lack) = lack(&found) {
            asking.console.note(&lack);
        }
        Ok(())
    }

    /// What is asked for, as it stands in the URL.
    fn query(&self) -> Result<String, Failure> {
        let (since, until) = span(self.since, self.until, Clock::system().now())?;
        let order = if self.best { "relevance" } else { "newest" };
        let asked = [
            ("q", Some(self.words.join(" "))),
            ("order", Some(order.to_owned())),
            ("room", self.room.clone()),
            ("from", self.from.clone()),
            ("since", since.map(|at| at.0.to_string())),
            // The server takes the last moment that counts.
            ("until", until.map(|at| (at.0 - 1).to_string())),
        ];
        let said =
            |(name, value): (&str, Option<String>)| Some(format!("{name}={}", quote(&value?)));
        let query: Vec<_> = asked.into_iter().filter_map(said).collect();
        Ok(query.join("&"))
    }

    async fn find(&self, client: &Client, query: &str) -> Result<FoundPage, Failure> {
        let (most, mut items) = (usize::from(self.limit), Vec::new());
        let mut cursor: Option<String> = None;
        loop {
            let limit = (most - items.len()).min(PAGE);
            let mut path = format!("/v1/search?{query}&limit={limit}");
            if let Some(cursor) = &cursor {
                path = format!("{path}&cursor={}", quote(cursor));
            }
            let page: FoundPage = client.get(&path).await?;
            items.extend(page.items);
            if page.next.is_none() || items.len() >= most {
                return Ok(FoundPage { items, ..page });
            }
            cursor = page.next;
        }
    }
}

/// The table of what was found.
fn table(found: &[Found], now: Millis) -> Table {
    let rows = found.iter().map(|f| {
        vec![
            Cell::ago(f.at, now),
            Cell::text(&f.room_name),
            Cell::number(f.seq),
            Cell::or(f.name.as_deref(), "operator"),
            Cell::pair(f.body.as_str(), piece(&f.snippet)),
        ]
    });
    Table::new(&["WHEN", "ROOM", "#SEQ", "BY", "TEXT"], rows)
}

/// The piece that was found, on one line, with what was looked for in bold.
fn piece(parts: &[FoundPart]) -> String {
    let shown = |part: &FoundPart| {
        let text = part.text.replace(['\n', '\r', '\t'], " ");
        let text = escape(&text);
        if part.hit {
            hit(&text)
        } else {
            text.into_owned()
        }
    };
    parts.iter().map(shown).collect()
}

/// What may be missing from what was found, and what to do.
fn lack(found: &FoundPage) -> Option<String> {
    if !found.complete {
        let why = "The search index is not complete: more may be there than was found. `chatd status` tells how far \
                   it is; where no server runs, `chatd store reindex` makes it.";
        return Some(why.into());
    }
    (found.behind > 0).then(|| {
        let behind = count_entries(found.behind);
        format!("The search index is {behind} behind: what was said last may be missing.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{bold, plain};

    fn part(text: &str, hit: bool) -> FoundPart {
        FoundPart {
            text: text.into(),
            hit,
        }
    }

    fn found(snippet: Vec<FoundPart>) -> Found {
        Found {
            room: "r".into(),
            room_name: "ops".into(),
            seq: 1234,
            id: "i".into(),
            at: Millis(0),
            from: None,
            name: Some("ana".into()),
            body: snippet.iter().map(|p| p.text.as_str()).collect(),
            edited: false,
            snippet,
        }
    }

    #[test]
    fn what_was_looked_for_is_bold_and_all_stays_on_its_line() {
        let parts = vec![
            part("the\nlast ", false),
            part("deploy", true),
            part(" \u{1b}[31m", false),
        ];
        let words = table(&[found(parts)], Millis(60_000)).words();
        assert!(words.contains(&bold("deploy")), "{words}");
        let lines: Vec<_> = plain(&words).lines().map(str::to_owned).collect();
        assert_eq!(
            lines,
            [
                "WHEN        ROOM     SEQ   BY    TEXT",
                "1 min ago   ops    1,234   ana   the last deploy \\u{1b}[31m",
            ]
        );
    }

    #[test]
    fn it_says_what_may_be_missing() {
        let mut page = FoundPage {
            items: Vec::new(),
            next: None,
            complete: true,
            behind: 0,
        };
        assert_eq!(lack(&page), None);
        page.behind = 2000;
        let behind = lack(&page).unwrap();
        assert!(behind.contains("2,000 entries behind"), "{behind}");
        page.complete = false;
        assert!(lack(&page).unwrap().contains("chatd store reindex"));
    }
}
