//! Sealed blocks of entries: the format in which old entries are kept, in either store and in exported files
//! alike. It is described for other tools in `docs/archive-format.md`.
//!
//! A segment is one line of JSON, the header, and after its line feed one zstd frame. Uncompressed that is one
//! line of JSON for each entry. So a segment can be read with `head`, `tail`, `zstd` and `jq`.
//!
//! Nothing here knows what entries mean, nor where segments are kept. What is read is not trusted.

use std::io::Read as _;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::{
    clock::Millis,
    id::{EntryId, RoomId, UserId},
};

/// What the header says it is.
const FORMAT: &str = "chatd-segment";
/// The version of the format this code writes; it reads every one up to it.
pub const VERSION: u32 = 1;
/// How hard zstd tries. Higher levels gained little on text of this kind for much more time; the figures are
/// in `docs/benchmarks.md`.
const LEVEL: i32 = 6;
/// The most bytes that are uncompressed of a segment, whatever its header says. One is sealed at about 1 MiB
/// of text, and what crosses that has one message more.
const MOST: u64 = 64 * 1024 * 1024;
/// The longest header line that is looked for.
const HEADER_MOST: usize = 4096;

/// One entry as it lies in a store: its payload not decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number in the log.
    pub seq: u64,
    /// The number of messages up to it.
    pub n: u64,
    /// When.
    pub at: Millis,
    /// Its id.
    pub id: EntryId,
    /// Who.
    pub from: Option<UserId>,
    /// The version of the payload's format.
    pub version: i64,
    /// What kind of entry.
    pub kind: String,
    /// The payload; JSON, unless something else was written there.
    pub data: String,
}

impl Line {
    /// Whether it counts in `n`.
    pub fn is_message(&self) -> bool {
        self.kind == "message"
    }
}

/// A line as it is written.
#[derive(Serialize, Deserialize)]
struct LineText<'a> {
    seq: u64,
    n: u64,
    at: Millis,
    id: EntryId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<UserId>,
    v: i64,
    kind: String,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
    /// In the place of `data`, what is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The first line of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// `chatd-segment`.
    pub format: String,
    /// The format's version.
    pub version: u32,
    /// The room's id.
    pub room: RoomId,
    /// The `seq` of the first entry.
    pub first: u64,
    /// The `seq` of the last entry.
    pub last: u64,
    /// The number of messages of the room up to the last entry.
    pub n: u64,
    /// When the first entry was made, in milliseconds since 1970.
    pub first_at: Millis,
    /// When the last entry was made.
    pub last_at: Millis,
    /// How many entries.
    pub entries: u64,
    /// How many of them are messages.
    pub messages: u64,
    /// `zstd`.
    pub codec: String,
    /// How many bytes it has uncompressed.
    pub bytes: u64,
    /// SHA-256 of the compressed bytes, hexadecimal.
    pub sha256: String,
}

/// A sealed segment.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// Its header.
    pub header: Header,
    /// All of it, the header line first.
    pub bytes: Vec<u8>,
}

/// Why entries cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// They are not consecutive entries of a log.
    #[error("{0}")]
    NotInOrder(String),
    /// It could not be written.
    #[error("a segment cannot be written: {0}")]
    Write(String),
}

/// What is wrong with a segment that is read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damage(pub String);

/// Seals consecutive entries of a room, of which there is at least one.
pub fn seal(room: RoomId, lines: &[Line]) -> Result<Sealed, Error> {
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else {
        return Err(Error::NotInOrder("there is nothing to seal".into()));
    };
    check_order(lines).map_err(Error::NotInOrder)?;
    let write = |e: serde_json::Error| Error::Write(e.to_string());
    let mut text = Vec::new();
    for line in lines {
        let raw = serde_json::from_str::<&RawValue>(&line.data).ok();
        // A line feed between two members of an object would be one in the middle of a line.
        let raw = raw.filter(|raw| !raw.get().contains('\n'));
        let written = LineText {
            seq: line.seq,
            n: line.n,
            at: line.at,
            id: line.id,
            from: line.from,
            v: line.version,
            kind: line.kind.clone(),
            data: raw,
            text: raw.is_none().then(|| line.data.clone()),
        };
        serde_json::to_writer(&mut text, &written).map_err(write)?;
        text.push(b'\n');
    }
    let body = zstd::bulk::compress(&text, LEVEL).map_err(|e| Error::Write(e.to_string()))?;
    let header = Header {
        format: FORMAT.into(),
        version: VERSION,
        room,
        first: first.seq,
        last: last.seq,
        n: last.n,
        first_at: first.at,
        last_at: last.at,
        entries: lines.len() as u64,
        messages: lines.iter().filter(|l| l.is_message()).count() as u64,
        codec: "zstd".into(),
        bytes: text.len() as u64,
        sha256: sha256(&body),
    };
    let mut bytes = serde_json::to_vec(&header).map_err(write)?;
    bytes.push(b'\n');
    bytes.extend(body);
    Ok(Sealed { header, bytes })
}

