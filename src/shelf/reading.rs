//! A file that is being read, piece by piece: as many bytes as somebody takes at a time, and no more.

use std::{fs, io, sync::Arc};

use bytes::Bytes;

use super::{Error, blocking, directory, remote::Remote};
use crate::id::FileId;

/// How much of a file on a disk is read at a time.
const PIECE: usize = 128 * 1024;

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    id: FileId,
    left: u64,
    from: Source,
}

#[derive(Debug)]
enum Source {
    File(Arc<fs::File>),
    Object {
        remote: Arc<Remote>,
        /// What was read ahead, so that whoever opens it learns whether it is there.
        ahead: Bytes,
        at: u64,
    },
}

impl Reading {
    pub(super) fn of_file(id: FileId, file: Arc<fs::File>, left: u64) -> Self {
        let from = Source::File(file);
        Self { id, left, from }
    }

    pub(super) async fn of_object(
        remote: Arc<Remote>,
        id: FileId,
        from: u64,
        upto: u64,
    ) -> Result<Self, Error> {
        let ahead = remote.read(id, from, upto).await?;
        let at = from + ahead.len() as u64;
        Ok(Self {
            id,
            left: upto.saturating_sub(from),
            from: Source::Object { remote, ahead, at },
        })
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let (id, left) = (self.id, self.left);
        let bytes = match &mut self.from {
            Source::File(file) => {
                let file = Arc::clone(file);
                let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                blocking(move || directory::read_piece(id, &file, most))
                    .await?
                    .into()
            }
            Source::Object { remote, ahead, at } => {
                let mut bytes = std::mem::take(ahead);
                if bytes.is_empty() {
                    bytes = remote.read(id, *at, *at + left).await?;
                    *at += bytes.len() as u64;
                }
                bytes
            }
        };
        if bytes.is_empty() {
            return Err(Error::Io {
                what: format!("cannot read file {id}"),
                source: io::ErrorKind::UnexpectedEof.into(),
            });
        }
        self.left = left.saturating_sub(bytes.len() as u64);
        Ok(Some(bytes))
    }
}
