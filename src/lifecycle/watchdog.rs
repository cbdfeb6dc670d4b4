//! The watchdog: the supervisor hears that the server is alive only while every part of it that chat goes
//! through answers. One that is stuck is named in the log, and the server is then killed and started anew.
//!
//! A store that says it cannot (a full disk, a database that is away) has answered: starting anew would not
//! help, and everyone would lose their connection over it.
//!
//! It has a thread of its own: when the threads that serve are all held up, somebody has to be left to say so.

use std::{io, sync::Arc, thread, time::Duration};

use futures_util::future::{BoxFuture, join_all};
use tokio::{
    runtime::{Builder, Handle},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Supervisor;
use crate::door::App;

/// A part of the server, and a question to it that is over once it answers.
struct Part {
    name: &'static str,
    answer: BoxFuture<'static, ()>,
}

/// A watchdog at work. Dropped, it ends.
#[derive(Debug)]
pub struct Watchdog(#[expect(dead_code, reason = "its drop is what it is for")] DropGuard);

impl Watchdog {
    /// Tells the supervisor that all is well, as often as that one asked for it; none when it did not ask.
    pub fn start(supervisor: Supervisor, app: &Arc<App>) -> io::Result<Option<Self>> {
        let Some(limit) = sd_notify::watchdog_enabled() else {
            return Ok(None);
        };
        let (runtime, serving) = (
            Builder::new_current_thread().enable_all().build()?,
            Handle::current(),
        );
        let (app, stop) = (Arc::clone(app), CancellationToken::new());
        let stopped = stop.clone();
        thread::Builder::new()
            .name("watchdog".into())
            .spawn(move || {
                let watch = watch(supervisor, &app, &serving, limit);
                runtime.block_on(stopped.run_until_cancelled(watch));
                // A question to a part that is stuck is not waited for.
                runtime.shutdown_background();
            })?;
        tracing::debug!(?limit, "the service manager watches over the server");
        Ok(Some(Self(stop.drop_guard())))
    }
}

async fn watch(supervisor: Supervisor, app: &Arc<App>, serving: &Handle, limit: Duration) {
    // Both together in the worst case, and some to spare for a machine that is busy.
    let (pause, limit) = (limit / 4, limit / 2);
    loop {
        #[cfg(debug_assertions)]
        stall::when_asked(app, serving);
        all_answer(parts(app, serving, limit), limit).await;
        supervisor.alive().await;
        sleep(pause).await;
    }
}

/// Waits for all of them, however long that takes, and every `limit` says who has not answered yet.
async fn all_answer(parts: Vec<Part>, limit: Duration) {
    let waits = parts.into_iter().map(async |Part { name, mut answer }| {
        let mut late = 0;
        while timeout(limit, answer.as_mut()).await.is_err() {
            late += 1;
            tracing::error!(
                part = name,
                seconds = limit.as_secs_f64() * f64::from(late),
                "a part of the server does not answer; the service manager is not told that all is well"
            );
        }
        if late > 0 {
            tracing::warn!(part = name, "it answers again");
        }
    });
    join_all(waits).await;
}

fn parts(app: &Arc<App>, serving: &Handle, limit: Duration) -> Vec<Part> {
    let log = app.chat.log.clone();
    let appender = async move { log.answers().await };
    let hub = Arc::clone(&app.hub);
    let hub = async move {
        loop {
            let hub = Arc::clone(&hub);
            // Its locks block; the other parts are asked meanwhile.
            let answers = tokio::task::spawn_blocking(move || hub.answers(limit));
            if answers.await.unwrap_or(false) {
                return;
            }
        }
    };
    let store = Arc::clone(&app.store);
    // Asked where it is at home: a database's driver has its connections there.
    let store = serving.spawn(async move {
        // A batch of nothing takes the way of every other batch. Whatever it says, it has answered.
        let _answered = store.commit(Arc::default()).await;
    });
    let threads = serving.spawn(async {});
    // A runtime that ends is about to take the process with it.
    vec![
        Part::new("threads", async move { drop(threads.await) }),
        Part::new("appender", appender),
        Part::new("hub", hub),
        Part::new("store", async move { drop(store.await) }),
    ]
}

impl Part {
    fn new(name: &'static str, answer: impl Future<Output = ()> + Send + 'static) -> Self {
        let answer = Box::pin(answer);
        Self { name, answer }
    }
}

/// A hook for the tests that stop a part. Only in debug builds.
#[cfg(debug_assertions)]
mod stall {
    use std::{
        path::{Path, PathBuf},
        sync::Arc,
        thread,
        time::Duration,
    };

    use tokio::runtime::Handle;

    use crate::{door::App, id::LogId, log::Draft, model::Refusal};

    /// `TEST_STALL_CHATD=appender:FILE`, `hub:FILE` or `threads:FILE`: as long as FILE is there, that part is stuck.
    pub(super) fn when_asked(app: &Arc<App>, serving: &Handle) {
        let Ok(wanted) = std::env::var("TEST_STALL_CHATD") else {
            return;
        };
        let Some((part, file)) = wanted.split_once(':') else {
            return;
        };
        let file = PathBuf::from(file);
        if !file.exists() {
            return;
        }
        if part == "appender" {
            let block = move |_: &mut Draft<'_>| {
                while_there(&file);
                Err(Refusal::Busy)
            };
            let touches = [LogId::Control];
            let never_mind = Box::new(|_| {});
            app.chat
                .log
                .submit(&touches, None, Box::new(block), never_mind);
        } else if part == "threads" {
            for _ in 0..serving.metrics().num_workers() {
                let file = file.clone();
                serving.spawn(async move { while_there(&file) });
            }
        } else {
            let hub = Arc::clone(&app.hub);
            thread::spawn(move || hub.hold(|| while_there(&file)));
        }
    }

    fn while_there(file: &Path) {
        while file.exists() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn one_part_that_does_not_answer_is_enough() {
        let gate = Arc::new(Semaphore::new(0));
        let stuck = Arc::clone(&gate);
        let parts = vec![
            Part::new("appender", async {}),
            Part::new("store", async move {
                let _turn = stuck.acquire().await;
            }),
        ];
        let mut waiting = Box::pin(all_answer(parts, Duration::from_millis(1)));
        // It says so again and again, and never goes on.
        let over = timeout(Duration::from_millis(20), waiting.as_mut()).await;
        assert!(over.is_err(), "it did not wait for the store");
        gate.add_permits(1);
        waiting.await;
    }
}
