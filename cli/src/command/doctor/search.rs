//! The search index: whether it keeps up with what is said.

use chatd::admin::api::SearchStatus;

use super::{
    finding::Finding,
    seen::{Seen, Server},
};
use crate::output::{bytes, count_entries};

const CHECK: &str = "search";

/// How it stands, where a server runs that feeds it.
pub(super) fn search(seen: &Seen) -> Option<Finding> {
    match &seen.server {
        Server::Answers(status) => status.search.as_ref().map(judge),
        Server::Silent { .. } | Server::Nobody => None,
    }
}

fn judge(search: &SearchStatus) -> Finding {
    let (lag, size) = (count_entries(search.behind), bytes(search.bytes));
    match &search.trouble {
        Some(why) => Finding::warning(
            CHECK,
            format!("the index stands still, {lag} behind, so these are not found: {why}"),
            "chatd store reindex   # once what is in its way is mended; chat goes on without it",
        ),
        None if !search.complete => {
            Finding::ok(CHECK, format!("the index is being made, {lag} to go"))
        }
        None if search.behind == 0 => Finding::ok(CHECK, format!("up to date, {size}")),
        None => Finding::ok(CHECK, format!("{lag} behind, {size}")),
    }
}

#[cfg(test)]
mod tests {
    use chatd::clock::Millis;

    use super::{super::finding::Verdict, *};

    #[test]
    fn an_index_that_stands_still_is_warned_of() {
        let mut search = SearchStatus {
            behind: 3,
            complete: true,
            bytes: 4096,
            rooms: 1,
            trouble: None,
            trouble_since: None,
        };
        assert_eq!(judge(&search).verdict, Verdict::Ok);
        search.trouble = Some("the disk is full".into());
        search.trouble_since = Some(Millis(1));
        let found = judge(&search);
        assert_eq!(found.verdict, Verdict::Warning);
        assert!(found.what.contains("3 entries"), "{}", found.what);
    }
}
