//! How much somebody may do over the admin socket.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much somebody may do over the admin socket; each includes those before it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// See how the server is and what there is: no texts of messages, no secrets, no change.
    View,
    /// Keep order and keep it running: what can be taken back, and tells nobody what was said.
    Operate,
    /// Everything.
    Own,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::View, Self::Operate, Self::Own];

    /// Its word, in the settings and in the control log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Operate => "operate",
            Self::Own => "own",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
