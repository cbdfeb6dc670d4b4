//! `chatd archive export`: segments as files, with a manifest, read back and compared.

mod manifest;
mod report;
mod store;

use chatd::{
    admin::{
        self, Client,
        api::{
            List, Status,
            archive::{Run, Segment},
        },
    },
    clock::Clock,
    segment,
};
use clap::{Args, ValueHint};

use self::{
    manifest::{Exported, MANIFEST, Manifest, sha256},
    report::{Damaged, Report},
    store::Store,
};
use super::{Which, bar::Bar, look, which};
use crate::{
    asking::{Asking, quote},
    cli::DryRun,
    console::Console,
    failure::{Explain as _, Failure},
    output::{bytes, count},
};

/// As many as the server gives at once.
const PAGE: u64 = 200;

/// Write what is archived into files, and read them back
///
/// Each segment is a file, ROOM-ID/FIRST-LAST.chatdseg, in the format docs/archive-format.md describes;
/// manifest.json, which is written last, lists them with their SHA-256. When all are on the disk, each is
/// read back and compared. DEST is a directory that is not there yet or is empty, or its file:// URL; only you
/// may read it. The archive stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive export /backup/archive-2026 --dry-run
  chatd archive export /backup/archive-2026
  chatd archive export file:///backup/general --room general
  jq -r '.segments[] | \"\\(.sha256)  \\(.file)\"' manifest.json | sha256sum -c")]
pub(super) struct Export {
    /// Where to: a directory or its file:// URL
    #[arg(value_name = "DEST", value_hint = ValueHint::DirPath, value_parser = Store::parse)]
    to: Store,

    #[command(flatten)]
    which: Which,

    #[command(flatten)]
    dry: DryRun,
}

/// What became of a segment.
enum Got {
    /// It is a file now.
    Whole(Exported),
    /// It does not read.
    Damaged(String),
    /// It was purged meanwhile, and is no part of the archive any more.
    Gone,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let done = asking.look(async |client| {
            let segments = self.segments(client).await?;
            self.to.check()?;
            if dry_run {
                return Ok(self.report(&planned(&segments), Vec::new(), true));
            }
            self.export(client, asking.console, &segments).await
        });
        let report = done.explain(|| "export the archive".into(), which())?;
        asking.console.answer(&report, |_| report.words())?;
        report.check()
    }

    /// The segments that are meant, by what the store says of them.
    async fn segments(&self, client: &Client) -> Result<Vec<Segment>, Failure> {
        let room = match &self.which.room {
            Some(name) => Some(super::room::find_id(client, name).await?),
            None => None,
        };
        if let Some(run) = &self.which.run {
            let _known: Run = look(client, run).await?;
        }
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/archive/segments?limit={PAGE}{cursor}");
            let list: List<Segment> = client.get(&path).await?;
            found.extend(list.items.into_iter().filter(|s| {
                let sealed = s.purged_at.is_none() && s.restored_at.is_none();
                let of_room = room.as_ref().is_none_or(|room| *room == s.room);
                sealed && of_room && self.which.run.as_ref().is_none_or(|run| *run == s.run)
            }));
            match list.next {
                Some(next) => cursor = format!("&cursor={}", quote(&next)),
                None => return Ok(found),
            }
        }
    }

    async fn export(
        &self,
        client: &Client,
        console: &Console,
        segments: &[Segment],
    ) -> Result<Report, Failure> {
        let status: Status = client.get("/v1/status").await?;
        self.to.begin()?;
        let (bar, all) = (Bar::new(console), segments.iter().map(|s| s.size).sum());
        let mut manifest = Manifest::new(Clock::system().now(), status.store.epoch);
        let (mut done, mut damaged) = (0, Vec::new());
        for segment in segments {
            done += segment.size;
            match self.export_one(client, segment).await? {
                Got::Whole(one) => manifest.segments.push(one),
                Got::Damaged(why) => damaged.push(Damaged::of(segment, why)),
                Got::Gone => {}
            }
            bar.count("writing", done, all, bytes);
        }
        let document = serde_json::to_vec_pretty(&manifest).map_err(anyhow::Error::from)?;
        self.to.put(MANIFEST, &document)?;
        self.to.end()?;
        self.read_back(&manifest, &document, &bar)?;
        Ok(self.report(&manifest.segments, damaged, false))
    }

    async fn export_one(&self, client: &Client, segment: &Segment) -> Result<Got, Failure> {
        let (room, last) = (quote(&segment.room), segment.last);
        let path = format!("/v1/archive/segments/{room}/{last}");
        let bytes = match client.get_bytes(&path).await {
            Ok(bytes) => bytes,
            Err(admin::Error::Refused(why)) if why.code == "not_found" => return Ok(Got::Gone),
            Err(e) => return Err(e.into()),
        };
        let header = match segment::open(&bytes) {
            Ok((header, _)) => header,
            Err(e) => return Ok(Got::Damaged(e.to_string())),
        };
        let exported = Exported {
            file: format!("{}/{}-{}.chatdseg", header.room, header.first, header.last),
            room: header.room.to_string(),
            first: header.first,
            last: header.last,
            entries: header.entries,
            messages: header.messages,
            size: bytes.len() as u64,
            sha256: sha256(&bytes),
        };
        let is = (&exported.room, exported.first, exported.last);
        if is != (&segment.room, segment.first, segment.last) {
            return Ok(Got::Damaged("it is that of another room or range".into()));
        }
        self.to.put(&exported.file, &bytes)?;
        Ok(Got::Whole(exported))
    }

    fn read_back(&self, manifest: &Manifest, document: &[u8], bar: &Bar) -> Result<(), Failure> {
        let all = manifest.segments.iter().map(|s| s.size).sum();
        let (mut done, mut wrong) = (0, Vec::new());
        for one in &manifest.segments {
            if sha256(&self.to.get(&one.file)?) != one.sha256 {
                wrong.push(one.file.as_str());
            }
            done += one.size;
            bar.count("comparing", done, all, bytes);
        }
        if self.to.get(MANIFEST)? != document {
            wrong.push(MANIFEST);
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Failure::Found {
            what: format!(
                "{} did not read back as written:\n{}",
                count(wrong.len() as u64, "file"),
                wrong.join("\n")
            ),
            hint: "do not rely on this export: see to the disk, and export again",
        })
    }

    fn report(&self, segments: &[Exported], damaged: Vec<Damaged>, dry_run: bool) -> Report {
        let mut rooms: Vec<_> = segments.iter().map(|s| &s.room).collect();
        rooms.dedup();
        let sum = |of: fn(&Exported) -> u64| segments.iter().map(of).sum();
        Report {
            to: self.to.to_string(),
            rooms: rooms.len() as u64,
            segments: segments.len() as u64,
            entries: sum(|s| s.entries),
            messages: sum(|s| s.messages),
            size: sum(|s| s.size),
            damaged,
            dry_run,
        }
    }
}

/// What would be written, by what the store says.
fn planned(segments: &[Segment]) -> Vec<Exported> {
    let each = segments.iter().map(|s| Exported {
        file: String::new(),
        room: s.room.clone(),
        first: s.first,
        last: s.last,
        entries: s.entries,
        messages: s.messages,
        size: s.size,
        sha256: String::new(),
    });
    each.collect()
}
