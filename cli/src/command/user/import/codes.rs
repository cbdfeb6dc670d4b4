//! The file of one-time codes: new, its owner's alone, and written as the accounts are made.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use chatd::admin::api::import::Imported;
use csv::Writer;

use crate::failure::{Exit, Failure};

/// The file, open.
pub(super) struct Codes(Writer<File>);

impl Codes {
    /// Makes the file. One that is there is left alone: it may hold the only copy of earlier codes.
    pub(super) fn create(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let mut open = OpenOptions::new();
        let file = match open.write(true).create_new(true).mode(0o600).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                return Err(Failure::Listed {
                    what: format!("{shown} is there already — nothing was changed"),
                    lines: Vec::new(),
                    exit: Exit::Unconfirmed,
                    hint: "name another file, or move that one away".into(),
                });
            }
            Err(e) => {
                let e = anyhow::Error::from(e).context(format!("cannot write {shown}"));
                return Err(e.into());
            }
        };
        let mut codes = Self(Writer::from_writer(file));
        codes.write(["name", "code", "good_until"])?;
        codes.sync()?;
        Ok(codes)
    }

    /// Adds the codes of accounts that were made, and sees to it that they are on the disk: nobody can tell
    /// them again.
    pub(super) fn add(&mut self, made: &[Imported]) -> Result<(), Failure> {
        for account in made {
            if let Some(code) = &account.code {
                let until = account.code_expires_at.map(|at| at.to_string());
                self.write([&account.name, code, &until.unwrap_or_default()])?;
            }
        }
        self.sync()
    }

    pub(super) fn finish(mut self) -> Result<(), Failure> {
        self.sync()
    }

    fn write<'a>(
        &mut self,
        fields: [&'a (impl AsRef<[u8]> + ?Sized + 'a); 3],
    ) -> Result<(), Failure> {
        Ok(self
            .0
            .write_record(fields)
            .context("cannot write the codes")?)
    }

    fn sync(&mut self) -> Result<(), Failure> {
        let synced = self.0.flush().and_then(|()| self.0.get_ref().sync_all());
        Ok(synced.context("cannot write the codes")?)
    }
}
