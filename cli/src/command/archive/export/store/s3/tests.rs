//! What is larger than the archive's segments, against a real store (moto), which `CHATD_TEST_MOTO` names and
//! `tests/run` installs.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;

use super::*;

/// How long the store may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    reach: Reach,
}

struct Moto(Child);

impl Drop for Moto {
    fn drop(&mut self) {
        let _gone_already = self.0.kill();
        let _as_above = self.0.wait();
    }
}

/// One with a bucket; none where there is no program for it.
fn start() -> Option<(Moto, u16)> {
    let Ok(program) = std::env::var("CHATD_TEST_MOTO") else {
        let line = b"SKIPPED: a test, as CHATD_TEST_MOTO is not set; use tests/run\n";
        let _nobody_listens = std::io::stderr().write_all(line);
        return None;
    };
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("a port").port();
    drop(free);
    let moto = Command::new(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let moto = Moto(moto.expect("the program starts"));
    let began = Instant::now();
    let mut tcp = loop {
        match TcpStream::connect(("127.0.0.1", port)) {
            Ok(tcp) => break tcp,
            Err(e) => assert!(began.elapsed() < PATIENCE, "{e}"),
        }
        std::thread::yield_now();
    };
    let request = b"PUT /backups HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                    Content-Length: 0\r\n\r\n";
    let mut answer = String::new();
    tcp.write_all(request).expect("it reads");
    tcp.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some((moto, port))
}

#[tokio::test]
async fn what_is_large_goes_in_parts_and_is_one_object() {
    let Some((_moto, port)) = start() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("credentials");
    let text = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n";
    std::fs::write(&file, text).expect("a file");
    let endpoint = format!("http://127.0.0.1:{port}");
    let credentials = file.display().to_string();
    let typed = ["x", "--endpoint", &endpoint, "--credentials", &credentials];
    let typed = Typed::try_parse_from(typed).expect("flags");
    let prefix = Path::parse("a/b").expect("a prefix");
    let s3 = S3::open("backups", &prefix, &typed.reach).expect("a store");
    // Two parts and a bit, of bytes that are another in each.
    let all: Vec<u8> = (0..2 * PART + 7)
        .map(|i| u8::try_from(i / PART).expect("a digit"))
        .collect();
    let all = Bytes::from(all);
    s3.put("large", all.clone()).await.expect("it is taken");
    let meta = s3
        .store
        .get(&s3.path("large"))
        .await
        .expect("an object")
        .meta;
    let parts = meta.e_tag.expect("a tag");
    assert!(
        parts.trim_matches('"').ends_with("-3"),
        "not in three parts: {parts}"
    );
    assert!(s3.get("large").await.expect("it reads") == all);
    let there = s3.look().await.expect("it is listed");
    assert_eq!(there.strange.as_deref(), Some("large"));
}
