//! Archiving a room of many messages on the embedded store: how fast, how small, how readable, and what people
//! who talk meanwhile notice of it.
//!
//!     cargo bench --bench archive -- 1000000
//!
//! The messages are made of words with the frequencies of talk (few words often, many seldom), of lengths from a
//! word to a paragraph, by forty people, each with a `txn`. The numbers behind it are fixed, so every run has the
//! same text.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures and dice need not be exact"
)]

use std::{
    fs,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use chatd::{
    archive::{Archive, Wanted},
    clock::{Clock, Millis},
    config::{Config, Live},
    feed::Feeds,
    hub::Hub,
    id::{BootId, EntryId, LogId, RoomId, UserId},
    log::Log,
    model::{
        Actor, Authority, Entry, History, Payload, Room, RoomKind, RoomRules, Run, RunState, Txn,
    },
    stats::Stats,
    store::{
        Change, Page, Store, Write,
        sqlite::{Options, Sqlite},
    },
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

type Fault = Box<dyn std::error::Error>;

/// How many messages, unless it is said.
const MESSAGES: u64 = 100_000;
/// How many are put into the store at a time.
const BATCH: u64 = 1_000;
/// How many people talk.
const PEOPLE: usize = 40;
/// How many words there are.
const WORDS: usize = 6_000;
/// How long between two messages of who talks while the archive runs.
const PAUSE: Duration = Duration::from_millis(5);
/// How often who talks does so alone, and beside a run, and for how long each time.
const ROUNDS: usize = 4;
const ROUND: Duration = Duration::from_secs(8);
/// How many pages are read for a figure.
const PAGES: u64 = 400;

fn main() -> ExitCode {
    let arg = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let messages = arg.and_then(|n| n.parse().ok()).unwrap_or(MESSAGES);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("no runtime: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(messages)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e}");
            ExitCode::FAILURE
        }
    }
}

async fn run(messages: u64) -> Result<(), Fault> {
    let dir = tempfile::tempdir()?;
    let house = House::open(dir.path(), messages).await?;
    house.fill().await?;
    let before = size(dir.path())?;
    println!("{messages} messages: {}", mib(before));

    for rate in [house.archive.usual_rate().unwrap_or(1_000), 5_000] {
        // In turn, so that whatever else the machine does falls on both.
        let (mut alone, mut beside) = (Spread(Vec::new()), Spread(Vec::new()));
        for _ in 0..ROUNDS {
            alone.0.extend(house.talk(ROUND, None).await?.0);
            beside
                .0
                .extend(house.talk(ROUND, Some(Some(rate))).await?.0);
        }
        println!("a message, alone:                {alone}");
        println!("a message, beside {rate} entries/s: {beside}");
    }
    let full = house.talk(Duration::from_secs(5), Some(None)).await?;
    println!("a message, beside a run at full speed: {full}");

    let began = Instant::now();
    let entries = house.sealed().await?;
    let done = house.archive_all().await?;
    let took = began.elapsed().as_secs_f64();
    let moved = house.sealed().await? - entries;
    println!(
        "full speed: {moved} entries in {took:.2} s, {:.0}/s ({})",
        moved as f64 / took,
        done.state
    );
    let (bytes, sealed) = house.segment_bytes().await?;
    println!(
        "segments: {} for {} of entries, {:.1} bytes a message",
        mib(sealed),
        mib(bytes),
        sealed as f64 / house.sealed().await? as f64
    );
    house.store.close().await;
    let after = size(dir.path())?;
    println!(
        "file: {} -> {}, a part of {:.3}",
        mib(before),
        mib(after),
        after as f64 / before as f64
    );
    let house = House::open(dir.path(), messages).await?;
    let boundary = house.sealed().await?;
    for (what, at) in [
        ("at the seam", boundary),
        ("in the middle", messages / 2),
        ("at the beginning", 100),
    ] {
        println!("a page of 50 {what}: {}", house.pages(at).await?);
    }
    house.store.close().await;
    Ok(())
}

/// A store with what stands on it.
struct House {
    store: Arc<dyn Store>,
    log: Log,
    archive: Archive,
    room: RoomId,
    people: Vec<UserId>,
    messages: u64,
}

