//! Passwords: what makes one acceptable, and Argon2id on threads of its own.
//!
//! One hash costs tens of milliseconds of a core and 19 MiB, on purpose. So hashing never happens on an
//! async thread, only a few at a time, and only so many wait; one more is told [`Busy`] at once instead of
//! making everybody wait longer.

mod stored;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use tokio::sync::oneshot;

pub use self::stored::ImportedHash;
use self::stored::Stored;
use super::{Secret, random};
use crate::{config, model::Invalid};

/// The most bytes a password may have: more would only be work for the server.
pub const MAX_BYTES: usize = 1024;

/// The fewest characters a new password may have (NIST SP 800-63B).
pub const MIN_CHARS: usize = 8;

/// How much of a password is judged; zxcvbn's time grows faster than the length, and what is this long and
/// weak is weak from the beginning.
const JUDGED_CHARS: usize = 100;

/// Too many passwords wait to be hashed, or the pool is stopping; nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked; try again shortly")]
pub struct Busy;

/// The pool cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Argon2 does not take these parameters.
    #[error("auth.hash_memory and auth.hash_passes do not fit Argon2id: {0}")]
    Cost(argon2::Error),
    /// The system gives no threads.
    #[error("cannot start a thread for hashing passwords: {0}")]
    Thread(#[from] std::io::Error),
}

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

impl From<&config::Auth> for Cost {
    fn from(auth: &config::Auth) -> Self {
        let memory_kib = u32::try_from(auth.hash_memory.0 / 1024).unwrap_or(u32::MAX);
        Self {
            memory_kib,
            passes: auth.hash_passes,
        }
    }
}

/// What checking a password showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// It is the right one.
    pub ok: bool,
    /// It is right, but its hash was made at another cost, or elsewhere: [`Passwords::renew`] it and store
    /// that.
    pub upgrade: bool,
}

impl Verified {
    const NO: Self = Self {
        ok: false,
        upgrade: false,
    };
}

/// Refuses what is too long to be looked at; for logins.
pub fn check_length(password: &Secret) -> Result<(), Invalid> {
    if password.expose().len() > MAX_BYTES {
        return Err(Invalid(format!("a password has at most {MAX_BYTES} bytes")));
    }
    Ok(())
}

/// Refuses what is no good as a new password for `name`, with advice.
pub fn check_new(password: &Secret, name: &str) -> Result<(), Invalid> {
    check_length(password)?;
    let text = password.expose();
    if text.chars().count() < MIN_CHARS {
        return Err(Invalid(format!(
            "a password has at least {MIN_CHARS} characters; a few unrelated words make a good one"
        )));
    }
    let judged = text
        .char_indices()
        .nth(JUDGED_CHARS)
        .map_or(text, |(end, _)| &text[..end]);
    // The estimate thinks well of a name said three times; who tries this account does not.
    let rest = judged.to_lowercase().replace(&name.to_lowercase(), "");
    if rest.len() < judged.len() && rest.chars().filter(|c| c.is_alphanumeric()).count() < 6 {
        return Err(Invalid(
            "this password is too easy to guess: it is little more than the user name. Use a few unrelated \
             words."
                .into(),
        ));
    }
    let judgement = zxcvbn::zxcvbn(judged, &[name, "chatd"]);
    if judgement.score() < zxcvbn::Score::Two {
        let advice = judgement
            .feedback()
            .map(ToString::to_string)
            .unwrap_or_default();
        let advice = if advice.is_empty() {
            "Use a few unrelated words."
        } else {
            &advice
        };
        return Err(Invalid(format!(
            "this password is too easy to guess. {}",
            advice.trim()
        )));
    }
    Ok(())
}

/// The pool. Dropping it ends the threads when what they are at is done; what waits is not begun.
#[derive(Clone, Debug)]
pub struct Passwords {
    jobs: mpsc::SyncSender<Job>,
    /// How many are hashed, or wait for it.
    under_way: Arc<AtomicUsize>,
    hashed: Arc<AtomicU64>,
    /// How many may: those that wait, and one for each thread.
    most: usize,
}

#[derive(Debug)]
struct Job {
    password: Secret,
    work: Work,
}

#[derive(Debug)]
enum Work {
    Hash(oneshot::Sender<String>),
    Renew(String, oneshot::Sender<String>),
    Verify(Option<String>, oneshot::Sender<Verified>),
}

impl Passwords {
    /// Starts `threads` threads (0 for half the cores, at least one); at most `queue` passwords wait.
    pub fn new(cost: Cost, threads: usize, queue: usize) -> Result<Self, Error> {
        let hasher = Arc::new(Hasher::new(cost)?);
        let count = Arc::clone(&hasher.hashed);
        let (jobs, receiver) = mpsc::sync_channel(queue.max(1));
        let receiver = Arc::new(Mutex::new(receiver));
        let under_way = Arc::new(AtomicUsize::new(0));
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = if threads == 0 {
            (cores / 2).max(1)
        } else {
            threads
        };
        for _ in 0..threads {
            let (hasher, receiver) = (Arc::clone(&hasher), Arc::clone(&receiver));
            let under_way = Arc::clone(&under_way);
            thread::Builder::new()
                .name("password".into())
                .spawn(move || work_off(&hasher, &receiver, &under_way))?;
        }
        Ok(Self {
            jobs,
            under_way,
            hashed: count,
            most: queue.max(1) + threads,
        })
    }

