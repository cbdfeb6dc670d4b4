//! The one thing that is most in need of somebody.

use chatd::model::RunState;

use super::Picture;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Something does not work.
    Broken,
    /// Something soon will not.
    Worrying,
}

/// What is most in need of somebody, in one line; none when all is well.
pub(crate) fn most_urgent(picture: &Picture) -> Option<(Weight, String)> {
    let (frame, recent) = (&picture.frame, picture.history.trouble());
    let (status, load) = (&frame.status, &frame.load);
    let nearly_full =
        |now: u64, most: u64| most > 0 && now.saturating_mul(5) >= most.saturating_mul(4);
    if !status.store.ready {
        let why = status
            .store
            .trouble
            .as_deref()
            .unwrap_or("nobody knows why");
        return Some((Weight::Broken, format!("The store does not answer: {why}")));
    }
    let queue = |what: &str, now, most| {
        nearly_full(now, most).then(|| {
            let text = format!("{what}: {now} of {most}. Soon more is refused as busy.");
            (Weight::Broken, text)
        })
    };
    let minutes = |many: u64, what: &str| {
        (many > 0).then(|| {
            (
                Weight::Worrying,
                format!("{many} {what} in the last minutes"),
            )
        })
    };
    let failed = status
        .archive
        .as_ref()
        .and_then(|archive| archive.last_state);
    let failed = (failed == Some(RunState::Failed)).then(|| {
        let text = "The last run of the archive failed: `chatd archive list` tells why";
        (Weight::Worrying, text.to_owned())
    });
    let files = nearly_full(load.open_files, load.max_files).then(|| {
        let text = format!(
            "{} of {} files are open. Raise the limit, or no more connections come in.",
            load.open_files, load.max_files
        );
        (Weight::Broken, text)
    });
    queue(
        "What waits for the store is nearly too much",
        load.append_queue,
        load.append_limit,
    )
    .or(files)
    .or_else(|| {
        queue(
            "Passwords wait to be checked",
            load.hash_queue,
            load.hash_limit,
        )
    })
    .or_else(|| {
        minutes(
            recent.slow_consumers,
            "connections were closed because they read too slowly",
        )
    })
    .or(failed)
    .or_else(|| {
        minutes(recent.failed_logins, "logins failed").filter(|_| recent.failed_logins >= 10)
    })
    .or_else(|| minutes(recent.rate_limited, "requests were refused by a rate limit"))
}
