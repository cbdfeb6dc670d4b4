//! `chatd version`: what this binary is, for reports and for scripts.

use chatd::{door, segment, store};
use clap::Args;
use serde::Serialize;

use crate::{console::Console, failure::Failure, output::Facts};

/// Show the version, and those of what it speaks and stores
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd version
  chatd version --json | jq -r .version")]
pub(crate) struct Version {}

/// What this binary is.
#[derive(Serialize)]
struct Built {
    version: &'static str,
    /// Of which state of the source, where whoever built it said so (`GIT_COMMIT`): nothing that differs from one
    /// build of the same source to the next.
    commit: Option<&'static str>,
    target: String,
    profile: &'static str,
    /// What clients speak over the WebSocket.
    protocol: u32,
    sqlite_schema: u32,
    mongodb_schema: u32,
    /// Of sealed segments of the archive.
    segment_format: u32,
}

impl Version {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, console: &Console) -> Result<(), Failure> {
        let built = Built {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("GIT_COMMIT").filter(|commit| !commit.is_empty()),
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            profile: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            },
            protocol: door::PROTOCOL,
            sqlite_schema: store::sqlite::schema_version(),
            mongodb_schema: store::mongo::schema_version(),
            segment_format: segment::VERSION,
        };
        console.answer(&built, |_| page(&built))
    }
}

fn page(built: &Built) -> String {
    Facts::default()
        .maybe("commit", built.commit)
        .with("built for", format!("{}, {}", built.target, built.profile))
        .with("protocol", built.protocol.to_string())
        .with("schema of SQLite", built.sqlite_schema.to_string())
        .with("schema of MongoDB", built.mongodb_schema.to_string())
        .with("format of segments", built.segment_format.to_string())
        .under(&format!("chatd {}", built.version))
}
