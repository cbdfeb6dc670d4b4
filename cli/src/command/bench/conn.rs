//! One connection of the generator: how far it is, and what it has not yet read or written.

use std::{collections::VecDeque, io::Write as _, net::IpAddr};

use super::{
    checks::Place,
    stream::Stream,
    wire::{TEXT, frame},
};

/// How far a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Step {
    /// There is none.
    #[default]
    Away,
    /// TCP is being connected.
    Connecting,
    /// The upgrade was asked for.
    Upgrading,
    /// `hello` and `subscribe` were said.
    Greeting,
    /// It listens.
    Live,
}

/// The `id` of a `hello`, a `subscribe` to its room, and one to further rooms.
pub(super) const HELLO: u64 = 1;
pub(super) const SUBSCRIBE: u64 = 2;
pub(super) const FURTHER: u64 = 3;

/// What a connection keeps of a buffer that it needed once.
const KEPT: usize = 4096;

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) stream: Option<Stream>,
    pub(super) step: Step,
    /// Its room, among the worker's.
    pub(super) room: usize,
    /// Whose it is, among all accounts.
    pub(super) account: usize,
    /// Where it comes from; wherever the system likes if none.
    pub(super) source: Option<IpAddr>,
    pub(super) place: Place,
    /// When it began to come, in nanoseconds of the run.
    pub(super) began: u64,
    /// The beginning of a frame that is not whole yet.
    pub(super) partial: Vec<u8>,
    /// What could not be written yet.
    unsent: Vec<u8>,
    /// Whether the poll tells when it can be written to.
    pub(super) polls_write: bool,
    /// The `id`s of its messages that are not acknowledged.
    pub(super) asked: VecDeque<u64>,
    /// How many answers to subscribes it waits for.
    pub(super) awaited: usize,
}

impl Conn {
    pub(super) fn new(room: usize, account: usize, source: Option<IpAddr>) -> Self {
        Self {
            stream: None,
            step: Step::Away,
            room,
            account,
            source,
            place: Place::default(),
            began: 0,
            partial: Vec::new(),
            unsent: Vec::new(),
            polls_write: false,
            asked: VecDeque::new(),
            awaited: 0,
        }
    }

    /// Whether it listens and takes what is said at once.
    pub(super) fn may_speak(&self) -> bool {
        self.step == Step::Live && self.unsent.is_empty()
    }

    /// Writes as much as goes; the rest waits. Answers whether anything waits.
    pub(super) fn write(&mut self, bytes: &[u8]) -> std::io::Result<bool> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return self.flush();
        }
        let mut rest = bytes;
        if let Some(stream) = &mut self.stream {
            while !rest.is_empty() {
                match stream.write(rest) {
                    Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                    Ok(written) => rest = &rest[written..],
                    Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    Err(e) => return Err(e),
                }
            }
        }
        self.unsent.extend_from_slice(rest);
        Ok(self.waits())
    }

    /// Writes what waits. Answers whether anything still does.
    pub(super) fn flush(&mut self) -> std::io::Result<bool> {
        let bytes = std::mem::take(&mut self.unsent);
        if let Some(stream) = &mut self.stream
            && stream.wants_write()
        {
            match stream.flush() {
                Err(e) if e.kind() != std::io::ErrorKind::WouldBlock => return Err(e),
                _ => {}
            }
        }
        if bytes.is_empty() {
            return Ok(self.waits());
        }
        self.write(&bytes)
    }

    fn waits(&self) -> bool {
        !self.unsent.is_empty() || self.stream.as_ref().is_some_and(Stream::wants_write)
    }

    /// Is away from now on.
    pub(super) fn leave(&mut self) {
        self.stream = None;
        self.step = Step::Away;
        self.partial = Vec::new();
        self.unsent = Vec::new();
        self.polls_write = false;
        self.awaited = 0;
    }

    /// Keeps the beginning of a frame.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
    }

    /// Puts what was kept at the beginning of `buffer`; answers how much that is. The buffer is as large as is
    /// needed.
    pub(super) fn take_kept(&mut self, buffer: &mut Vec<u8>) -> usize {
        let kept = self.partial.len();
        if kept * 2 > buffer.len() {
            buffer.resize(kept * 2, 0);
        }
        buffer[..kept].copy_from_slice(&self.partial);
        self.partial.clear();
        self.partial.shrink_to(KEPT);
        kept
    }
}

/// A request, as a frame.
pub(super) fn request(payload: &str) -> Vec<u8> {
    frame(TEXT, payload.as_bytes())
}

/// `hello`.
pub(super) fn hello(token: &str) -> Vec<u8> {
    // A token has nothing in it that JSON escapes.
    request(&format!(
        r#"{{"id":{HELLO},"op":"hello","token":"{token}","protocol":1}}"#
    ))
}

/// `subscribe`, from a position on if there is one.
pub(super) fn subscribe(room: &str, after: Option<(u64, &str)>) -> Vec<u8> {
    let from = after.map_or_else(String::new, |(seq, epoch)| {
        format!(r#","after":{seq},"epoch":"{epoch}""#)
    });
    request(&format!(
        r#"{{"id":{SUBSCRIBE},"op":"subscribe","room":"{room}"{from}}}"#
    ))
}

/// `subscribe` to several rooms.
pub(super) fn listen(rooms: &[String]) -> Vec<u8> {
    let rooms = rooms.iter().map(|room| format!(r#"{{"room":"{room}"}}"#));
    let rooms = rooms.collect::<Vec<_>>().join(",");
    request(&format!(
        r#"{{"id":{FURTHER},"op":"subscribe","rooms":[{rooms}]}}"#
    ))
}
