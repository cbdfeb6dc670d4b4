//! How events look: a line each.

use std::ops::ControlFlow;

use chatd::{admin::api::EventLine, feed::Happening};

use crate::{
    console::Console,
    failure::Failure,
    output::{Cell, Table, count, escape, exact, is_closed},
};

/// Says each as it comes.
pub(super) struct Page<'a> {
    console: &'a Console,
    /// Whether the names of the columns were said.
    begun: bool,
}

const HEADINGS: [&str; 8] = [
    "SEQ", "AT", "KIND", "WHAT", "WHO", "TARGET", "DETAIL", "GAP",
];

impl<'a> Page<'a> {
    pub(super) fn new(console: &'a Console) -> Self {
        Self {
            console,
            begun: false,
        }
    }

    /// There is nothing to say.
    pub(super) fn nothing(&self) {
        if self.console.is_words() {
            self.console.note("Nothing of that is remembered.");
        }
    }

    /// Says one. Whoever reads on no more has seen enough.
    pub(super) fn say(&mut self, line: &EventLine) -> Result<ControlFlow<()>, Failure> {
        let said = if self.console.is_json() {
            self.console.line(line)
        } else if self.console.is_words() {
            self.console.words(&words(line))
        } else {
            let tsv = Table::new(&HEADINGS, [row(line)]).tsv();
            let header = tsv.find('\n').map_or(0, |end| end + 1);
            let from = if self.begun { header } else { 0 };
            self.begun = true;
            self.console.words(&tsv[from..])
        };
        match said {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(e) if is_closed(&e) => Ok(ControlFlow::Break(())),
            Err(e) => Err(e),
        }
    }
}

/// For people: `2026-11-28T23:36:38Z  act         room.create     ana → general (public)`.
fn words(line: &EventLine) -> String {
    let what = match line {
        EventLine::Event { what, .. } => what,
        EventLine::Gap { gap, .. } => {
            let gone = count(*gap, "event");
            return format!(
                "… {gone} missing here: the server has forgotten them, or they came too fast"
            );
        }
    };
    let Happening {
        at,
        kind,
        what: word,
        who,
        target,
        detail,
    } = what;
    let mut about = Vec::new();
    about.extend(who.as_deref().map(|who| escape(who).into_owned()));
    about.extend(
        target
            .as_deref()
            .map(|target| format!("→ {}", escape(target))),
    );
    about.extend(
        detail
            .as_deref()
            .map(|detail| format!("({})", escape(detail))),
    );
    let (at, kind, word, about) = (exact(*at), kind.as_str(), escape(word), about.join(" "));
    format!("{at}  {kind:<10}  {word:<18}  {about}")
        .trim_end()
        .to_owned()
}

fn row(line: &EventLine) -> Vec<Cell> {
    match line {
        EventLine::Event { seq, what, .. } => vec![
            Cell::text(seq.to_string()),
            Cell::text(exact(what.at)),
            Cell::text(what.kind.as_str()),
            Cell::text(&what.what),
            Cell::or(what.who.as_deref(), ""),
            Cell::or(what.target.as_deref(), ""),
            Cell::or(what.detail.as_deref(), ""),
            Cell::default(),
        ],
        EventLine::Gap { gap, .. } => {
            let mut row = vec![Cell::default(); HEADINGS.len() - 1];
            row.push(Cell::text(gap.to_string()));
            row
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event() -> EventLine {
        let event = json!({
            "boot": "b", "seq": 7, "at": 1_763_818_320_000_i64, "kind": "act", "what": "room.create",
            "who": "ana", "target": "gen\u{1b}eral", "detail": "pub\tlic",
        });
        serde_json::from_value(event).expect("an event")
    }

    #[test]
    fn people_read_a_sentence_and_scripts_columns() {
        assert_eq!(
            words(&event()),
            "2025-11-22T13:32:00Z  act         room.create         ana → gen\\u{1b}eral (pub\\u{9}lic)"
        );
        let table = Table::new(&HEADINGS, [row(&event())]);
        assert_eq!(
            table.tsv(),
            "seq\tat\tkind\twhat\twho\ttarget\tdetail\tgap\n\
             7\t2025-11-22T13:32:00Z\tact\troom.create\tana\tgen\\u{1b}eral\tpub\\tlic\t\n"
        );
    }

    #[test]
    fn a_gap_is_told() {
        let gap: EventLine = serde_json::from_value(json!({"boot": "b", "gap": 2})).expect("a gap");
        assert!(words(&gap).starts_with("… 2 events missing here"));
        assert_eq!(row(&gap).last(), Some(&Cell::text("2")));
        assert_eq!(row(&gap).len(), HEADINGS.len());
    }
}
