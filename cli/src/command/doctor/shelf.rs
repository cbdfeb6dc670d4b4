//! Where the bytes of files lie: whether there is room, and whether what must go can go.

use std::path::Path;

use chatd::{admin::api::FilesStatus, config::Config, files};

use super::{
    directory,
    finding::{Finding, word},
    seen::Seen,
};
use crate::output::{bytes, count};

const CHECK: &str = "shelf";

/// What a running server says of it; without one, what can be seen from here.
pub(super) async fn shelf(config: &Config, seen: &Seen) -> Option<Finding> {
    if let Some(status) = seen.status() {
        return status.files.as_deref().map(judge);
    }
    match files::look(config).await {
        Some(Ok(what)) => Some(Finding::ok(CHECK, what)),
        Some(Err(why)) => Some(away(&why)),
        None => elsewhere(config),
    }
}

fn away(why: &str) -> Finding {
    Finding::problem(
        CHECK,
        format!("files are neither stored nor read, and chat goes on: {why}"),
        "look at the object store, at files.url and what is set beside it, and at the credentials",
    )
}

fn judge(of: &FilesStatus) -> Finding {
    let all = of.attached.files + of.unused.files;
    let size = bytes(of.attached.bytes + of.unused.bytes);
    let place = word(Path::new(&of.location));
    if let Some(why) = &of.trouble {
        return away(why);
    }
    if !of.own {
        let what = format!(
            "{place} has the files of another store: what this one does not know there is never taken out"
        );
        let mend = "set files.dir or files.url to a place that is this store's alone";
        return Finding::warning(CHECK, what, mend);
    }
    if let (Some(free), Some(least)) = (of.free, of.min_free)
        && free < least.saturating_mul(2)
    {
        return directory::scarce(CHECK, free, least, "uploads are refused", FREE);
    }
    let room = of.free.map_or_else(String::new, |free| {
        format!("; {} are free there", bytes(free))
    });
    let what = format!("{} of {size} in {place}{room}", count(all, "file"));
    Finding::ok(CHECK, what)
}

const FREE: &str = "make room, or see what takes it: chatd file list --largest";

/// How much is free where files lie apart from the data, which has a check of its own.
fn elsewhere(config: &Config) -> Option<Finding> {
    let dir = &config.files.dir;
    if dir.as_os_str().is_empty() {
        return None;
    }
    let least = config.store.min_free.0;
    Some(match directory::free(dir) {
        Ok(free) if free < least.saturating_mul(2) => {
            directory::scarce(CHECK, free, least, "uploads are refused", FREE)
        }
        Ok(free) => Finding::ok(CHECK, format!("{} are free in {}", bytes(free), word(dir))),
        Err(e) => Finding::warning(
            CHECK,
            format!("it cannot be told how much is free: {e}"),
            format!("df -h {}", word(dir)),
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::finding::Verdict, *};

    #[test]
    fn what_is_in_the_way_of_uploads_is_told() {
        let of = |free: u64, own: bool| {
            let none = json!({"files": 0, "bytes": 0});
            let status = json!({
                "location": "/srv/files", "attached": {"files": 1200, "bytes": 3_u64 << 30}, "unused": none,
                "gone": none, "uploads": 0, "uploads_limit": 64, "free": free, "min_free": 1000, "own": own,
            });
            judge(&serde_json::from_value(status).expect("a status"))
        };
        let well = of(5000, true);
        assert_eq!(well.verdict, Verdict::Ok);
        assert!(
            well.what
                .starts_with("1,200 files of 3.0 GiB in /srv/files; "),
            "{well:?}"
        );
        assert_eq!(of(1500, true).verdict, Verdict::Warning);
        assert_eq!(of(500, true).verdict, Verdict::Problem);
        assert_eq!(of(5000, false).verdict, Verdict::Warning);
    }
}
