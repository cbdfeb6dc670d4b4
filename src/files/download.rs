//! Reading a file, piece by piece, as long as whoever reads it may.

use std::io;

use bytes::Bytes;

use super::{Files, no_bytes, seats::Seat};
use crate::{
    id::FileId,
    model::{Caller, File, Refusal},
    shelf::{self, Reading},
};

/// How many bytes are read between two looks at whether the reader still may.
const LOOK_EVERY: u64 = 1 << 20;

/// How many bytes of a file are given at once to who asks for it piece by piece.
const PIECE: u64 = 4 << 20;

/// A file that is being read.
#[derive(Debug)]
pub struct Open {
    files: Files,
    caller: Caller,
    file: File,
    reading: Reading,
    /// How many bytes were read since the last look.
    unseen: u64,
    _seat: Seat,
}

impl Files {
    /// Opens a file that [`Files::file`] gave, from byte `from` up to `upto`, without that one.
    pub async fn open(
        &self,
        caller: &Caller,
        file: File,
        (from, upto): (u64, u64),
    ) -> Result<Open, Refusal> {
        let seat = self.seats.take(caller.user).await?;
        let reading = self.shelf.read(file.id, from, upto).await;
        Ok(Open {
            files: self.clone(),
            caller: caller.clone(),
            reading: reading.map_err(|e| no_bytes(&e))?,
            file,
            unseen: 0,
            _seat: seat,
        })
    }

    /// Refuses a file that [`Files::file`] gave and of which there are no bytes, as [`Files::open`] would.
    pub async fn check_bytes(&self, file: &File) -> Result<(), Refusal> {
        let found = self.shelf.size(file.id).await;
        match found.map_err(|e| no_bytes(&e))? {
            Some(_) => Ok(()),
            None => Err(no_bytes(&shelf::Error::Missing(file.id))),
        }
    }

    /// Some bytes of a file, from a place on: as many as one answer may have. For operators: nobody is asked.
    pub async fn piece(&self, id: FileId, from: u64) -> Result<Vec<u8>, Refusal> {
        let file = self.find(id).await?;
        if file.gone_at.is_some() {
            return Err(Refusal::NotFound("file"));
        }
        if from >= file.size {
            return Ok(Vec::new());
        }
        let upto = file.size.min(from.saturating_add(PIECE));
        let reading = self.shelf.read(id, from, upto).await;
        let mut reading = reading.map_err(|e| no_bytes(&e))?;
        let mut piece = Vec::new();
        loop {
            match reading.next().await {
                Ok(Some(bytes)) => piece.extend_from_slice(&bytes),
                Ok(None) => break,
                // It is shorter than it was: who puts the pieces together sees that.
                Err(shelf::Error::Io { source, .. })
                    if source.kind() == io::ErrorKind::UnexpectedEof =>
                {
                    break;
                }
                Err(e) => return Err(no_bytes(&e)),
            }
        }
        Ok(piece)
    }
}

impl Open {
    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        if self.unseen >= LOOK_EVERY {
            if self.files.stopping.is_cancelled() {
                return Err(Refusal::Unavailable);
            }
            // As it is now: it may have been deleted meanwhile.
            self.files.file(&self.caller, self.file.id).await?;
            self.unseen = 0;
        }
        let bytes = self.reading.next().await.map_err(|e| no_bytes(&e))?;
        self.unseen += bytes.as_ref().map_or(0, |b| b.len() as u64);
        Ok(bytes)
    }
}
