//! What goes wrong with a store as a whole. That one change of a batch does not happen is no error, but an
//! [`Outcome`](super::Outcome).

/// What went wrong with the store as a whole.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It does not answer, or its answer was lost: what was asked may have happened.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// It is known not to answer, and was not asked: nothing happened. Whoever found that out has logged it.
    #[error("the store is away {0}")]
    Away(String),
    /// The disk, or the limit set by `store.max_size`, is full; nothing of the batch happened.
    #[error("the store is full")]
    Full,
    /// Another process has it open.
    #[error("{path} is in use by another chatd (process {pid})")]
    Locked {
        /// What is locked.
        path: String,
        /// By which process; 0 when it cannot be told.
        pid: u32,
        /// The admin socket of that process, when it says one.
        socket: Option<std::path::PathBuf>,
    },
    /// It was written by a newer chatd.
    #[error(
        "the store has schema version {found}, this chatd knows up to {known}: use a newer chatd"
    )]
    Newer {
        /// What it says it is.
        found: u32,
        /// What this binary knows.
        known: u32,
    },
    /// A copy into it is under way, or was interrupted.
    #[error(
        "the store {path} holds a copy of {from} that is not finished; finish it with: \
         chatd store copy --from {from} --to {path}"
    )]
    Unfinished {
        /// Which, as a URL without credentials.
        path: String,
        /// What is copied, as a URL without credentials.
        from: String,
    },
    /// It is being replaced by a backup, or that was interrupted.
    #[error(
        "the store {path} is being restored from {from}, and that is not finished; finish it with: \
         chatd store restore {from} --yes"
    )]
    HalfRestored {
        /// Which, as a URL without credentials.
        path: String,
        /// From which backup.
        from: String,
    },
    /// It is not what chatd can work with, or is not named rightly: somebody has to mend it, there or in the
    /// settings.
    #[error("{what} will not do: {why}")]
    Unfit {
        /// Which, without credentials; or which setting.
        what: String,
        /// Why not, and what to do.
        why: String,
    },
    /// What it holds is not what was written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// It could not be opened.
    #[error("cannot open the store {path}: {why}")]
    Open {
        /// Which.
        path: String,
        /// Why not.
        why: String,
    },
}
