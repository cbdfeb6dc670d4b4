//! Following a run to its end, whoever does it: the server, or the store in this process.

use std::{cell::RefCell, pin::pin, time::Duration};

use chatd::{
    admin::{self, Client, api::archive::Run},
    clock::Millis,
    model::{RunKind, RunState},
};
use serde::Serialize;
use serde_json::json;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
    time::Instant,
};

use super::{bar::Bar, look, path};
use crate::{
    console::Console,
    failure::{Exit, Explain as _, Failure},
    output::{count, count_entries, escape, number},
};

/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(250);
/// How often that is said where nobody sees a bar.
const SAY: Duration = Duration::from_secs(5);
/// For how long a store may not answer while it is looked.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many rooms in which something went wrong are told.
const TROUBLES: usize = 20;

/// Begins a run and follows it to its end. The first Ctrl-C has the run stop after the segment it is at, the
/// second ends this at once; both lose nothing.
pub(super) async fn follow(
    client: &Client,
    console: &Console,
    begin: impl AsyncFnOnce() -> Result<Run, Failure>,
) -> Result<Run, Failure> {
    // Before the run begins, so that there is no moment at which Ctrl-C means something else.
    let mut interrupts = signal(SignalKind::interrupt()).map_err(anyhow::Error::from)?;
    let watch = Watch {
        client,
        console,
        bar: Bar::new(console),
        stop: Notify::new(),
        id: RefCell::default(),
    };
    let mut asked = false;
    let mut watching = pin!(watch.watch(begin));
    loop {
        tokio::select! {
            biased;
            done = &mut watching => return done,
            Some(()) = interrupts.recv() => {
                if std::mem::replace(&mut asked, true) {
                    return Err(watch.left());
                }
                watch.stop.notify_one();
            }
        }
    }
}

/// What is followed, and who is told.
struct Watch<'a> {
    client: &'a Client,
    console: &'a Console,
    bar: Bar,
    /// That it is to stop.
    stop: Notify,
    /// The run's id, once it has one.
    id: RefCell<Option<String>>,
}

impl Watch<'_> {
    async fn watch(
        &self,
        begin: impl AsyncFnOnce() -> Result<Run, Failure>,
    ) -> Result<Run, Failure> {
        let mut run = begin().await?;
        let id = run.id.clone().unwrap_or_default();
        *self.id.borrow_mut() = Some(id.clone());
        let mut told = Told {
            at: None,
            when: Instant::now(),
        };
        let mut answered = Instant::now();
        while run.state == Some(RunState::Running) {
            told.tell(self, &run)?;
            tokio::select! {
                biased;
                () = self.stop.notified() => self.ask_to_stop(&id).await?,
                () = tokio::time::sleep(LOOK) => {}
            }
            match look(self.client, &id).await {
                Ok(now) => (run, answered) = (now, Instant::now()),
                Err(e) if is_passing(&e) && answered.elapsed() < PATIENCE => {}
                Err(e) => return Err(lost(e, &id)),
            }
        }
        Ok(run)
    }

    async fn ask_to_stop(&self, id: &str) -> Result<(), Failure> {
        self.bar.say(
            self.console,
            "Stopping after the segment it is at. Press Ctrl-C again to leave at once.",
        );
        let asked: Result<Run, _> = self.client.post(&path(id, "/stop"), &json!({})).await;
        match asked.map_err(Failure::from) {
            Ok(_) => Ok(()),
            // It has just ended.
            Err(e) if e.exit() == Exit::Conflict => Ok(()),
            Err(e) => Err(lost(e, id)),
        }
    }

    /// Somebody does not want to wait.
    fn left(&self) -> Failure {
        let what = "left at once — nothing is lost: whatever is archived was written and read back first, and \
                    all else is live";
        let hint = match self.id.borrow().as_deref() {
            Some(id) if !self.client.is_local() => format!(
                "the server ends the run by itself after the segment it is at; `chatd archive show {id}` \
                 tells what it did"
            ),
            _ => "run the same command again: it goes on where it was".into(),
        };
        Failure::Listed {
            what: what.into(),
            lines: Vec::new(),
            exit: Exit::Other,
            hint,
        }
    }
}

/// What was told last.
struct Told {
    /// Where the run stood.
    at: Option<(u64, u64, u64)>,
    /// When, where there is no bar.
    when: Instant,
}

