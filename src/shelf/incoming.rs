//! A file that is being written: where its bytes go, and what is found out of them on the way.

use std::{io, sync::Arc};

use sha2::{Digest as _, Sha256};

use super::{Error, HEAD, Kind, Written, blocking, directory::Part, remote::Remote};
use crate::objects::Upload;

/// A file that is being written. Dropped unfinished it leaves nothing.
#[derive(Debug)]
pub struct Incoming {
    /// None after writing failed.
    sink: Option<Sink>,
    seen: Option<Box<Seen>>,
}

/// Where the bytes go.
#[derive(Debug)]
pub(super) enum Sink {
    File(Part),
    Object(Arc<Remote>, Upload),
}

/// What was found out of the bytes so far.
#[derive(Debug, Default)]
struct Seen {
    hash: Sha256,
    head: Vec<u8>,
    size: u64,
}

impl Seen {
    fn take(&mut self, bytes: &[u8]) {
        let head = HEAD - self.head.len();
        self.head.extend(bytes.iter().take(head));
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    fn written(self) -> Written {
        Written {
            size: self.size,
            kind: Kind::of(&self.head, self.size),
            sha256: self.hash.finalize().into(),
        }
    }
}

impl Incoming {
    pub(super) fn new(sink: Sink) -> Self {
        Self {
            sink: Some(sink),
            seen: Some(Box::default()),
        }
    }

    /// Writes some more.
    pub async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        let (sink, mut seen) = self.take()?;
        let (sink, seen) = match sink {
            Sink::File(mut part) => {
                blocking(move || {
                    seen.take(&bytes);
                    part.write(&bytes, seen.size)?;
                    Ok((Sink::File(part), seen))
                })
                .await?
            }
            Sink::Object(remote, mut upload) => {
                let (seen, bytes) = blocking(move || {
                    seen.take(&bytes);
                    Ok((seen, bytes))
                })
                .await?;
                remote.write(&mut upload, &bytes).await?;
                (Sink::Object(remote, upload), seen)
            }
        };
        (self.sink, self.seen) = (Some(sink), Some(seen));
        Ok(())
    }

    /// Puts all of it in its place, for good.
    pub async fn finish(mut self) -> Result<Written, Error> {
        let (sink, seen) = self.take()?;
        match sink {
            Sink::File(part) => blocking(move || part.finish()).await?,
            Sink::Object(remote, upload) => remote.finish(upload).await?,
        }
        Ok(seen.written())
    }

    fn take(&mut self) -> Result<(Sink, Box<Seen>), Error> {
        let both = self.sink.take().zip(self.seen.take());
        both.ok_or_else(|| Error::Io {
            what: "cannot go on with a file of which writing failed".into(),
            source: io::ErrorKind::BrokenPipe.into(),
        })
    }
}
