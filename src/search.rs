//! The search index: which words are in which message. A cache beside the store, the same for every backend.
//!
//! It lies in a file of its own, `search.db` (SQLite with FTS5), which may be deleted at any time: whoever feeds it
//! (`chat::search`) reads the logs of the rooms again from where it stands, and from the beginning where there is
//! none, it is damaged, or it is of another version or another incarnation of the store. Nothing here knows of
//! rights, and nothing that is found is an answer: it names messages, which are read from the store and looked at
//! again.
//!
//! A text is made into words here ([`words`]), and SQLite is given nothing but those: so what is indexed, what is
//! asked for, what is shown as found and how well it fits all go by one idea of what a word is.

mod apply;
mod file;
mod find;
mod index;
mod inspect;
mod merge;
mod query;
mod score;
mod snippet;
mod tag;
mod words;

#[cfg(test)]
mod tests;

pub use self::{
    apply::{Batch, Change, Doc},
    find::{Cursor, Found, Hit, Order, Scope, Wanted},
    index::{Index, Size},
    inspect::{Indexed, Inspection},
    query::Query,
    snippet::{Part, snippet},
    tag::Tag,
    words::{Word, words},
};

/// Why the index does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It was damaged, and began anew: what was indexed is to be indexed again.
    #[error("the search index was damaged and begins anew: {0}")]
    Anew(String),
    /// The disk is full.
    #[error("there is no room for the search index")]
    Full,
    /// It cannot be used at this time.
    #[error("the search index cannot be used: {0}")]
    Unavailable(String),
    /// Too many search at this moment.
    #[error("too many searches are under way")]
    Busy,
    /// A search took longer than it may, and had found nothing by then.
    #[error("the search takes too long")]
    TooLong,
}