/// Reads a segment: what it says and what it has, which are found to agree.
pub fn open(bytes: &[u8]) -> Result<(Header, Vec<Line>), Damage> {
    let (header, body) = header(bytes)?;
    if sha256(body) != header.sha256 {
        return Err(Damage("its checksum is not that of its bytes".into()));
    }
    let text = decompress(body, header.bytes)?;
    let text = std::str::from_utf8(&text).map_err(|_| Damage("it is no text".into()))?;
    let lines = text.lines().map(line).collect::<Result<Vec<_>, _>>()?;
    check_order(&lines).map_err(Damage)?;
    let found = Header {
        first: lines.first().map_or(0, |l| l.seq),
        last: lines.last().map_or(0, |l| l.seq),
        n: lines.last().map_or(0, |l| l.n),
        first_at: lines.first().map(|l| l.at).unwrap_or_default(),
        last_at: lines.last().map(|l| l.at).unwrap_or_default(),
        entries: lines.len() as u64,
        messages: lines.iter().filter(|l| l.is_message()).count() as u64,
        ..header.clone()
    };
    if found != header {
        return Err(Damage("its header is not that of its entries".into()));
    }
    Ok((header, lines))
}

/// The header of a segment, and what comes after it.
pub fn header(bytes: &[u8]) -> Result<(Header, &[u8]), Damage> {
    let end = bytes.iter().take(HEADER_MOST).position(|b| *b == b'\n');
    let end = end.ok_or_else(|| Damage("it has no header".into()))?;
    let header: Header = serde_json::from_slice(&bytes[..end])
        .map_err(|e| Damage(format!("its header does not read: {e}")))?;
    if header.format != FORMAT || header.version == 0 {
        return Err(Damage("it is no segment of chatd".into()));
    }
    if header.version > VERSION {
        let (found, known) = (header.version, VERSION);
        return Err(Damage(format!(
            "it has format version {found}, this chatd knows up to {known}: use a newer chatd"
        )));
    }
    if header.codec != "zstd" {
        return Err(Damage("its codec is not zstd".into()));
    }
    Ok((header, &bytes[end + 1..]))
}

/// No more than the header says, so that a small block cannot fill the memory.
fn decompress(body: &[u8], bytes: u64) -> Result<Vec<u8>, Damage> {
    if bytes > MOST {
        return Err(Damage(format!("it says it has {bytes} bytes")));
    }
    let broken = |e: std::io::Error| Damage(format!("it does not uncompress: {e}"));
    let mut text = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    let decoder = zstd::stream::read::Decoder::new(body).map_err(broken)?;
    decoder
        .take(bytes + 1)
        .read_to_end(&mut text)
        .map_err(broken)?;
    if text.len() as u64 != bytes {
        return Err(Damage("it is longer or shorter than it says".into()));
    }
    Ok(text)
}

fn line(text: &str) -> Result<Line, Damage> {
    let read: LineText<'_> =
        serde_json::from_str(text).map_err(|e| Damage(format!("an entry does not read: {e}")))?;
    let data = match (read.data, read.text) {
        (Some(raw), None) => raw.get().to_owned(),
        (None, Some(text)) => text,
        _ => return Err(Damage(format!("entry {} has no data", read.seq))),
    };
    Ok(Line {
        seq: read.seq,
        n: read.n,
        at: read.at,
        id: read.id,
        from: read.from,
        version: read.v,
        kind: read.kind,
        data,
    })
}

/// Says where lines are not consecutive entries of one log.
fn check_order(lines: &[Line]) -> Result<(), String> {
    for pair in lines.windows(2) {
        let (before, this) = (&pair[0], &pair[1]);
        if before.seq.checked_add(1) != Some(this.seq) {
            let (before, this) = (before.seq, this.seq);
            return Err(format!("after entry {before} comes {this}"));
        }
        if this.n != before.n + u64::from(this.is_message()) {
            return Err(format!("entry {} has n {}", this.seq, this.n));
        }
        if this.at < before.at {
            return Err(format!("entry {} is before the one before it", this.seq));
        }
    }
    Ok(())
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests;
