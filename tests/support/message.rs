//! MongoDB's messages on the wire: as much of them as a proxy and a made-up server need.

use std::io;

use mongodb::bson::{Bson, Document};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Length, id, id answered, kind.
const HEADER: usize = 16;
/// The longest message that MongoDB takes.
const LONGEST: usize = 48_000_000;
/// The kind of nearly every message.
const MSG: i32 = 2013;
/// The kind of a driver's first question, to servers of any age.
const QUERY: i32 = 2004;
/// The kind of the answer to that.
const REPLY: i32 = 1;

/// One whole message.
pub(crate) struct Message(pub(crate) Vec<u8>);

impl Message {
    /// The next one; an error at the end of the connection.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut bytes = vec![0; HEADER];
        from.read_exact(&mut bytes).await?;
        let mut message = Self(bytes);
        let whole = message.number(0).unsigned_abs() as usize;
        if !(HEADER..=LONGEST).contains(&whole) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        message.0.resize(whole, 0);
        from.read_exact(&mut message.0[HEADER..]).await?;
        Ok(message)
    }

    fn number(&self, at: usize) -> i32 {
        let bytes = self.0[at..at + 4].try_into().expect("four bytes");
        i32::from_le_bytes(bytes)
    }

    pub(crate) fn id(&self) -> i32 {
        self.number(4)
    }

    /// Which message this one answers.
    pub(crate) fn answers(&self) -> i32 {
        self.number(8)
    }

    /// The command, if it is one.
    pub(crate) fn command(&self) -> Option<Document> {
        let body = match self.number(12) {
            // Flags, then a section of the kind that has the command.
            MSG if self.0.get(HEADER + 4) == Some(&0) => HEADER + 5,
            // Flags, the collection's name with its end, two numbers.
            QUERY => {
                let name = self.0[HEADER + 4..].iter().position(|byte| *byte == 0)?;
                HEADER + 4 + name + 1 + 8
            }
            _ => return None,
        };
        Document::from_reader(self.0.get(body..)?).ok()
    }

    /// What it asks for, as in `insert entries`, `commitTransaction`.
    pub(crate) fn name(&self) -> Option<String> {
        let command = self.command()?;
        let (name, of) = command.iter().next()?;
        Some(match of {
            Bson::String(collection) => format!("{name} {collection}"),
            _ => name.clone(),
        })
    }

    /// An answer to this message, of the kind that belongs to it.
    pub(crate) fn answer(&self, body: &Document) -> Vec<u8> {
        let body = body.to_vec().expect("a document");
        let (kind, before): (i32, &[u8]) = match self.number(12) {
            // Flags, cursor, first, how many.
            QUERY => (
                REPLY,
                &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
            ),
            _ => (MSG, &[0, 0, 0, 0, 0]),
        };
        let whole = i32::try_from(HEADER + before.len() + body.len()).expect("short");
        let mut bytes = Vec::new();
        for number in [whole, 1, self.id(), kind] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(before);
        bytes.extend(body);
        bytes
    }
}