    /// How many passwords are hashed or wait for it, and how many may.
    pub fn queue(&self) -> (u64, u64) {
        let under_way = self.under_way.load(Ordering::Relaxed);
        (under_way as u64, self.most as u64)
    }

    /// How often a password was put through a hash so far: what tells nobody apart who asks in vain.
    pub fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// The PHC string of a new password, which [`check_new`] has passed.
    pub async fn hash(&self, password: Secret) -> Result<String, Busy> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job {
            password,
            work: Work::Hash(reply),
        })?;
        answer.await.map_err(|_| Busy)
    }

    /// What to store instead of `stored`, of which this is the password.
    pub async fn renew(&self, password: Secret, stored: String) -> Result<String, Busy> {
        let (reply, answer) = oneshot::channel();
        self.submit(Job {
            password,
            work: Work::Renew(stored, reply),
        })?;
        answer.await.map_err(|_| Busy)
    }

    /// Whether this is the password of what is stored, a PHC string or an imported bcrypt hash. Without one, for an account that does not
    /// exist or has no password, it takes as long and says no.
    pub async fn verify(&self, password: Secret, stored: Option<String>) -> Result<Verified, Busy> {
        if check_length(&password).is_err() {
            return Ok(Verified::NO);
        }
        let (reply, answer) = oneshot::channel();
        self.submit(Job {
            password,
            work: Work::Verify(stored, reply),
        })?;
        answer.await.map_err(|_| Busy)
    }

    fn submit(&self, job: Job) -> Result<(), Busy> {
        // Counted first: a thread may be done with it before we are here again.
        self.under_way.fetch_add(1, Ordering::Relaxed);
        self.jobs.try_send(job).map_err(|_| {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            Busy
        })
    }
}

/// A thread of the pool: one job after the other until the pool is dropped.
fn work_off(hasher: &Hasher, jobs: &Mutex<mpsc::Receiver<Job>>, under_way: &AtomicUsize) {
    // On Linux niceness is a thread's own: what chats goes before what logs in. Not being allowed to is
    // no reason not to work.
    let _ = rustix::process::nice(5);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { password, work }) = job else {
            return;
        };
        match work {
            // Who asked has gone away: a closed connection, or a request that ran out of time.
            Work::Hash(reply) | Work::Renew(_, reply) if reply.is_closed() => {}
            Work::Verify(_, reply) if reply.is_closed() => {}
            Work::Hash(reply) => match hasher.hash(password.expose().as_bytes()) {
                Ok(hash) => {
                    let _ = reply.send(hash);
                }
                Err(e) => tracing::error!("a password could not be hashed: {e}"),
            },
            Work::Renew(stored, reply) => match hasher.renew(&password, &stored) {
                Ok(hash) => {
                    let _ = reply.send(hash);
                }
                Err(e) => tracing::error!("a password could not be hashed: {e}"),
            },
            Work::Verify(stored, reply) => {
                let _ = reply.send(hasher.verify(&password, stored.as_deref()));
            }
        }
        under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Argon2id, version 19, at our cost.
struct Hasher {
    argon2: Argon2<'static>,
    /// A hash that nothing is the password of.
    dummy: PasswordHash,
    hashed: Arc<AtomicU64>,
}

impl Hasher {
    fn new(cost: Cost) -> Result<Self, Error> {
        let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(Error::Cost)?;
        let text = ParamsString::try_from(&params)
            .map_err(|_| Error::Cost(argon2::Error::MemoryTooMuch))?;
        let dummy = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: text,
            salt: Salt::new(&random::<16>()).ok(),
            hash: Output::new(&random::<32>()).ok(),
        };
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            dummy,
            hashed: Arc::default(),
        })
    }

    fn count(&self) {
        self.hashed.fetch_add(1, Ordering::Relaxed);
    }

    fn hash(&self, password: &[u8]) -> Result<String, argon2::password_hash::Error> {
        self.count();
        let salt = random::<16>();
        let hash = self.argon2.hash_password_with_salt(password, &salt)?;
        Ok(hash.to_string())
    }

    fn renew(
        &self,
        password: &Secret,
        stored: &str,
    ) -> Result<String, argon2::password_hash::Error> {
        let (stored, text) = (Stored::parse(stored), password.expose());
        let hash = self.hash(stored.counted(text))?;
        Ok(stored.successor(&hash, text))
    }

    fn verify(&self, password: &Secret, stored: Option<&str>) -> Verified {
        let stored = stored.map(Stored::parse);
        let bytes = match &stored {
            Some(stored) => stored.counted(password.expose()),
            None => password.expose().as_bytes(),
        };
        self.count();
        if let Some(bcrypt) = stored.as_ref().filter(|s| s.is_bcrypt())
            && let Ok(ok) = bcrypt::verify(bytes, bcrypt.hash)
        {
            return Verified { ok, upgrade: ok };
        }
        let parsed = stored.and_then(|stored| stored.argon2());
        let hash = parsed.as_ref().unwrap_or(&self.dummy);
        let right = self.argon2.verify_password(bytes, hash).is_ok();
        if parsed.is_none() || !right {
            return Verified::NO;
        }
        let ours = &self.dummy;
        let upgrade = (hash.algorithm, hash.version) != (ours.algorithm, ours.version)
            || hash.params != ours.params;
        Verified { ok: true, upgrade }
    }
}

#[cfg(test)]
mod tests;
