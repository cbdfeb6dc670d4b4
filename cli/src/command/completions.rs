//! `chatd completions`: what the shell needs to complete commands, flags and names.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use clap_complete::env::Shells;
use serde_json::json;

use crate::{complete, console::Console, failure::Failure, output::escape};

/// Print completions for a shell, or install them
///
/// With them the shell completes commands, flags, and the names of users, rooms and roles while a server runs.
/// --install writes the script to where the shell of this user looks for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd completions bash > /etc/bash_completion.d/chatd
  chatd completions fish --install
  chatd completions zsh --install --dry-run")]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,

    /// Write the script for this user
    #[arg(long)]
    install: bool,

    /// Only say where it would be written
    #[arg(short = 'n', long, requires = "install")]
    dry_run: bool,
}

/// The shells there are scripts for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[expect(clippy::enum_variant_names, reason = "it is called so")]
enum Shell {
    Bash,
    Elvish,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Zsh,
}

impl Completions {
    pub(crate) fn run(&self, console: &Console) -> Result<(), Failure> {
        let script = script(self.shell)?;
        let shell = self.shell.name();
        if !self.install {
            let document = json!({"shell": shell, "script": script});
            return console.answer(&document, |_| script);
        }
        let (path, next) = self.shell.place()?;
        let shown = path.display().to_string();
        if !self.dry_run {
            let dir = path.parent().context("it has no directory")?;
            std::fs::create_dir_all(dir)
                .with_context(|| format!("cannot make {}", dir.display()))?;
            std::fs::write(&path, &script).with_context(|| format!("cannot write {shown}"))?;
        }
        let document = json!({"shell": shell, "file": path, "dry_run": self.dry_run});
        console.answer(&document, |_| {
            let shown = escape(&shown);
            if self.dry_run {
                format!("Dry run: {shown} would be written. Nothing was changed.")
            } else {
                format!("Wrote {shown}.")
            }
        })?;
        console.note(next);
        Ok(())
    }
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::PowerShell => "powershell",
            Self::Zsh => "zsh",
        }
    }

    /// Where the script of one user belongs, and what makes the shell read it.
    fn place(self) -> Result<(PathBuf, &'static str), Failure> {
        let home = std::env::home_dir().filter(|home| home.is_absolute());
        let home = home.context("there is no home directory: HOME is not set")?;
        let or = |variable: &str, default: &str| {
            let set = std::env::var_os(variable).map(PathBuf::from);
            set.filter(|dir| dir.is_absolute())
                .unwrap_or_else(|| home.join(default))
        };
        match self {
            Self::Bash => Ok((
                or("XDG_DATA_HOME", ".local/share").join("bash-completion/completions/chatd"),
                "Shells that start from now on have it, where the package bash-completion is installed.",
            )),
            Self::Fish => Ok((
                or("XDG_CONFIG_HOME", ".config").join("fish/completions/chatd.fish"),
                "Shells that start from now on have it.",
            )),
            Self::Zsh => Ok((
                home.join(".zfunc/_chatd"),
                "Have `fpath+=(~/.zfunc)` before `compinit` in ~/.zshrc, and start a new shell.",
            )),
            Self::Elvish | Self::PowerShell => {
                let why = "this shell has no place for it: print the script, and source it from its start file";
                Err(Failure::Usage(why.into()))
            }
        }
    }
}

/// From a directory of `fpath` zsh reads the script as a function, and calls it for the first Tab: the script as it
/// is would only define what completes, and that Tab would do nothing.
const ZSH_FIRST: &str = "
if [[ $funcstack[1] == _chatd ]]; then
    _clap_dynamic_completer_chatd
fi
";

/// The script that has the shell ask this binary.
fn script(shell: Shell) -> Result<String, Failure> {
    let shells = Shells::builtins();
    let completer = shells
        .completer(shell.name())
        .context("there is no such shell")?;
    let mut script = Vec::new();
    completer
        .write_registration(complete::VARIABLE, "chatd", "chatd", "chatd", &mut script)
        .map_err(anyhow::Error::from)?;
    if shell == Shell::Zsh {
        script.extend_from_slice(ZSH_FIRST.as_bytes());
    }
    Ok(String::from_utf8(script).map_err(anyhow::Error::from)?)
}
