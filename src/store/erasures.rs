//! The list of what was erased, kept outside the store: so that going back to a backup brings nobody back who
//! was forgotten since, and no text.
//!
//! One line of JSON for each, in a file of the data directory that is only ever added to, and names nobody but
//! by id. A line is on the disk before the erasure happens: where a process ends in between, it was asked for
//! all the same. What was listed and then not erased is listed as such.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::{Error, owner};
use crate::{
    clock::Millis,
    id::{EntryId, FileId, RoomId, UserId},
};

/// The file, in the data directory.
pub const FILE: &str = "erased.jsonl";

/// The list, while chatd adds to it.
#[derive(Clone, Debug)]
pub struct Erasures {
    /// None where nothing is to be listed: it is done again from the list.
    path: Option<Arc<PathBuf>>,
    /// One writes at a time.
    turn: Arc<Mutex<()>>,
}

/// Something that was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Erasure {
    /// A person.
    Person {
        /// Who.
        user: UserId,
        /// Whether all that they said went as well.
        messages: bool,
    },
    /// The text of a message, and of what it was edited to.
    Text {
        /// Where it was said.
        room: RoomId,
        /// Its place there.
        seq: u64,
        /// Which message that was: after a restore others get these places.
        id: EntryId,
    },
    /// The bytes of a file, whose message stays.
    File {
        /// Which.
        file: FileId,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    at: Millis,
    #[serde(flatten)]
    erasure: Erasure,
    /// It was not erased after all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    kept: bool,
}

/// What a list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// Persons, and whether what they said went as well.
    pub persons: BTreeMap<UserId, bool>,
    /// Messages.
    pub texts: BTreeSet<(RoomId, u64, EntryId)>,
    /// Files.
    pub files: BTreeSet<FileId>,
    /// How many lines do not read.
    pub unread: u64,
}

impl Erasures {
    /// The list of this data directory.
    pub fn at(data: &Path) -> Self {
        Self {
            path: Some(Arc::new(data.join(FILE))),
            turn: Arc::default(),
        }
    }

    /// No list.
    pub fn none() -> Self {
        Self {
            path: None,
            turn: Arc::default(),
        }
    }

    /// Lists what is about to be erased; it is on the disk when this answers.
    pub async fn note(&self, erasures: &[Erasure], at: Millis) -> Result<(), Error> {
        self.add(erasures, at, false).await
    }

    /// Lists that these were not erased after all.
    pub async fn keep(&self, erasures: &[Erasure], at: Millis) -> Result<(), Error> {
        self.add(erasures, at, true).await
    }

    async fn add(&self, erasures: &[Erasure], at: Millis, kept: bool) -> Result<(), Error> {
        let Some(path) = self.path.clone().filter(|_| !erasures.is_empty()) else {
            return Ok(());
        };
        let mut text = Vec::new();
        for &erasure in erasures {
            let line = Line { at, erasure, kept };
            serde_json::to_writer(&mut text, &line)
                .map_err(|e| Error::Unavailable(format!("a line of {FILE} is no JSON: {e}")))?;
            text.push(b'\n');
        }
        let turn = Arc::clone(&self.turn);
        let added = tokio::task::spawn_blocking(move || {
            let _mine = turn.lock();
            append(&path, &text).map_err(|e| (path, e))
        });
        let added = added
            .await
            .map_err(|e| Error::Unavailable(format!("{FILE} was not written: {e}")))?;
        added.map_err(|(path, e)| {
            let path = path.display();
            tracing::error!(%path, error = %e, "nothing can be erased: the list of what was erased cannot be written");
            Error::Unavailable(format!("cannot write {path}: {e}"))
        })
    }
}

impl Listed {
    /// Reads the list of a data directory; empty where there is none. A line that was cut off by the end of a
    /// process does not read, and nor did what it told of happen.
    pub fn read(data: &Path) -> io::Result<Self> {
        let mut listed = Self::default();
        let file = match File::open(data.join(FILE)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(listed),
            Err(e) => return Err(e),
        };
        for line in BufReader::new(file).split(b'\n') {
            let line = line?;
            if line.is_empty() {
                continue;
            }
            match serde_json::from_slice::<Line>(&line) {
                Ok(line) => listed.take(&line),
                Err(_) => listed.unread += 1,
            }
        }
        Ok(listed)
    }

    fn take(&mut self, line: &Line) {
        match (line.erasure, line.kept) {
            (Erasure::Person { user, messages }, false) => {
                let all = self.persons.entry(user).or_default();
                *all |= messages;
            }
            (Erasure::Person { user, .. }, true) => {
                self.persons.remove(&user);
            }
            (Erasure::Text { room, seq, id }, false) => {
                self.texts.insert((room, seq, id));
            }
            (Erasure::Text { room, seq, id }, true) => {
                self.texts.remove(&(room, seq, id));
            }
            (Erasure::File { file }, false) => {
                self.files.insert(file);
            }
            (Erasure::File { file }, true) => {
                self.files.remove(&file);
            }
        }
    }
}

/// Adds whole lines, after a line that was cut off if there is one.
fn append(path: &Path, text: &[u8]) -> io::Result<()> {
    let new = !path.exists();
    let mut file = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    let mut all = Vec::with_capacity(text.len() + 1);
    if file.seek(SeekFrom::End(0))? > 0 {
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            all.push(b'\n');
        }
    }
    all.extend_from_slice(text);
    file.write_all(&all)?;
    file.sync_data()?;
    if new && let Some(dir) = path.parent() {
        owner::give(path, dir)?;
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt as _};

    use super::*;

    #[tokio::test]
    async fn what_was_listed_is_read_again_also_after_a_cut_line() {
        let dir = tempfile::tempdir().unwrap();
        let list = Erasures::at(dir.path());
        let (at, user) = (Millis(1), UserId::new(Millis(1)));
        let (room, id) = (RoomId::new(Millis(2)), EntryId::new(Millis(3)));
        let text = |seq| Erasure::Text { room, seq, id };
        let person = |messages| Erasure::Person { user, messages };
        list.note(&[text(1), text(2), person(false)], at)
            .await
            .unwrap();
        let path = dir.path().join(FILE);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"at\":5,\"what\":\"per").unwrap();
        list.note(&[person(true)], at).await.unwrap();
        list.keep(&[text(2)], at).await.unwrap();
        let listed = Listed::read(dir.path()).unwrap();
        assert_eq!(listed.persons, BTreeMap::from([(user, true)]));
        assert_eq!(listed.texts, BTreeSet::from([(room, 1, id)]));
        assert_eq!(listed.unread, 1);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn nothing_is_erased_that_cannot_be_listed() {
        let list = Erasures::at(Path::new("/nowhere"));
        let user = UserId::new(Millis(1));
        let messages = false;
        let lines = [Erasure::Person { user, messages }];
        list.note(&lines, Millis(1)).await.unwrap_err();
        list.note(&[], Millis(1)).await.unwrap();
    }
}
