//! The two directions of one socket: tungstenite reads, we write frames that are made already.
//!
//! Each connection keeps as little as it can: tungstenite's read buffer is a kilobyte and its write side is
//! not used, except that its pongs and close answers go through our outbox. What is to be written are shared
//! frames; many of them leave in one system call.

use std::{
    future::poll_fn,
    io::{self, IoSlice, Read, Write},
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    task::{coop::consume_budget, yield_now},
    time::{Instant, timeout},
};
use tokio_tungstenite::tungstenite::{
    self, Message,
    protocol::{Role, WebSocketConfig, WebSocketContext},
};

use crate::{
    hub::{Close, Frame, Outbox, Taken, Wire},
    tls::Socket,
};

/// tungstenite's default of 128 KiB, eagerly allocated, would be most of what a connection costs.
const READ_BUFFER: usize = 1024;
/// How much is read before others get their turn. tungstenite reads on by itself while a message is not
/// whole, and a flood of empty fragments never is.
const READ_TURN: usize = 8 * 1024;
/// How many frames leave in one system call at most.
const FRAMES: usize = 64;
/// One write in so many is looked at for how long its events took.
const SAMPLE: u8 = 16;
/// How long a closing connection may take to take in its last frames, and to close its side.
const LINGER: Duration = Duration::from_secs(3);

/// What comes in.
#[derive(Debug)]
pub(super) struct Reader {
    context: WebSocketContext,
}

impl Reader {
    /// A reader of frames up to `most` bytes; `early` came before it.
    pub(super) fn new(early: Vec<u8>, most: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(most))
            .max_frame_size(Some(most));
        let context = WebSocketContext::from_partially_read(early, Role::Server, Some(config));
        Self { context }
    }

    /// The next message. Dropping this before it is done loses nothing.
    pub(super) async fn next(
        &mut self,
        socket: &Socket,
        outbox: &Outbox,
    ) -> Result<Message, tungstenite::Error> {
        // A socket that always has something to read is never pending, and reading it directly costs none of
        // the budget by which tokio shares the threads; so it is paid here.
        loop {
            consume_budget().await;
            let mut half = Half {
                socket,
                outbox,
                left: READ_TURN,
            };
            match self.context.read(&mut half) {
                Err(tungstenite::Error::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                    if half.left == 0 {
                        yield_now().await;
                    } else {
                        socket.readable().await?;
                    }
                }
                read => return read,
            }
        }
    }
}

/// What tungstenite takes for the socket: it reads the socket, and what it writes goes to the outbox.
struct Half<'a> {
    socket: &'a Socket,
    outbox: &'a Outbox,
    /// How much may be read in this turn.
    left: usize,
}

impl Read for Half<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left);
        if most == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let read = self.socket.try_read(&mut buffer[..most])?;
        self.left -= read;
        Ok(read)
    }
}

