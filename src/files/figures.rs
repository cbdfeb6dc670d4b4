//! How much there is of files, for those who watch. The store adds it up out of an index, which takes longer the more there
//! are; so it is asked only so often that this is a hundredth of the time, however many ask here.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use super::Files;
use crate::model::{FileFilter, FileState, Refusal, Usage};

/// For how long what was added up is good, in times of how long that took …
const SHARE: u32 = 100;
/// … and at least.
const LEAST: Duration = Duration::from_secs(1);

/// How much there is of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Those of messages.
    pub attached: Usage,
    /// Uploads that no message has yet.
    pub unused: Usage,
    /// Those that are to go.
    pub gone: Usage,
}

impl Figures {
    /// All of them, with what is with them.
    pub fn by_state(&self) -> [(FileState, Usage); 3] {
        [
            (FileState::Attached, self.attached),
            (FileState::Unused, self.unused),
            (FileState::Gone, self.gone),
        ]
    }
}

/// What was added up last.
#[derive(Debug, Default)]
pub struct Counting(Mutex<Option<Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    figures: Figures,
    /// From when on it is added up again.
    until: Instant,
}

impl Files {
    /// How much there is, as of a moment ago.
    pub async fn figures(&self) -> Result<Figures, Refusal> {
        // Whoever comes meanwhile waits, and has the same answer.
        let mut last = self.counting.0.lock().await;
        let began = Instant::now();
        if let Some(counted) = last.filter(|it| began < it.until) {
            return Ok(counted.figures);
        }
        let of = |state| FileFilter {
            state,
            ..FileFilter::default()
        };
        let all = self.sum(&of(None)).await?;
        let unused = self.sum(&of(Some(FileState::Unused))).await?;
        let gone = self.sum(&of(Some(FileState::Gone))).await?;
        // Of one moment after the other, so that these may be more than all were.
        let rest = |all: u64, unused: u64, gone: u64| all.saturating_sub(unused + gone);
        let attached = Usage {
            files: rest(all.files, unused.files, gone.files),
            bytes: rest(all.bytes, unused.bytes, gone.bytes),
        };
        let figures = Figures {
            attached,
            unused,
            gone,
        };
        let until = Instant::now() + LEAST.max(began.elapsed() * SHARE);
        *last = Some(Counted { figures, until });
        Ok(figures)
    }
}
