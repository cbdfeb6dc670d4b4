//! The archive out of chatd: into a directory, or into the bucket of a store that speaks S3.

use std::{fmt::Write as _, fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{Kind, Output, S3, Server, files};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const PERMISSION: i32 = 5;
const UNREACHABLE: i32 = 6;
const UNCONFIRMED: i32 = 8;

/// How many rooms are archived, each with one segment.
const ROOMS: usize = 6;
const TO: &str = "s3://backups/a/b";

/// A server with some segments in its archive.
async fn archived() -> Server {
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    for room in 0..ROOMS {
        let room = ana.room(&format!("room-{room}"), Kind::Public).await;
        for i in 0..20 {
            ana.send(&room, &format!("{i}")).await;
        }
    }
    server.admin().archive().await;
    server
}

/// Exports to the store, with credentials that it does not look at unless it was told to.
async fn export(server: &Server, url: &str, args: &[&str]) -> Output {
    export_as(server, ("key", "s3cr3t/+"), url, args).await
}

async fn export_as(
    server: &Server,
    (key, secret): (&str, &str),
    url: &str,
    args: &[&str],
) -> Output {
    let env = [
        ("AWS_ACCESS_KEY_ID", key),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_ENDPOINT_URL", url),
    ];
    let args = [&["archive", "export"][..], args].concat();
    let output = server.cli_in(&env, &args).await;
    let said = format!("{}{}", output.stdout, output.stderr);
    assert!(secret.is_empty() || !said.contains(secret), "{output}");
    output
}

fn named(manifest: &[u8]) -> Vec<(String, String)> {
    let manifest: Value = serde_json::from_slice(manifest).expect("JSON");
    let segments = manifest["segments"].as_array().expect("a list");
    let field = |s: &Value, name: &str| s[name].as_str().expect("text").to_owned();
    segments
        .iter()
        .map(|s| (field(s, "file"), field(s, "sha256")))
        .collect()
}

fn sha256(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a String takes it");
    }
    text
}

async fn assert_whole(s3: &S3) {
    let manifest = named(&s3.object("/backups/a/b/manifest.json").await);
    assert_eq!(manifest.len(), ROOMS);
    for (file, digest) in manifest {
        let bytes = s3.object(&format!("/backups/a/b/{file}")).await;
        assert_eq!(sha256(&bytes), digest, "{file}");
    }
}

#[tokio::test]
async fn an_export_goes_into_a_bucket() {
    let Some(s3) = S3::start().await else { return };
    let server = archived().await;
    s3.make_bucket("backups").await;
    let dry = export(&server, &s3.url(), &[TO, "--dry-run"]).await;
    assert!(dry.ok().contains("6 segments in 6 rooms"), "{dry}");
    assert_eq!(s3.objects("backups").await.len(), 0);
    let done = export(&server, &s3.url(), &[TO, "--json"]).await.json();
    assert_eq!((&done["segments"], &done["kept"]), (&6.into(), &0.into()));
    assert_whole(&s3).await;
    // Nothing is written over, not even by going on.
    for more in [&[TO][..], &[TO, "--resume"], &["s3://backups"]] {
        let again = export(&server, &s3.url(), more).await;
        assert!(
            again.failed(UNCONFIRMED).contains("s3://backups/"),
            "{again}"
        );
    }
    let beside = ["s3://backups/a/c", "--room", "room-1"];
    export(&server, &s3.url(), &beside).await.ok();
    assert_eq!(s3.objects("backups").await.len(), ROOMS + 1 + 2);
}

