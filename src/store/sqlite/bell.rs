//! Telling that the writer has answered.
//!
//! A task that another thread wakes goes into the runtime's common queue: an idle worker takes it from there, and wakes
//! a second worker, which looks whether there is more. For somebody who talks alone the second one is in the way of
//! the very answer. So the writer rings through a pipe, which comes to the worker that waits for sockets as a frame
//! does, and the task goes on there.

use std::{io, os::fd::OwnedFd, sync::OnceLock};

use rustix::pipe::{PipeFlags, pipe_with};
use tokio::{
    net::unix::pipe::Receiver,
    sync::{
        Mutex,
        oneshot::{self, error::TryRecvError},
    },
};

/// The side of those who wait.
pub(super) struct Bell {
    /// Until somebody waits, as the runtime that they are in has to watch it.
    end: std::sync::Mutex<Option<OwnedFd>>,
    /// Who waits has it alone: what they hear and put away cannot have been for somebody else.
    heard: OnceLock<Option<Mutex<Receiver>>>,
}

/// The side of the writer. With it the pipe ends, which whoever waits hears, too.
pub(super) struct Rope(OwnedFd);

/// Both sides.
pub(super) fn bell() -> io::Result<(Bell, Rope)> {
    let (end, rope) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let bell = Bell {
        end: std::sync::Mutex::new(Some(end)),
        heard: OnceLock::new(),
    };
    Ok((bell, Rope(rope)))
}

impl Rope {
    /// Whoever waits looks whether they have an answer.
    pub(super) fn ring(&self) {
        // A pipe that is full rings already.
        let _full = rustix::io::write(&self.0, &[1]);
    }
}

impl Bell {
    /// Waits for an answer; none if the writer is gone.
    pub(super) async fn answer<T>(&self, mut answered: oneshot::Receiver<T>) -> Option<T> {
        let heard = self.heard.get_or_init(|| {
            let end = self.end.lock().ok()?.take()?;
            Receiver::from_owned_fd(end).ok().map(Mutex::new)
        });
        let Some(heard) = heard else {
            return answered.await.ok();
        };
        let heard = heard.lock().await;
        let mut put_away = [0; 64];
        loop {
            match answered.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => {}
            }
            match heard.try_read(&mut put_away) {
                // What rang is put away, so there may be an answer now.
                Ok(1..) => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    if heard.readable().await.is_err() {
                        break;
                    }
                }
                // The writer is gone, or the runtime that watched the pipe.
                _ => break,
            }
        }
        answered.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn everybody_gets_their_own_answer() {
        let (bell, rope) = bell().unwrap();
        let bell = Arc::new(bell);
        for _ in 0..200 {
            let (asked, waiting): (Vec<_>, Vec<_>) = (0..8)
                .map(|i| {
                    let (answer, answered) = oneshot::channel();
                    let bell = Arc::clone(&bell);
                    let waits = tokio::spawn(async move { bell.answer(answered).await });
                    ((i, answer), waits)
                })
                .unzip();
            // Another thread, as the writer is, and not in the order in which they wait.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for (i, answer) in asked.into_iter().rev() {
                        answer.send(i).unwrap();
                        rope.ring();
                    }
                });
            });
            for (i, waits) in waiting.into_iter().enumerate() {
                assert_eq!(waits.await.unwrap(), Some(i));
            }
        }
    }

    #[tokio::test]
    async fn a_bell_that_nobody_has_heard_for_long_still_rings() {
        let (bell, rope) = bell().unwrap();
        // More than a pipe holds.
        for _ in 0..100_000 {
            rope.ring();
        }
        let (answer, answered) = oneshot::channel();
        let waits = bell.answer(answered);
        let writes = async {
            tokio::task::yield_now().await;
            answer.send(7).unwrap();
            rope.ring();
        };
        assert_eq!(tokio::join!(waits, writes).0, Some(7));
    }

    #[tokio::test]
    async fn who_waits_hears_that_the_writer_is_gone() {
        let (bell, rope) = bell().unwrap();
        let (answer, answered) = oneshot::channel::<()>();
        let goes = async {
            tokio::task::yield_now().await;
            drop(answer);
            drop(rope);
        };
        assert_eq!(tokio::join!(bell.answer(answered), goes).0, None);
        let (answer, answered) = oneshot::channel::<()>();
        drop(answer);
        assert_eq!(bell.answer(answered).await, None);
    }
}