impl Write for Half<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbox.push(Frame::raw(Bytes::copy_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Wire for Socket {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        Self::try_write(self, bytes)
    }
}

/// What goes out.
#[derive(Debug)]
pub(super) struct Writer {
    pending: Taken,
    /// Since when the socket has taken nothing of what is to be written.
    stuck: Option<Instant>,
    /// How often something was written, for looking at one write in [`SAMPLE`].
    writes: u8,
}

impl Writer {
    /// A writer; `seed` says which of its writes are looked at, so that it is not the same ones everywhere.
    pub(super) fn new(seed: u8) -> Self {
        Self {
            pending: Taken::default(),
            stuck: None,
            writes: seed,
        }
    }

    /// Writes what comes, until the connection is to be closed, and answers how; or, with `once`, until what was
    /// taken is written, or there may be a reason to read again. Dropping this before it is done loses nothing.
    pub(super) async fn flush(
        &mut self,
        socket: &Socket,
        outbox: &Outbox,
        once: bool,
    ) -> io::Result<Option<Close>> {
        loop {
            let mut waited = false;
            let close = poll_fn(|cx| {
                let taken = outbox.poll_take(cx, &mut self.pending, FRAMES);
                // Woken, and nothing is there: somebody else has written it, or a send has been answered. Whoever did not
                // read may do so again.
                let again = once && std::mem::replace(&mut waited, true);
                if again && taken.is_pending() {
                    Poll::Ready(None)
                } else {
                    taken
                }
            })
            .await;
            if close.is_some() || self.pending.frames.is_empty() {
                return Ok(close);
            }
            if !self.try_write(socket, outbox)? {
                // A close does not wait for a socket that takes nothing.
                tokio::select! {
                    biased;
                    () = poll_fn(|cx| outbox.poll_close(cx)) => {}
                    ready = socket.writable() => ready?,
                }
            }
            // A socket that takes all there is does not keep the thread.
            consume_budget().await;
            if once && self.pending.frames.is_empty() {
                return Ok(None);
            }
        }
    }

    /// From here on nothing is written but by this.
    pub(super) async fn take_over(&mut self, outbox: &Outbox) {
        poll_fn(|cx| outbox.poll_unplug(cx, &mut self.pending)).await;
    }

    /// What a close against the person leaves to be written: the rest of a frame that is half written.
    pub(super) fn drop_unwritten(&mut self, socket: &Socket, outbox: &Outbox) {
        self.advance(socket.commit(), outbox);
        let Taken { frames, offset } = &mut self.pending;
        let keep = usize::from(*offset > 0);
        let dropped: usize = frames
            .drain(keep.min(frames.len())..)
            .map(|f| f.len())
            .sum();
        outbox.written(dropped);
    }

    async fn write(&mut self, socket: &Socket, outbox: &Outbox) -> io::Result<()> {
        while !self.pending.frames.is_empty() {
            if !self.try_write(socket, outbox)? {
                socket.writable().await?;
            }
        }
        Ok(())
    }

    /// One system call; false when the socket takes nothing now.
    fn try_write(&mut self, socket: &Socket, outbox: &Outbox) -> io::Result<bool> {
        let Taken { frames, offset } = &self.pending;
        let tried = match frames.front() {
            // The commonest, and for the kernel the cheaper call.
            Some(only) if frames.len() == 1 => socket.try_write(&only.bytes()[*offset..]),
            _ => self.try_write_many(socket),
        };
        match tried {
            Ok(0) => Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                self.advance(written, outbox);
                Ok(true)
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                self.stuck.get_or_insert_with(Instant::now);
                Ok(false)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(e) => Err(e),
        }
    }

    /// Apart, so that its kilobyte of slices is on the stack for the moment of the call, and not in every
    /// connection's task.
    #[inline(never)]
    fn try_write_many(&self, socket: &Socket) -> io::Result<usize> {
        let mut slices = [IoSlice::new(&[]); FRAMES];
        let Taken { frames, offset } = &self.pending;
        let count = frames.len().min(FRAMES);
        for (i, (slice, frame)) in slices.iter_mut().zip(frames).enumerate() {
            let skip = if i == 0 { *offset } else { 0 };
            *slice = IoSlice::new(&frame.bytes()[skip..]);
        }
        socket.try_write_vectored(&slices[..count])
    }

    fn advance(&mut self, written: usize, outbox: &Outbox) {
        outbox.written(written);
        self.stuck = None;
        self.writes = self.writes.wrapping_add(1);
        let Taken { frames, offset } = &mut self.pending;
        *offset += written;
        let mut published = None;
        let mut sent = 0;
        while let Some(first) = frames.front()
            && first.len() <= *offset
        {
            *offset -= first.len();
            published = published.or(first.published_at());
            sent += 1;
            frames.pop_front();
        }
        let at = published.filter(|_| self.writes.is_multiple_of(SAMPLE));
        outbox.sent(sent, at.map(|at| (at, std::time::Instant::now())));
    }

    /// For how long the socket has taken nothing of what is to be written.
    pub(super) fn stuck(&self) -> Duration {
        self.stuck.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Writes what is still due: until `done` says that no more answers come and all are written.
    pub(super) async fn drain(
        &mut self,
        socket: &Socket,
        outbox: &Outbox,
        done: impl Fn() -> bool,
    ) -> io::Result<()> {
        loop {
            let finished = done();
            outbox.take(&mut self.pending, FRAMES);
            if finished && self.pending.frames.is_empty() {
                return Ok(());
            }
            self.write(socket, outbox).await?;
            poll_fn(|cx| outbox.poll_frame(cx, &done)).await;
        }
    }

    /// Says goodbye: the last frames, then waits for the other side to close, so that they arrive.
    pub(super) async fn finish(mut self, last: [Frame; 2], socket: &Socket, outbox: &Outbox) {
        self.pending.frames.extend(last);
        let _gave_up = timeout(LINGER, async {
            if self.write(socket, outbox).await.is_err() {
                return;
            }
            socket.say_end();
            let mut rest = [0; 512];
            loop {
                // Who goes on sending does not keep a thread, nor the time from running out.
                consume_budget().await;
                match socket.try_read(&mut rest) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        if socket.readable().await.is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        })
        .await;
    }
}