#[tokio::test]
async fn files_go_into_a_bucket_piece_by_piece() {
    let Some(s3) = S3::start().await else { return };
    let server = Server::archiving().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    // More than a part of an object.
    let bytes = files::noise(9 << 20);
    let id = files::uploaded(&ana, "a.bin", &bytes).await;
    files::send(&ana, &room, "look", &[&id]).await.ok();
    ana.send(&room, "the last one stays live").await;
    server.admin().archive().await;
    s3.make_bucket("backups").await;
    let done = export(&server, &s3.url(), &[TO, "--json"]).await.json();
    assert_eq!(
        (&done["files"], &done["files_size"]),
        (&1.into(), &bytes.len().into())
    );
    let object = format!("/backups/a/b/{}/files/{id}", room.id);
    assert!(s3.object(&object).await == bytes);
    // What is there already is looked at, and comes again when it is not that.
    s3.remove("/backups/a/b/manifest.json").await;
    let resume = [TO, "--resume", "--json"];
    let resumed = export(&server, &s3.url(), &resume).await.json();
    assert_eq!(resumed["kept"], 2, "{resumed:#}");
    s3.remove("/backups/a/b/manifest.json").await;
    s3.put(&object, &bytes[1..]).await;
    let resumed = export(&server, &s3.url(), &resume).await.json();
    assert_eq!(resumed["kept"], 1, "{resumed:#}");
    assert!(s3.object(&object).await == bytes);
}

#[tokio::test]
async fn what_was_cut_off_goes_on_where_it_was() {
    let Some(s3) = S3::start().await else { return };
    let server = archived().await;
    s3.make_bucket("backups").await;
    // The store stops in the middle, and is silent.
    let wire = s3.wire(3, Signal::STOP).await;
    let impatient = [TO, "--request-timeout", "3s"];
    let cut = export(&server, &wire.url(), &impatient).await;
    assert!(cut.failed(UNREACHABLE).contains("--resume"), "{cut}");
    s3.signal(Signal::CONT);
    let there = s3.objects("backups").await;
    assert!((1..=ROOMS).contains(&there.len()), "{there:?}");
    assert!(!there.iter().any(|o| o.ends_with("manifest.json")));
    // It is not gone on with unasked.
    let asked = export(&server, &s3.url(), &[TO]).await;
    assert!(asked.failed(UNCONFIRMED).contains("--resume"), "{asked}");
    // What is there with another content, and what is not of this export, shows.
    s3.put(&format!("/backups/{}", there[0]), b"something else")
        .await;
    let stray = "a/b/0197c0de-7b1c-7000-8000-000000000001/1-9.chatdseg";
    s3.put(&format!("/backups/{stray}"), b"an older one").await;
    let wire = s3.wire(1_000, Signal::STOP).await;
    let resumed = export(&server, &wire.url(), &[TO, "--resume", "--json"]).await;
    let resumed = resumed.json();
    let kept = resumed["kept"].as_u64().expect("a number");
    let kept = usize::try_from(kept).expect("few");
    // What the silent store had taken in it may have put away only after it was looked at.
    assert!(
        (there.len() - 1..ROOMS).contains(&kept),
        "{kept} of {there:?}"
    );
    assert_eq!(wire.puts(), ROOMS - kept + 1, "and the manifest");
    assert_eq!(resumed["left"][0], stray[4..]);
    assert_whole(&s3).await;
}

#[tokio::test]
async fn a_store_that_dies_is_told_of() {
    let Some(s3) = S3::start().await else { return };
    let server = archived().await;
    s3.make_bucket("backups").await;
    let wire = s3.wire(2, Signal::KILL).await;
    let died = export(&server, &wire.url(), &[TO]).await;
    let said = died.failed(UNREACHABLE);
    assert!(
        said.contains("bucket backups at http://127.0.0.1"),
        "{died}"
    );
    // And one that was never there.
    let gone = export(&server, &s3.url(), &[TO]).await;
    assert!(gone.failed(UNREACHABLE).contains("refused"), "{gone}");
}

