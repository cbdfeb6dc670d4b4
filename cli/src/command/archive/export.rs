//! `chatd archive export`: segments as files or objects, with a manifest, read back and compared.

mod manifest;
mod plan;
mod report;
mod sending;
mod store;

use bytes::Bytes;
use chatd::{admin::api::Status, clock::Clock};
use clap::{Args, ValueHint};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::{
    manifest::{MANIFEST, Manifest, Part},
    plan::Plan,
    report::{Damaged, Lost, Report},
    sending::{Got, Sending},
    store::{Dest, Reach, Store},
};
use super::{Which, bar::Bar, which};
use crate::{
    asking::Asking,
    cli::DryRun,
    console::Console,
    failure::{Explain as _, Failure},
    output::{bytes, count},
};

/// How many segments or files are on their way at once: a store far away answers late. A segment is about 1 MiB at most;
/// of a file no more is held than a piece, and a part of an object.
const AT_ONCE: usize = 4;

/// Write what is archived into files, and read them back
///
/// Each segment is a file, ROOM-ID/FIRST-LAST.chatdseg, in the format docs/archive-format.md describes; what people
/// sent with those messages lies beside them as ROOM-ID/files/FILE-ID, unless --no-files leaves it out. All is
/// read back and compared; manifest.json, which is written last, lists it with its SHA-256. DEST is a
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
  chatd archive export /backup/texts --no-files
  jq -r '(.segments + .files)[] | \"\\(.sha256)  \\(.file)\"' manifest.json | sha256sum -c")]
pub(super) struct Export {
    /// Where to: a directory, or a URL, as `s3://BUCKET/PREFIX` or `file:///DIR`
    #[arg(value_name = "DEST", value_hint = ValueHint::DirPath, value_parser = Dest::parse)]
    to: Dest,

    #[command(flatten)]
    which: Which,

    /// Go on with an export that was cut off; what is there and whole is not sent again
    #[arg(long)]
    resume: bool,

    /// Leave out what people sent with their messages; the segments name it all the same
    #[arg(long)]
    no_files: bool,

    #[command(flatten)]
    dry: DryRun,

    #[command(flatten)]
    reach: Reach,
}

impl Export {
    pub(super) fn run(&self, asking: &Asking<'_>) -> Result<(), Failure> {
        let dry_run = self.dry.dry_run;
        let store = Store::open(&self.to, &self.reach)?;
        let done = asking.look(async |client| {
            let plan = Plan::make(client, &self.which, !self.no_files).await?;
            let there = store.look().await?;
            there.check(&self.to.to_string(), self.resume)?;
            if dry_run {
                let planned = plan.manifest();
                return Ok(Report {
                    dry_run,
                    ..Report::of(&self.to, &planned)
                });
            }
            let sending = Sending {
                client,
                store: &store,
                there: &there,
            };
            let done = self.export(&sending, asking.console, &plan).await;
            store.leave().await;
            done
        });
        let report = done.explain(|| "export the archive".into(), which())?;
        asking.console.answer(&report, |_| report.words())?;
        report.check()
    }

    async fn export(
        &self,
        sending: &Sending<'_>,
        console: &Console,
        plan: &Plan,
    ) -> Result<Report, Failure> {
        let status: Status = sending.client.get("/v1/status").await?;
        let store = sending.store;
        store.begin()?;
        let bar = Bar::new(console);
        let mut manifest = Manifest::new(
            Clock::system().now(),
            status.store.epoch,
            plan.files.is_some(),
        );
        let (mut damaged, mut lost, mut written) = (Vec::new(), Vec::new(), Vec::new());
        let (mut done, all) = (0, plan.segments.iter().map(|s| s.size).sum());
        let one = async |segment| Ok::<_, Failure>((segment, sending.segment(segment).await?));
        let mut sent = stream::iter(&plan.segments).map(one).buffered(AT_ONCE);
        while let Some((segment, got)) = sent.try_next().await? {
            done += segment.size;
            match got {
                Got::Whole(one) => {
                    written.push(one.part.clone());
                    manifest.segments.push(one);
                }
                Got::Kept(one) => manifest.segments.push(one),
                Got::Damaged(why) => damaged.push(Damaged::of(segment, why)),
                Got::Gone => {}
            }
            bar.count("writing", done, all, bytes);
        }
        if let (Some(planned), Some(files)) = (&plan.files, &mut manifest.files) {
            let (mut done, all) = (0, planned.iter().map(|file| file.part.size).sum());
            let one = async |file| Ok::<_, Failure>((file, sending.file(file).await?));
            let mut sent = stream::iter(planned).map(one).buffered(AT_ONCE);
            while let Some((file, got)) = sent.try_next().await? {
                done += file.part.size;
                match got {
                    Got::Whole(one) => {
                        written.push(one.part.clone());
                        files.push(one);
                    }
                    Got::Kept(one) => files.push(one),
                    Got::Damaged(why) => lost.push(Lost::of(file, why)),
                    Got::Gone => {}
                }
                bar.count("files", done, all, bytes);
            }
        }
        read_back(store, &written, &bar).await?;
        let document: Bytes = serde_json::to_vec_pretty(&manifest)
            .map_err(anyhow::Error::from)?
            .into();
        store.put(MANIFEST, document.clone(), false).await?;
        store.end()?;
        if store.get(MANIFEST).await? != document {
            return Err(altered(&[MANIFEST]));
        }
        let kept = manifest.parts().count() - written.len();
        let mut left = sending.there.left_over(manifest.parts());
        // What came in the place of those was taken away again.
        left.retain(|file| !lost.iter().any(|lost| lost.file == *file));
        Ok(Report {
            damaged,
            lost,
            kept: kept as u64,
            left,
            ..Report::of(&self.to, &manifest)
        })
    }
}

/// Reads back what was written, and compares.
async fn read_back(store: &Store, written: &[Part], bar: &Bar) -> Result<(), Failure> {
    let all = written.iter().map(|part| part.size).sum();
    let (mut done, mut wrong) = (0, Vec::new());
    let one = async |part| Ok::<_, Failure>((part, store.is_as_written(part).await?));
    let mut read = stream::iter(written).map(one).buffered(AT_ONCE);
    while let Some((part, same)) = read.try_next().await? {
        if !same {
            wrong.push(part.file.as_str());
        }
        done += part.size;
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
