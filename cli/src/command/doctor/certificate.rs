//! The certificate: whether it is good, and for how long.

use std::time::Duration;

use chatd::{clock::Millis, config::Config, tls};

use super::{finding::Finding, seen::Seen};
use crate::output::span;

const CHECK: &str = "certificate";
/// From how little time left on something should have renewed it: what renews by itself does so a month before.
const SOON: Duration = Duration::from_hours(14 * 24);
const MEND: &str = "renew it, and then: chatd config reload   # docs/operating.md, \"TLS\"";

/// The certificate that clients are shown, or would be; none where the server speaks plain HTTP.
pub(super) fn certificate(config: &Config, seen: &Seen, now: Millis) -> Option<Finding> {
    if let Some(shown) = seen.status().and_then(|it| it.certificate.as_ref()) {
        return Some(good(&shown.file, shown.expires_at, now));
    }
    match tls::load(&config.tls) {
        Ok(None) => None,
        Ok(Some(read)) => Some(good(
            &read.file().display().to_string(),
            read.expires_at(),
            now,
        )),
        Err(why) => Some(Finding::problem(CHECK, why, MEND)),
    }
}

fn good(file: &str, until: Millis, now: Millis) -> Finding {
    if until <= now {
        let since = span(now.since(until));
        let what = format!("{file} ran out {since} ago: clients that check it do not connect");
        return Finding::problem(CHECK, what, MEND);
    }
    let left = until.since(now);
    let what = format!("{file} is good for {} more", span(left));
    if left < SOON {
        return Finding::warning(CHECK, what, MEND);
    }
    Finding::ok(CHECK, what)
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Verdict, *};

    #[test]
    fn what_runs_out_soon_is_told() {
        let now = Millis(1_800_000_000_000);
        let after = |days: u64| now.plus(Duration::from_hours(24 * days));
        assert_eq!(good("c.pem", after(60), now).verdict, Verdict::Ok);
        assert_eq!(good("c.pem", after(13), now).verdict, Verdict::Warning);
        assert_eq!(good("c.pem", now, now).verdict, Verdict::Problem);
    }
}