impl House {
    async fn open(dir: &Path, messages: u64) -> Result<Self, Fault> {
        let clock = Clock::system();
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(Options {
            path: dir.join("chatd.db"),
            max_size: None,
            min_free: 0,
            readers: 4,
            clock: clock.clone(),
        })?);
        let feeds = Arc::new(Feeds::new(BootId::new(clock.now())));
        let (stats, tasks) = (Arc::new(Stats::default()), TaskTracker::new());
        let hub = Arc::new(Hub::new(Arc::clone(&stats)));
        let log = Log::start(
            Arc::clone(&store),
            hub,
            clock.clone(),
            Arc::clone(&stats),
            Arc::clone(&feeds),
            Vec::new(),
            &tasks,
        );
        log.begin().await?;
        let archive = Archive {
            log: log.clone(),
            store: Arc::clone(&store),
            config: Live::new(Config::default()),
            clock,
            stats,
            feeds,
            tasks,
            stopping: CancellationToken::new(),
            current: Arc::default(),
            rescheduled: Arc::default(),
            renewed: Arc::default(),
        };
        Ok(Self {
            store,
            log,
            archive,
            room: RoomId::from_bytes([7; 16]),
            people: (0..PEOPLE).map(|_| UserId::new(clock_now())).collect(),
            messages,
        })
    }

    /// Puts the messages into the store, made over the last year, but for the last day.
    async fn fill(&self) -> Result<(), Fault> {
        let room = Room {
            id: self.room,
            name: "general".parse()?,
            kind: RoomKind::Public,
            title: None,
            topic: None,
            history: History::All,
            rules: RoomRules::default(),
            owner: self.people[0],
            people: Vec::new(),
            created_at: Millis(0),
            deleted_at: None,
        };
        self.put(Vec::new(), vec![Write::InsertRoom(room)]).await?;
        let talk = Talk::new();
        let mut dice = Dice(0x2545_f491_4f6c_dd1d);
        let began = clock_now().minus(Duration::from_hours(366 * 24));
        let step = 365 * 24 * 3_600_000 / self.messages.max(1);
        let mut seq = 0;
        while seq < self.messages {
            let upto = (seq + BATCH).min(self.messages);
            let entries = (seq + 1..=upto).map(|seq| {
                let at = began.plus(Duration::from_millis(seq * step));
                Entry {
                    log: self.room.into(),
                    seq,
                    n: seq,
                    at,
                    id: EntryId::new(at),
                    from: Some(self.people[dice.below(PEOPLE * PEOPLE).isqrt()]),
                    txn: Txn::parse(&EntryId::new(at).to_string()).ok(),
                    digest: Some([dice.below(256) as u8; 16]),
                    payload: Payload::Message {
                        body: talk.say(&mut dice),
                        reply_to: None,
                        mentions: None,
                        files: Vec::new(),
                    },
                    over: None,
                }
            });
            self.put(entries.collect(), Vec::new()).await?;
            seq = upto;
        }
        Ok(())
    }

    async fn put(&self, entries: Vec<Entry>, writes: Vec<Write>) -> Result<(), Fault> {
        let outcomes = self.store.commit(vec![Change { entries, writes }].into());
        let outcomes = outcomes.await?;
        if outcomes
            .iter()
            .any(|o| *o != chatd::store::Outcome::Committed)
        {
            return Err(format!("{outcomes:?}").into());
        }
        Ok(())
    }

    /// How long a message takes to be durable, one at a time, for a while; beside a run, if one is wanted,
    /// which is stopped then.
    async fn talk(&self, time: Duration, beside: Option<Option<u32>>) -> Result<Spread, Fault> {
        let run = match beside {
            Some(rate) => Some(self.begin(rate).await?),
            None => None,
        };
        let until = Instant::now() + time;
        let mut took = Vec::new();
        let from = self.people[1];
        while Instant::now() < until {
            let (room, began) = (self.room, Instant::now());
            let done = self.log.append(&[LogId::Room(room)], None, move |draft| {
                draft.by_itself();
                let body = "somebody says something while all that goes on".to_owned();
                let reply_to = None;
                draft.entry(
                    room.into(),
                    Some(from),
                    Payload::Message {
                        body,
                        reply_to,
                        mentions: None,
                        files: Vec::new(),
                    },
                );
                Ok(())
            });
            done.await?;
            took.push(began.elapsed());
            tokio::time::sleep(PAUSE).await;
        }
        if let Some(run) = run
            && self.archive.running().is_some()
        {
            let by = Authority::Operator(Actor::server());
            self.archive.stop(&by, run.id, false).await?;
            self.wait(&run).await?;
        }
        Ok(Spread(took))
    }

    async fn begin(&self, rate: Option<u32>) -> Result<Run, Fault> {
        let wanted = Wanted {
            before: clock_now().minus(Duration::from_hours(24)),
            rooms: Vec::new(),
            rate,
        };
        let by = Authority::Operator(Actor::server());
        Ok(self.archive.archive(&by, wanted).await?)
    }

    async fn wait(&self, run: &Run) -> Result<Run, Fault> {
        loop {
            let run = self.archive.find_run(run.id).await?;
            if run.state != RunState::Running {
                return Ok(run);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn archive_all(&self) -> Result<Run, Fault> {
        let run = self.begin(None).await?;
        self.wait(&run).await
    }

    /// How many entries are sealed.
    async fn sealed(&self) -> Result<u64, Fault> {
        let last = self.store.segment_before(self.room, u64::MAX).await?;
        Ok(last.map_or(0, |segment| segment.last))
    }

    /// What segments have uncompressed, and what they take.
    async fn segment_bytes(&self) -> Result<(u64, u64), Fault> {
        let (mut after, mut bytes, mut size) = (None, 0, 0);
        loop {
            let segments = self.store.segments(after, 500).await?;
            let Some(last) = segments.last() else {
                return Ok((bytes, size));
            };
            after = Some((last.room, last.last));
            bytes += segments.iter().map(|s| s.bytes).sum::<u64>();
            size += segments.iter().map(|s| s.size).sum::<u64>();
        }
    }

    /// How long a page before this place takes, and pages about there.
    async fn pages(&self, at: u64) -> Result<Spread, Fault> {
        let mut took = Vec::new();
        for i in 0..PAGES {
            let (began, before) = (Instant::now(), at.saturating_sub(i * 37 % 997) + 60);
            let page = self.store.messages(self.room, Page::Before(before), 0, 50);
            let page = page.await?;
            took.push(began.elapsed());
            if page.entries.len() != 50 || !page.gaps.is_empty() {
                return Err(format!("{} messages before {before}", page.entries.len()).into());
            }
        }
        Ok(Spread(took))
    }
}

fn clock_now() -> Millis {
    Clock::system().now()
}

/// How long things took.
struct Spread(Vec<Duration>);

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |part: usize| {
            let at = (sorted.len() * part / 1_000).min(sorted.len().saturating_sub(1));
            sorted.get(at).map_or(0.0, |d| d.as_secs_f64() * 1e3)
        };
        let many = sorted.len();
        write!(
            f,
            "p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms ({many})",
            at(500),
            at(990),
            at(999)
        )
    }
}

