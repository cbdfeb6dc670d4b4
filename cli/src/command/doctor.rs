//! `chatd doctor`: whether everything around the server is as it should be, and what mends what is not.

mod access;
mod certificate;
mod directory;
mod finding;
mod machine;
mod members;
mod network;
mod page;
mod search;
mod seen;
mod settings;
mod shelf;
mod store;
mod unit;

use chatd::config::Loaded;
use clap::Args;
use serde::Serialize;

use self::finding::{Finding, Verdict};
use crate::{
    asking::{Asking, one_thread},
    failure::Failure,
    output::count,
};

/// Check that everything around the server is as it should be
///
/// Looks at settings, secrets, directories, disk, store, the members of a MongoDB, sockets and who may use
/// them, ports, proxies, limits, memory, clock and service, with or without a running server, and says for what is not right which command mends it.
/// Changes nothing. Ends with 0 when all is well or there are only warnings, with 10 when there is a problem.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd doctor
  sudo chatd doctor --config /etc/chatd/chatd.toml
  chatd doctor --json | jq -r '.checks[] | select(.verdict != \"ok\") | .mend'")]
pub(crate) struct Doctor {}

/// All that was found.
#[derive(Debug, Serialize)]
struct Report {
    /// Whether there is no problem.
    ok: bool,
    problems: u64,
    warnings: u64,
    checks: Vec<Finding>,
}

impl Doctor {
    #[expect(clippy::unused_self, reason = "every command runs in one way")]
    pub(crate) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let checks = match crate::settings::load(&asking.sources) {
            Ok(loaded) => all(&loaded)?,
            Err(Failure::Config(e)) => settings::wrong(&e).into_iter().chain(without()).collect(),
            Err(other) => return Err(other),
        };
        let of = |verdict| checks.iter().filter(|it| it.verdict == verdict).count() as u64;
        let report = Report {
            ok: of(Verdict::Problem) == 0,
            problems: of(Verdict::Problem),
            warnings: of(Verdict::Warning),
            checks,
        };
        let style = asking.console.has_style(&std::io::stdout());
        asking
            .console
            .answer(&report, |_| page::page(&report, style))?;
        if report.ok {
            return Ok(());
        }
        Err(Failure::Found {
            what: format!("found {}", count(report.problems, "problem")),
            hint: "the line below each says what mends it",
        })
    }
}

/// Every check, in the order of the page.
fn all(loaded: &Loaded) -> Result<Vec<Finding>, Failure> {
    let config = &loaded.config;
    let (seen, shelf) = one_thread()?.block_on(async {
        let seen = seen::look(config).await;
        let shelf = shelf::shelf(config, &seen).await;
        (seen, shelf)
    });
    let data = &config.server.data_dir;
    let mut found = vec![settings::right(loaded)];
    found.extend(settings::secrets(loaded));
    found.push(settings::limits(config));
    found.extend([
        directory::directory(data, rustix::process::geteuid().as_raw()),
        directory::keys(&data.join("keys")),
        directory::filesystem(data),
        directory::space(config),
        seen.server(),
    ]);
    found.extend(seen.version());
    let socket = chatd::server::admin_socket(config);
    found.push(seen.socket(&socket));
    found.extend(access::access(config, &seen, &socket));
    found.extend(store::store(config, &seen));
    found.extend(members::members(config));
    found.extend(shelf);
    found.extend(search::search(&seen));
    found.extend(network::ports(config, &seen));
    found.extend([
        network::exposure(config),
        network::proxies(config, &seen),
        network::registration(config, &seen),
        machine::files(config, &seen),
        machine::memory(config, &seen),
    ]);
    let now = chatd::clock::Clock::system().now();
    found.extend(certificate::certificate(config, &seen, now));
    found.extend(seen.webhook());
    found.extend(machine::clock(&seen));
    found.extend(unit::unit());
    Ok(found)
}

/// The checks that need no settings.
fn without() -> Vec<Finding> {
    let mut found = machine::clock(&seen::Seen::default());
    found.extend(unit::unit());
    found
}
