//! Messages that operators found.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::clock::Millis;

/// A page of messages that were found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoundPage {
    /// The messages.
    pub items: Vec<Found>,
    /// Give it as `cursor` for the next page; none on the last.
    pub next: Option<String>,
    /// False while the index is being made, or cannot go on: more may be there than is found.
    pub complete: bool,
    /// How many entries were not indexed yet, as far as is known.
    pub behind: u64,
}

/// A message that was found.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Found {
    /// The room's id.
    pub room: String,
    /// What that room is called.
    pub room_name: String,
    /// Its number there.
    pub seq: u64,
    /// Its id.
    pub id: String,
    /// When.
    #[schema(value_type = i64)]
    pub at: Millis,
    /// Who said it.
    pub from: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// The text as it is now.
    pub body: String,
    /// Whether it was edited.
    pub edited: bool,
    /// The piece of the text around what was found: the parts, put together.
    pub snippet: Vec<FoundPart>,
}

/// A part of a piece.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FoundPart {
    /// The text.
    pub text: String,
    /// Whether it is what was looked for.
    pub hit: bool,
}
