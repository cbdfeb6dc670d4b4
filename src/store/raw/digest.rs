//! The checksum of a table: SHA-256 over its records in the order of their keys, in one form for all
//! backends.

use sha2::{Digest as _, Sha256};

use super::{Row, Value, hex};

/// A checksum in the making.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    hash: Sha256,
    records: u64,
}

impl Digest {
    /// Takes in the next record. Every value says what it is and how long, so that no two different rows
    /// are the same bytes.
    pub fn add(&mut self, row: &Row) {
        self.records += 1;
        self.hash.update((row.0.len() as u64).to_be_bytes());
        for value in &row.0 {
            match value {
                Value::Null => self.hash.update([0]),
                Value::Int(n) => {
                    self.hash.update([1]);
                    self.hash.update(n.to_be_bytes());
                }
                Value::Text(text) => self.part(2, text.as_bytes()),
                Value::Bytes(bytes) => self.part(3, bytes),
            }
        }
    }

    fn part(&mut self, tag: u8, bytes: &[u8]) {
        self.hash.update([tag]);
        self.hash.update((bytes.len() as u64).to_be_bytes());
        self.hash.update(bytes);
    }

    /// How many records it took in.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The checksum, as lower-case hexadecimal.
    pub fn finish(self) -> String {
        hex(&self.hash.finalize())
    }
}
