//! Which lines are logged: `info`, or also by module, `info,chatd::ws=debug`.

use tracing_subscriber::filter::Targets;

/// The levels, from none to all.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// The least level that is logged, and by module where that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl LogFilter {
    /// Reads one: a level, or with commas between them levels and `module=level`. An error is the end of the
    /// sentence "… is not a log level: ", with what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let directives: Vec<&str> = text.split(',').map(str::trim).collect();
        directives.iter().try_for_each(|it| check(it))?;
        let text = directives.join(",").to_ascii_lowercase();
        let targets = text.parse().map_err(|e| format!("{e}"))?;
        Ok(Self { text, targets })
    }

    /// What it is where nobody said.
    pub fn info() -> Self {
        Self {
            text: "info".into(),
            targets: Targets::new().with_default(tracing::Level::INFO),
        }
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// As the log itself takes it.
    pub(crate) fn targets(&self) -> Targets {
        self.targets.clone()
    }
}

/// Left alone, a misspelt level would be a module of that name, and all others would fall silent.
fn check(directive: &str) -> Result<(), String> {
    let (module, level) = match directive.split_once('=') {
        Some((module, level)) => (Some(module), level),
        None => (None, directive),
    };
    if let Some(module) = module
        && (module.is_empty() || !module.chars().all(is_of_a_path))
    {
        return Err(format!(
            "{module:?} is no module; write it like chatd::ws=debug"
        ));
    }
    let lower = level.to_ascii_lowercase();
    if LEVELS.contains(&lower.as_str()) {
        return Ok(());
    }
    if module.is_none() && level.contains("::") {
        return Err(format!(
            "{level:?} has no level; write for example {level}=debug"
        ));
    }
    let near = LEVELS
        .iter()
        .max_by(|a, b| strsim::jaro(a, &lower).total_cmp(&strsim::jaro(b, &lower)))
        .filter(|it| strsim::jaro(it, &lower) > 0.7);
    let meant = near.map_or_else(String::new, |it| format!("; did you mean {it}?"));
    Err(format!("{level:?} is none of {}{meant}", LEVELS.join(", ")))
}

fn is_of_a_path(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_levels_and_modules() {
        for (text, read) in [
            ("info", "info"),
            ("WARN", "warn"),
            ("info, chatd::ws=debug", "info,chatd::ws=debug"),
            ("off,chatd=trace", "off,chatd=trace"),
        ] {
            assert_eq!(LogFilter::parse(text).unwrap().as_str(), read);
        }
    }

    #[test]
    fn what_is_none_is_told_with_what_would_be_right() {
        for (text, why) in [
            ("", "\"\" is none of off, error, warn, info, debug, trace"),
            ("inof", "did you mean info?"),
            ("debugg", "did you mean debug?"),
            ("info,", "\"\" is none of"),
            ("chatd::ws", "write for example chatd::ws=debug"),
            ("info,chatd::ws=lots", "\"lots\" is none of"),
            ("=debug", "\"\" is no module"),
            ("chatd[x]=debug", "\"chatd[x]\" is no module"),
        ] {
            let told = LogFilter::parse(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