#[tokio::test]
async fn whom_the_store_does_not_know_it_refuses() {
    let Some(s3) = S3::start().await else { return };
    let server = archived().await;
    s3.make_bucket("backups").await;
    let (key, secret) = s3.ask_for_credentials().await;
    let unknown = export(&server, &s3.url(), &[TO]).await;
    let said = unknown.failed(PERMISSION);
    assert!(
        said.contains("does not accept") && said.contains("AWS_SECRET"),
        "{unknown}"
    );
    let wrong = export_as(&server, (&key, "wrong"), &s3.url(), &[TO]).await;
    wrong.failed(PERMISSION);
    // The file goes before the environment.
    let file = server.data_dir().with_file_name("credentials");
    let text = format!("[backup]\naws_access_key_id={key}\naws_secret_access_key = {secret}\n");
    fs::write(&file, text).expect("a file");
    let mode = |mode| {
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(&file, mode).expect("its mode");
    };
    mode(0o644);
    let open = [TO, "--credentials", file.to_str().expect("text")];
    let open = export(&server, &s3.url(), &open).await;
    assert!(open.failed(USAGE).contains("chmod o= "), "{open}");
    mode(0o600);
    let file = file.to_str().expect("text");
    let none = export(&server, &s3.url(), &[TO, "--credentials", file]).await;
    assert!(
        none.failed(USAGE).contains("no profile [default]"),
        "{none}"
    );
    let told = [TO, "--credentials", file, "--profile", "backup"];
    export(&server, &s3.url(), &told).await.ok();
    let same = export_as(&server, (&key, &secret), &s3.url(), &[TO]).await;
    same.failed(UNCONFIRMED);
}

#[tokio::test]
async fn what_cannot_be_reached_is_named() {
    let Some(s3) = S3::start().await else { return };
    let server = archived().await;
    let nowhere = export(&server, &s3.url(), &[TO]).await;
    assert!(
        nowhere.failed(NOT_FOUND).contains("no such bucket"),
        "{nowhere}"
    );
    let open = export(&server, "http://store.example.org", &[TO]).await;
    assert!(open.failed(USAGE).contains("--allow-http"), "{open}");
    let secret = ["s3://AKIA:hidden/word@backups/a"];
    let secret = export(&server, &s3.url(), &secret).await;
    assert!(
        secret.failed(USAGE).contains("AWS_ACCESS_KEY_ID"),
        "{secret}"
    );
    assert!(!secret.stderr.contains("word"), "{secret}");
    let dir = server.data_dir().with_file_name("out");
    let flag = [dir.to_str().expect("text"), "--region", "eu-central-1"];
    let flag = export(&server, &s3.url(), &flag).await;
    assert!(flag.failed(USAGE).contains("--region goes with"), "{flag}");
    assert!(!dir.exists());
}

#[tokio::test]
async fn a_certificate_is_looked_at() {
    let Some(s3) = S3::start_encrypted().await else {
        return;
    };
    let server = archived().await;
    let url = s3.url().replace("http:", "https:");
    let refused = export(&server, &url, &[TO]).await;
    let said = refused.failed(UNREACHABLE);
    assert!(said.contains("certificate"), "{refused}");
}

#[tokio::test]
async fn a_directory_goes_on_where_it_was() {
    let server = archived().await;
    let dir: PathBuf = server.data_dir().with_file_name("out");
    let to = dir.to_str().expect("text");
    server.cli(&["archive", "export", to]).await.ok();
    let manifest = dir.join("manifest.json");
    let files = named(&fs::read(&manifest).expect("it is there"));
    // As if it had been cut off: one is missing, one is half of it, and there is no manifest.
    fs::remove_file(&manifest).expect("it is there");
    fs::remove_file(dir.join(&files[0].0)).expect("it is there");
    let half = fs::read(dir.join(&files[1].0)).expect("it is there");
    fs::write(dir.join(&files[1].0), &half[..half.len() / 2]).expect("a file");
    let asked = server.cli(&["archive", "export", to]).await;
    assert!(asked.failed(UNCONFIRMED).contains("--resume"), "{asked}");
    let resume = ["archive", "export", to, "--resume", "--json"];
    let resumed = server.cli(&resume).await.json();
    assert_eq!(resumed["kept"], ROOMS - 2);
    assert_eq!(named(&fs::read(&manifest).expect("it is there")), files);
    for (file, digest) in files {
        assert_eq!(sha256(&fs::read(dir.join(&file)).expect("a file")), digest);
    }
    // What is not ours stays, and nothing is put beside it.
    fs::remove_file(&manifest).expect("it is there");
    fs::write(dir.join("notes.txt"), "mine").expect("a file");
    let strange = server.cli(&resume).await;
    assert!(
        strange.failed(UNCONFIRMED).contains("notes.txt"),
        "{strange}"
    );
    assert!(!manifest.exists());
}
