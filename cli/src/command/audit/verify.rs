//! `chatd audit verify`: whether anybody changed the control log.

use chatd::{
    admin::api::audit::RawEntry,
    clock::Millis,
    log::verify::{Compared, Noted, Place, Walk, Wrong},
};
use clap::Args;
use serde_json::{Value, json};

use super::walk;
use crate::{
    asking::Asking,
    failure::{Exit, Failure},
    output::{Facts, count, escape, exact, number},
};

/// Check every act's hash, and that none is missing
///
/// Walks the control log from its first act: that each is there, has the hash that follows from the one
/// before, and the particulars that its digest stands for. Names the first one that is wrong, and ends with
/// 10 then. The last hash, written down elsewhere and given back with --expect, also shows when the end was
/// cut off, or when all of it was computed anew.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd audit verify
  chatd audit verify --json | jq -r '\"\\(.last.hash)@\\(.last.seq)\"' > elsewhere
  chatd audit verify --expect \"$(cat elsewhere)\"")]
pub(crate) struct Verify {
    /// What an earlier check told as the last hash, best with @SEQ
    #[arg(long, value_name = "HASH[@SEQ]")]
    expect: Option<Noted>,
}

impl Verify {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let (checked, first) = asking.look(async |client| {
            let mut checked = Walk::new(self.expect.clone());
            let mut first = None;
            let step = |row: &RawEntry| {
                first = first.or(row.at.map(Millis));
                checked.step(row);
                Ok(())
            };
            walk(client, 0, step).await?;
            Ok((checked, first))
        })?;
        let trouble = trouble(&checked, self.expect.as_ref());
        if trouble.is_none() || !asking.console.is_words() {
            let document = document(&checked, trouble.as_deref());
            let words = |_| page(&checked, first);
            asking.console.answer(&document, words)?;
        }
        if let Some(what) = trouble {
            return Err(Failure::Listed {
                what,
                lines: Vec::new(),
                exit: Exit::Problems,
                hint: "`chatd audit list` shows what it says around there; keep a copy of the store as it is"
                    .into(),
            });
        }
        if checked.last.is_some() {
            let note = "Write the last hash down where nobody who can write to this store can: \
                        --expect compares it later.";
            asking.console.note(note);
        }
        Ok(())
    }
}

/// What is wrong, in a sentence.
fn trouble(checked: &Walk, expect: Option<&Noted>) -> Option<String> {
    let good = match &checked.last {
        Some(Place { seq, hash, .. }) => format!(
            "the {} before it are right, up to {hash}@{seq}",
            number(checked.checked)
        ),
        None => "there is none before it that is right".into(),
    };
    if let Some(Wrong { seq, at, act, why }) = &checked.wrong {
        let act = act.as_deref().map(|act| format!(", {}", escape(act)));
        let at = at.map(|at| format!(", of {}", exact(at)));
        let (act, at) = (act.unwrap_or_default(), at.unwrap_or_default());
        let verb = if checked.following == 1 {
            "follows"
        } else {
            "follow"
        };
        let following = count(checked.following, "act");
        return Some(format!(
            "the control log was changed at act {seq}{act}{at} — {why}\n\
             {following} {verb} it; {good}"
        ));
    }
    let end = match &checked.last {
        Some(last) => format!("it ends at {}", last.seq),
        None => "it is empty".into(),
    };
    let seq = expect.and_then(|noted| noted.seq).unwrap_or_default();
    match checked.compared()? {
        Compared::Found(_) | Compared::NotReached => None,
        Compared::Rewritten(hash) => Some(format!(
            "the control log was rewritten: act {seq} has another hash than was noted — {hash}"
        )),
        Compared::CutOff => Some(format!(
            "the control log was cut off: {end}, before the noted act {seq}"
        )),
        Compared::Nowhere => Some(format!(
            "the control log was cut off or rewritten: no act has the noted hash; {end}"
        )),
    }
}

fn place(place: &Place) -> Value {
    json!({"seq": place.seq, "at": place.at, "hash": place.hash})
}

fn document(checked: &Walk, trouble: Option<&str>) -> Value {
    let wrong = checked.wrong.as_ref().map(|wrong| {
        json!({
            "seq": wrong.seq, "at": wrong.at, "act": wrong.act, "why": wrong.why,
            "following": checked.following,
        })
    });
    let expected = checked.compared().map(|compared| match compared {
        Compared::Found(_) => "found",
        Compared::Rewritten(_) => "rewritten",
        Compared::CutOff => "cut_off",
        Compared::Nowhere => "nowhere",
        Compared::NotReached => "not_reached",
    });
    json!({
        "ok": trouble.is_none(), "problem": trouble, "checked": checked.checked,
        "erased": checked.erased, "last": checked.last.as_ref().map(place), "wrong": wrong,
        "expected": expected,
    })
}

fn page(checked: &Walk, first: Option<Millis>) -> String {
    let Some(last) = &checked.last else {
        return "The control log is empty.".into();
    };
    let span = first.map(|first| format!("{} to {}", exact(first), exact(last.at)));
    let erased = (checked.erased > 0)
        .then(|| format!("{} without their particulars", count(checked.erased, "act")));
    let found = match checked.compared() {
        Some(Compared::Found(seq)) => Some(format!("there, at {}", number(seq))),
        _ => None,
    };
    Facts::default()
        .with("checked", count(checked.checked, "act"))
        .maybe("from", span)
        .maybe("erased", erased)
        .maybe("noted hash", found)
        .with("last hash", format!("{}@{}", last.hash, last.seq))
        .under("The control log is whole.")
}
