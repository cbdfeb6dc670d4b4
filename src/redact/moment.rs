//! Moments as people and programs give them.

use serde::Deserialize;

use crate::{clock::Millis, config::Period, model::Refusal};

/// A moment: milliseconds since 1970, or how long ago (`2h`, `1h30m`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Milliseconds since 1970.
    At(Millis),
    /// How long ago.
    Ago(String),
}

impl Moment {
    /// The moment, seen from `now`; a refusal names `field`.
    pub fn resolve(&self, now: Millis, field: &str) -> Result<Millis, Refusal> {
        match self {
            Self::At(at) if at.0 >= 0 => Ok(*at),
            Self::At(_) => Err(Refusal::field(field, "milliseconds since 1970")),
            Self::Ago(text) => {
                let period: Result<Period, _> = text.parse();
                let period = period.map_err(|e| Refusal::field(field, e))?;
                Ok(now.minus(period.get()))
            }
        }
    }
}
