//! Where words go: answers to stdout, errors and notes to stderr, all of it safe for a terminal.

use std::{
    ffi::OsString,
    io::{self, IsTerminal as _, Write as _},
};

use chatd::{
    admin::api::List,
    clock::{Clock, Millis},
};
use clap::builder::StyledStr;
use serde::Serialize;
use serde_json::json;

use crate::{
    cli::Global,
    failure::{Exit, Failure},
    output::{Form, Lines, Table, escape, escape_json, escape_lines, is_closed, plain, tsv},
};

/// How this run talks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Console {
    form: Form,
    quiet: bool,
    /// Whether nothing is to be bold or coloured, wherever it goes.
    plain: bool,
}

impl Console {
    /// As the flags say.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let form = match (global.json, global.output) {
            (false, form) => form.unwrap_or_default(),
            (true, None | Some(Form::Json)) => Form::Json,
            (true, Some(_)) => {
                let why = "--json is short for --output json; leave one of the two out";
                return Err(Failure::Usage(why.into()));
            }
        };
        Ok(Self {
            form,
            quiet: global.quiet,
            plain: global.no_color,
        })
    }

    /// As the arguments look like, when they could not be parsed.
    pub(crate) fn guess(args: &[OsString]) -> Self {
        let has = |word: &str| args.iter().any(|arg| arg == word);
        let json = has("--json") || has("--output=json") || has("--output=jsonl");
        let after = args.windows(2).any(|pair| {
            (pair[0] == "--output" || pair[0] == "-o") && (pair[1] == "json" || pair[1] == "jsonl")
        });
        Self {
            form: if json || after {
                Form::Json
            } else {
                Form::Table
            },
            quiet: false,
            plain: has("--no-color"),
        }
    }

    /// Whether a script reads the answer, as JSON: what comes bit by bit comes as lines of it.
    pub(crate) fn is_json(&self) -> bool {
        matches!(self.form, Form::Json | Form::Jsonl)
    }

    /// Whether people read the answer.
    pub(crate) fn is_words(&self) -> bool {
        self.form == Form::Table
    }

    /// Whether notes are left out.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether bold and colours show on a stream, and are wanted.
    pub(crate) fn has_style(&self, stream: &impl io::IsTerminal) -> bool {
        !self.plain && has_style(stream)
    }

    /// One line of JSON, of an answer that comes line by line.
    #[expect(clippy::unused_self, reason = "as the others")]
    pub(crate) fn line<T: Serialize>(&self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value).map_err(anyhow::Error::from)?;
        print(&escape_json(&text))
    }

    /// The answer about one thing: a JSON document, names and values, or words. The words were escaped by whoever
    /// made them.
    pub(crate) fn answer<T: Serialize>(
        &self,
        value: &T,
        words: impl FnOnce(Millis) -> String,
    ) -> Result<(), Failure> {
        match self.form {
            Form::Json => {
                let text = serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?;
                print(&escape_json(&text))
            }
            Form::Jsonl => self.line(value),
            Form::Tsv => {
                let value = serde_json::to_value(value).map_err(anyhow::Error::from)?;
                print(&tsv(&value))
            }
            Form::Table => self.words(&words(Clock::system().now())),
        }
    }

    /// A list: a JSON document, a line for each item, a table, or tab-separated values. With nothing in it people
    /// are told `nothing`.
    pub(crate) fn list<T: Serialize>(
        &self,
        list: &List<T>,
        nothing: &str,
        table: impl FnOnce(&[T], Millis) -> Table,
    ) -> Result<(), Failure> {
        self.items(list, &list.items, nothing, table)
    }

    /// The same for a document that has its items elsewhere.
    pub(crate) fn items<T: Serialize>(
        &self,
        document: &impl Serialize,
        items: &[T],
        nothing: &str,
        table: impl FnOnce(&[T], Millis) -> Table,
    ) -> Result<(), Failure> {
        let now = Clock::system().now();
        match self.form {
            Form::Json => self.answer(document, |_| String::new()),
            Form::Jsonl => {
                let mut out = Lines::out();
                let written = items.iter().try_for_each(|item| out.line(item));
                match written.and_then(|()| out.finish()) {
                    Err(failure) if is_closed(&failure) => Ok(()),
                    done => done,
                }
            }
            Form::Tsv => print(&table(items, now).tsv()),
            Form::Table if items.is_empty() => {
                self.note(nothing);
                Ok(())
            }
            Form::Table => self.words(&table(items, now).words()),
        }
    }

    /// Help and version, in colour where that shows.
    pub(crate) fn styled(&self, text: &StyledStr) -> Exit {
        let text = if self.has_style(&io::stdout()) {
            text.ansi().to_string()
        } else {
            text.to_string()
        };
        print(&text).map_or(Exit::Other, |()| Exit::Ok)
    }

    /// Words to stdout, which were escaped.
    pub(crate) fn words(&self, text: &str) -> Result<(), Failure> {
        if self.has_style(&io::stdout()) {
            print(text)
        } else {
            print(&plain(text))
        }
    }

    /// An answer with a secret in it that is shown this once. With `--quiet` the secret is all that is
    /// said, so that a script can take it as it comes.
    pub(crate) fn answer_secret<T: Serialize>(
        &self,
        value: &T,
        secret: Option<&str>,
        words: impl FnOnce(Millis) -> String,
    ) -> Result<(), Failure> {
        match secret {
            Some(secret) if self.quiet => self.answer(value, |_| escape(secret).into_owned()),
            _ => self.answer(value, words),
        }
    }

    /// A note for the person in front of it.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            complain(&escape_lines(text));
        }
    }

    /// What went wrong and what to do next: to stderr, in words or as JSON.
    pub(crate) fn failed(&self, failure: &Failure) -> Exit {
        if self.is_json() {
            let message = failure.to_string();
            let message = match failure.lines() {
                [] => message.trim_end(),
                // They follow, each by itself.
                _ => message.lines().next().unwrap_or_default(),
            };
            let mut error = json!({"code": failure.code(), "message": message});
            if let Some(field) = failure.field() {
                error["field"] = field.into();
            }
            if !failure.lines().is_empty() {
                error["lines"] = json!(failure.lines());
            }
            complain(&escape_json(&json!({ "error": error }).to_string()));
            return failure.exit();
        }
        let style = self.has_style(&io::stderr());
        let (red, dim, off) = if style {
            ("\x1b[1;31m", "\x1b[2m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let message = failure.to_string();
        let message = escape_lines(message.trim_end());
        // clap's own begin with the word.
        let message = message.strip_prefix("error: ").unwrap_or(&message);
        let message = match failure {
            Failure::Usage(_) => message.to_owned(),
            _ => message.replace('\n', "\n  "),
        };
        complain(&format!("{red}error:{off} {message}"));
        if let Some(hint) = failure.hint().filter(|_| !self.quiet) {
            complain(&format!("{dim}hint:{off} {}", escape(&hint)));
        }
        failure.exit()
    }
}

/// Text to stdout. Nobody reading on (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let end = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    match write!(out, "{text}{end}").and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(anyhow::Error::from(e)
            .context("cannot write to stdout")
            .into()),
        _ => Ok(()),
    }
}

/// Whether bold and colours may be used on a stream.
fn has_style(stream: &impl io::IsTerminal) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    stream.is_terminal()
        && !set("NO_COLOR")
        && std::env::var_os("TERM").is_some_and(|t| t != "dumb")
}

/// Whether a person sits at the keyboard.
pub(crate) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Lets a person type the name of what is to be destroyed. Where nobody sits, only `--yes` will do.
pub(crate) fn confirm(name: &str, what: &str) -> Result<(), Failure> {
    if !is_interactive() {
        return Err(Failure::Unconfirmed);
    }
    let name = escape(name);
    let mut err = io::stderr();
    let asked = write!(err, "{what} Type {name} to go on: ").and_then(|()| err.flush());
    asked.map_err(anyhow::Error::from)?;
    let mut typed = String::new();
    io::stdin()
        .read_line(&mut typed)
        .map_err(anyhow::Error::from)?;
    if typed.trim() == name {
        Ok(())
    } else {
        Err(Failure::Unconfirmed)
    }
}

fn complain(text: &str) {
    // With stderr gone there is nobody left to tell.
    let _ = writeln!(io::stderr(), "{text}");
}
