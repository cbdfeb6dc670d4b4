//! `chatd archive export`: segments as files or objects, with a manifest, read back and compared.

mod manifest;
mod report;
mod store;

use bytes::Bytes;
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
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::{
    manifest::{Exported, MANIFEST, Manifest, sha256},
    report::{Damaged, Report},
    store::{Dest, Reach, Store, There},
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

/// How many segments are on their way at once: a store far away answers late. Each is about 1 MiB at most.
const AT_ONCE: usize = 4;

/// Write what is archived into files, and read them back
///
/// Each segment is a file, ROOM-ID/FIRST-LAST.chatdseg, in the format docs/archive-format.md describes. Each is
/// read back and compared; manifest.json, which is written last, lists them with their SHA-256. DEST is a
/// directory that is not there yet or is empty, or its file:// URL; only you may read it. Or it is the URL of a
/// bucket, and of what its objects begin with, as `s3://BUCKET/PREFIX`. Credentials for that come from the
/// environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), a file, or the machine's own role. What was cut off
/// goes on with --resume. The archive stays as it is.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chatd archive export /backup/archive-2026 --dry-run
  chatd archive export /backup/archive-2026
  chatd archive export file:///backup/general --room general
  chatd archive export s3://backups/chatd/2026 --region eu-central-1
  chatd archive export s3://backups/chatd --endpoint http://127.0.0.1:9000 --credentials ~/.aws/credentials
  jq -r '.segments[] | \"\\(.sha256)  \\(.file)\"' manifest.json | sha256sum -c")]
pub(super) struct Export {
    /// Where to: a directory, or a URL, as `s3://BUCKET/PREFIX` or `file:///DIR`
    #[arg(value_name = "DEST", value_hint = ValueHint::DirPath, value_parser = Dest::parse)]
    to: Dest,

    #[command(flatten)]
    which: Which,

    /// Go on with an export that was cut off; what is there and whole is not sent again
    #[arg(long)]
    resume: bool,

    #[command(flatten)]
    dry: DryRun,

    #[command(flatten)]
    reach: Reach,
}

/// What became of a segment.
enum Got {
    /// It is a file now.
    Whole(Exported),
    /// It was one already.
    Kept(Exported),
    /// It does not read.
    Damaged(String),
    /// It was purged meanwhile, and is no part of the archive any more.
    Gone,
}

/// An export under way.
struct Sending<'a> {
    client: &'a Client,
    store: &'a Store,
    there: &'a There,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let store = Store::open(&self.to, &self.reach)?;
        let done = asking.look(async |client| {
            let segments = self.segments(client).await?;
            let there = store.look().await?;
            there.check(&self.to.to_string(), self.resume)?;
            if dry_run {
                return Ok(Report {
                    dry_run,
                    ..self.report(&planned(&segments))
                });
            }
            let sending = Sending {
                client,
                store: &store,
                there: &there,
            };
            self.export(&sending, asking.console, &segments).await
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
        sending: &Sending<'_>,
        console: &Console,
        segments: &[Segment],
    ) -> Result<Report, Failure> {
        let status: Status = sending.client.get("/v1/status").await?;
        let store = sending.store;
        store.begin()?;
        let (bar, all) = (Bar::new(console), segments.iter().map(|s| s.size).sum());
        let mut manifest = Manifest::new(Clock::system().now(), status.store.epoch);
        let (mut done, mut damaged, mut fresh) = (0, Vec::new(), Vec::new());
        let one = async |segment| Ok::<_, Failure>((segment, sending.send(segment).await?));
        let mut sent = stream::iter(segments).map(one).buffered(AT_ONCE);
        while let Some((segment, got)) = sent.try_next().await? {
            done += segment.size;
            match got {
                Got::Whole(one) => {
                    fresh.push(manifest.segments.len());
                    manifest.segments.push(one);
                }
                Got::Kept(one) => manifest.segments.push(one),
                Got::Damaged(why) => damaged.push(Damaged::of(segment, why)),
                Got::Gone => {}
            }
            bar.count("writing", done, all, bytes);
        }
        let fresh: Vec<_> = fresh.iter().map(|&i| &manifest.segments[i]).collect();
        read_back(store, &fresh, &bar).await?;
        let document: Bytes = serde_json::to_vec_pretty(&manifest)
            .map_err(anyhow::Error::from)?
            .into();
        store.put(MANIFEST, document.clone(), false).await?;
        store.end()?;
        if store.get(MANIFEST).await? != document {
            return Err(altered(&[MANIFEST]));
        }
        let kept = (manifest.segments.len() - fresh.len()) as u64;
        Ok(Report {
            damaged,
            kept,
            left: sending.there.left_over(&manifest.segments),
            ..self.report(&manifest.segments)
        })
    }

    fn report(&self, segments: &[Exported]) -> Report {
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
            kept: 0,
            left: Vec::new(),
            damaged: Vec::new(),
            dry_run: false,
        }
    }
}

impl Sending<'_> {
    /// Fetches one segment, and sees to it that it lies there.
    async fn send(&self, segment: &Segment) -> Result<Got, Failure> {
        let (room, last) = (quote(&segment.room), segment.last);
        let path = format!("/v1/archive/segments/{room}/{last}");
        let bytes = match self.client.get_bytes(&path).await {
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
        let before = self.there.files.get(&exported.file);
        if before == Some(&exported.size)
            && sha256(&self.store.get(&exported.file).await?) == exported.sha256
        {
            return Ok(Got::Kept(exported));
        }
        self.store
            .put(&exported.file, bytes, before.is_some())
            .await?;
        Ok(Got::Whole(exported))
    }
}

/// Reads back what was written, and compares.
async fn read_back<'a>(store: &Store, written: &[&'a Exported], bar: &Bar) -> Result<(), Failure> {
    let all = written.iter().map(|s| s.size).sum();
    let (mut done, mut wrong) = (0, Vec::new());
    let one =
        async |one: &'a Exported| Ok::<_, Failure>((one, sha256(&store.get(&one.file).await?)));
    let mut read = stream::iter(written.iter().copied())
        .map(one)
        .buffered(AT_ONCE);
    while let Some((one, found)) = read.try_next().await? {
        if found != one.sha256 {
            wrong.push(one.file.as_str());
        }
        done += one.size;
        bar.count("comparing", done, all, bytes);
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(altered(&wrong))
}

fn altered(files: &[&str]) -> Failure {
    Failure::Found {
        what: format!(
            "{} did not read back as written:\n{}",
            count(files.len() as u64, "file"),
            files.join("\n")
        ),
        hint: "do not rely on this export: see to where it lies, and export again",
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
