//! `chatd completions`: what the shell needs to complete commands and flags.

use clap::Args;
use clap_complete::Shell;
use serde_json::json;

use crate::{console::Console, failure::Failure, help};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd completions bash > /etc/bash_completion.d/chatd
  chatd completions zsh > ~/.zfunc/_chatd
  chatd completions fish > ~/.config/fish/completions/chatd.fish")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self, console: &Console) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut help::command(), "chatd", &mut script);
        let script = String::from_utf8(script).map_err(anyhow::Error::from)?;
        let document = json!({"shell": self.shell.to_string(), "script": script});
        console.answer(&document, |_| script)
    }
}
