//! `chatd openapi`: the REST interface for code generators.

use clap::Args;

use crate::{console::Console, failure::Failure};

/// Print the OpenAPI document of the REST interface
///
/// The same that a running server answers at /openapi.json.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  chatd openapi > openapi.json")]
pub(crate) struct Openapi {}

impl Openapi {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, console: &Console) -> Result<(), Failure> {
        let document = chatd::http::openapi();
        let text = document.to_pretty_json().map_err(anyhow::Error::from)?;
        console.answer(&document, |_| text)
    }
}
