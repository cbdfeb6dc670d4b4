//! The files of a person: a line for each, and beside them the bytes, under the names they were given.

use std::{fs::DirBuilder, io::Write as _, os::unix::fs::DirBuilderExt as _, path::Path};

use anyhow::Context as _;
use bytes::Bytes;
use chatd::admin::{self, Client};
use serde_json::{Value, json};

use super::create;
use crate::{command::file, failure::Failure};

/// The directory for the bytes.
const DIR: &str = "files";
/// How long the name of a file may become, in bytes: less than a file system takes.
const LONGEST: usize = 200;

/// What came of the bytes so far.
#[derive(Default)]
pub(super) struct Files {
    /// How many files there are.
    count: u64,
    /// How many bytes were written.
    pub(super) bytes: u64,
    /// How many are not there, or not as they were.
    pub(super) lost: u64,
}

impl Files {
    /// Writes the bytes of the file that a line is about, and says in the line where they are.
    pub(super) async fn write(
        &mut self,
        client: &Client,
        dir: &Path,
        line: &mut Value,
    ) -> Result<(), Failure> {
        self.count += 1;
        let name = format!("{:04}-{}", self.count, short(text(line, "name")));
        let files = dir.join(DIR);
        if self.count == 1 {
            let made = DirBuilder::new().mode(0o700).create(&files);
            made.with_context(|| format!("cannot make {}", files.display()))?;
        }
        let to = files.join(&name);
        let (size, hash) = match fetch(client, text(line, "id"), size_of(line), &to).await {
            Ok(fetched) => fetched,
            Err(Failure::Admin(admin::Error::Refused(refused))) if refused.code == "not_found" => {
                self.lost += 1;
                line["lost"] = json!(true);
                let _nothing_in_it = std::fs::remove_file(&to);
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        self.bytes += size;
        line["file"] = json!(format!("{DIR}/{name}"));
        if hash != text(line, "sha256") {
            self.lost += 1;
            line["damaged"] = json!(true);
        }
        Ok(())
    }
}

/// Writes the bytes of a file, piece by piece: how many they are, and their SHA-256.
async fn fetch(client: &Client, id: &str, size: u64, to: &Path) -> Result<(u64, String), Failure> {
    let what = || format!("cannot write {}", to.display());
    let mut out = create(to).with_context(what)?;
    let written = async |piece: Bytes| Ok(out.write_all(&piece).with_context(what)?);
    let fetched = file::fetch(client, id, size, written).await?;
    out.sync_all().with_context(what)?;
    Ok(fetched)
}

fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

fn size_of(line: &Value) -> u64 {
    line["size"].as_u64().unwrap_or(0)
}

/// A name that a file system takes: of one that is too long the beginning, with what kind of file it says it is.
fn short(name: &str) -> String {
    let name: String = name.chars().filter(|c| *c != '/' && *c != '\0').collect();
    if name.len() <= LONGEST {
        return name;
    }
    let kind = match name.rsplit_once('.') {
        Some((_, kind)) if kind.len() <= 16 => format!(".{kind}"),
        _ => String::new(),
    };
    let mut end = LONGEST - kind.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{kind}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits() {
        assert_eq!(short("photo.png"), "photo.png");
        let long = format!("{}.jpeg", "\u{fc}".repeat(120));
        let cut = short(&long);
        assert!(
            cut.len() <= LONGEST && cut.ends_with("\u{fc}.jpeg"),
            "{cut}"
        );
        assert_eq!(short(&"a".repeat(255)).len(), LONGEST);
    }
}
