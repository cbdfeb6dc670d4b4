//! `chatd top`: the dashboard, which is the crate `chatd-tui`.

use chatd_tui::{Look, Screen};
use clap::Args;

use crate::{args::one_of, asking::Asking, failure::Failure, output::escape_lines, settings};

/// How wide a frame is that goes to nobody's window.
const WIDTH: u16 = 120;

/// Watch the server live
///
/// A dashboard in the terminal: how the server is, its rooms, its connections, store and jobs, events, and the log; `?`
/// shows the keys. What is done from there shows first the command that does the same. Where there is no terminal,
/// or with --once, it prints one screen as text; with --json one frame, whose counters are absolute.
#[derive(Debug, Args)]
#[command(
    visible_alias = "dashboard",
    after_help = "\
Examples:
  chatd top
  chatd top --screen connections
  chatd top --once --screen rooms
  chatd top --json --screen rooms | jq '.rooms.rows[].name'
  ssh -t chat.example.org chatd top"
)]
pub(crate) struct Top {
    /// Begin with this screen
    #[arg(
        long, value_name = "SCREEN", default_value = "overview",
        value_parser = one_of(&Screen::ALL, Screen::word)
    )]
    screen: Screen,

    /// Print one screen as text, and end
    #[arg(long)]
    once: bool,

    /// Draw with nothing but ASCII, as where the locale is not UTF-8
    #[arg(long)]
    ascii: bool,
}

impl Top {
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let mut look = Look::of_environment(|name| std::env::var(name).ok());
        look.ascii |= self.ascii;
        if !asking.console.is_words() || self.once || !chatd_tui::is_terminal() {
            let once = asking.ask_daemon(async |client| {
                Ok(chatd_tui::once(client, look, self.screen, WIDTH).await?)
            })?;
            let text = escape_lines(&once.text).into_owned();
            return asking.console.answer(&once.frame, |_| text);
        }
        let config = settings::load(&asking.sources)?.config;
        let connect = async || asking.connect(&config).await;
        // Asked for once before: that no server runs is to be said in the command line's own words.
        asking.ask_daemon(async |_| Ok(chatd_tui::run(connect, look, self.screen).await?))
    }
}
