//! What is logged, and how: to standard error, for a person or for a machine.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::config::{Log, LogFormat};

/// Starts logging. A second call in one process changes nothing.
pub(super) fn init(config: &Log) {
    // The level was checked when the settings were read.
    let filter = EnvFilter::try_new(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let pretty = match config.format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let _set_before = if pretty {
        let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let layer = fmt::layer()
            .with_writer(io::stderr)
            .with_ansi(colours)
            .with_target(false);
        registry.with(layer).try_init()
    } else {
        registry
            .with(fmt::layer().json().with_writer(io::stderr))
            .try_init()
    };
}