/// Numbers that look random, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides.max(1) as u64) as usize
    }
}

/// Words, and how often each is said.
struct Talk(Vec<String>);

impl Talk {
    fn new() -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let syllables = [
            "ba", "de", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "en", "or", "an",
            "is", "ter", "ing", "st", "ch", "al",
        ];
        let word = |dice: &mut Dice| {
            let parts = 1 + dice.below(4);
            (0..parts)
                .map(|_| syllables[dice.below(syllables.len())])
                .collect()
        };
        Self((0..WORDS).map(|_| word(&mut dice)).collect())
    }

    /// A message: mostly a short one.
    fn say(&self, dice: &mut Dice) -> String {
        let words = match dice.below(100) {
            0..55 => 1 + dice.below(8),
            55..90 => 8 + dice.below(16),
            90..99 => 24 + dice.below(40),
            _ => 64 + dice.below(160),
        };
        let mut text = String::new();
        for i in 0..words {
            if i > 0 {
                text.push(' ');
            }
            // As in Zipf's law: the word of rank r about 1/r as often.
            let rank = (WORDS as f64).powf(dice.below(1_000_000) as f64 / 1e6) as usize;
            text.push_str(&self.0[rank.min(WORDS - 1)]);
        }
        text
    }
}

/// What the store takes on the disk.
fn size(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