impl Told {
    /// Tells how far it is, if that is another place than before.
    fn tell(&mut self, watch: &Watch<'_>, run: &Run) -> Result<(), Failure> {
        let at = (run.planned, run.entries, run.segments);
        watch.bar.at(run);
        if self.at.replace(at) == Some(at) {
            return Ok(());
        }
        if watch.console.is_json() {
            return watch.console.line(&progress(run));
        }
        if run.planned > 0 && self.when.elapsed() >= SAY && !watch.bar.is_seen() {
            self.when = Instant::now();
            watch.console.note(&format!(
                "… {} of {} so far",
                number(run.entries),
                count_entries(run.planned)
            ));
        }
        Ok(())
    }
}

/// A line for scripts, of a run under way.
#[derive(Serialize)]
struct Progress<'a> {
    event: &'static str,
    id: Option<&'a str>,
    kind: RunKind,
    state: Option<RunState>,
    planned: u64,
    entries: u64,
    segments: u64,
    size: u64,
    room: Option<&'a str>,
}

fn progress(run: &Run) -> Progress<'_> {
    let room = run.rooms.last();
    Progress {
        event: "progress",
        id: run.id.as_deref(),
        kind: run.kind,
        state: run.state,
        planned: run.planned,
        entries: run.entries,
        segments: run.segments,
        size: run.size,
        room: room.map(|r| r.name.as_deref().unwrap_or(&r.id)),
    }
}

/// A line for scripts, with all of a run.
#[derive(Serialize)]
struct Event<'a> {
    event: &'static str,
    #[serde(flatten)]
    run: &'a Run,
}

/// Says what a run would do.
pub(super) fn tell_plan(
    console: &Console,
    run: &Run,
    words: impl FnOnce(Millis) -> String,
) -> Result<(), Failure> {
    if console.is_json() {
        return console.line(&Event { event: "plan", run });
    }
    console.answer(run, words)
}

/// Says what a run came to, and fails when it did.
pub(super) fn tell_end(
    console: &Console,
    run: &Run,
    words: impl FnOnce(Millis) -> String,
) -> Result<(), Failure> {
    if console.is_json() {
        console.line(&Event { event: "end", run })?;
    } else {
        console.answer(run, words)?;
    }
    check(run)
}

/// Fails when a run did not do all it was to do, without having been told so.
pub(super) fn check(run: &Run) -> Result<(), Failure> {
    let id = run.id.as_deref().unwrap_or_default();
    let (what, exit, first) = match run.state {
        Some(RunState::Failed) => (troubles(run), Exit::Problems, "once that is seen to, "),
        Some(RunState::Interrupted) => {
            let why = "the run was broken off: its process ended — nothing is lost";
            (why.to_owned(), Exit::Other, "")
        }
        _ => return Ok(()),
    };
    Err(Failure::Listed {
        what,
        lines: Vec::new(),
        exit,
        hint: format!(
            "{first}run the same command again: it goes on where it was; `chatd archive show {id}` shows \
             this run"
        ),
    })
}

/// What went wrong with a run, room by room.
fn troubles(run: &Run) -> String {
    let rooms: Vec<_> = run
        .rooms
        .iter()
        .filter_map(|room| Some((room, room.error.as_ref()?)))
        .collect();
    let mut text = match &run.error {
        Some(why) => format!("the run did not come to its end — {}", escape(why)),
        None => format!(
            "not everything could be done, in {}",
            count(rooms.len() as u64, "room")
        ),
    };
    for (room, why) in rooms.iter().take(TROUBLES) {
        let name = room.name.as_deref().unwrap_or(&room.id);
        text = format!("{text}\n{}: {}", escape(name), escape(why));
    }
    match rooms.len().saturating_sub(TROUBLES) {
        0 => text,
        more => format!("{text}\n… and {}", count(more as u64, "room more")),
    }
}

/// The connection, or the store, went while a run was under way.
fn lost(why: Failure, id: &str) -> Failure {
    let hint = format!(
        "nothing is lost; `chatd archive show {id}` tells how far it came, the same command goes on from there"
    );
    let exit = why.exit();
    let failed: Result<(), _> = Err(why);
    let explained = failed.explain(|| format!("follow the run {id}"), (exit, hint));
    explained.expect_err("it is one")
}

/// Whether it may answer the next time.
fn is_passing(e: &Failure) -> bool {
    let Failure::Admin(admin::Error::Refused(refused)) = e else {
        return false;
    };
    matches!(refused.code.as_str(), "unavailable" | "busy")
}
