//! What is large, against a real store (moto), which `CHATD_TEST_MOTO` names and
//! `tests/run` installs.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::*;

/// How long the store may take to come up.
const PATIENCE: Duration = Duration::from_mins(1);

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
    let mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&file, mine).expect("its mode");
    let reach = Reach {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: None,
        credentials: Some((file, "default".into())),
        allow_http: false,
        timeout: Duration::from_secs(30),
    };
    let place = Place::parse("s3://backups/a/b").expect("a place");
    let bucket = Bucket::open(&place, &reach).expect("a store");
    // Two parts and a bit, of bytes that are another in each.
    let all: Vec<u8> = (0..2 * PART + 7)
        .map(|i| u8::try_from(i / PART).expect("a digit"))
        .collect();
    let all = Bytes::from(all);
    bucket.put("large", all.clone()).await.expect("it is taken");
    let mut upload = bucket.begin("piece/by/piece");
    for piece in all.chunks(PART / 3) {
        upload.write(piece).await.expect("it is taken");
        assert!(upload.held() <= PART, "it holds {}", upload.held());
    }
    assert_eq!(bucket.size("piece/by/piece").await, Ok(None));
    upload.finish().await.expect("it is taken");
    for name in ["large", "piece/by/piece"] {
        let meta = bucket.store.head(&bucket.path(name)).await;
        let parts = meta.expect("an object").e_tag.expect("a tag");
        assert!(
            parts.trim_matches('"').ends_with("-3"),
            "not in three parts: {parts}"
        );
        let read = bucket.get(name).await.expect("it reads");
        assert!(read.expect("an object") == all, "{name}");
    }
    let from = PART as u64 - 3;
    let range = bucket.get_range("large", from..from + 6).await;
    assert_eq!(
        &range.expect("it reads").expect("an object")[..],
        [0, 0, 0, 1, 1, 1]
    );
    let names = async |part| {
        let found = bucket.list(part).map(|object| object.expect("one").name);
        found.collect::<Vec<_>>().await
    };
    assert_eq!(names(None).await, ["large", "piece/by/piece"]);
    assert_eq!(names(Some("piece")).await, ["piece/by/piece"]);
    bucket.copy("large", "again").await.expect("it is there");
    for name in ["large", "large"] {
        bucket.remove(name).await.expect("it is gone");
    }
    assert_eq!(bucket.size("large").await, Ok(None));
    assert_eq!(bucket.size("again").await, Ok(Some(all.len() as u64)));

    // One that is dropped leaves nothing, and one that nobody sees costs nothing.
    let mut upload = bucket.begin("dropped");
    upload.write(&all).await.expect("it is taken");
    drop(upload);
    assert_eq!(names(None).await, ["again", "piece/by/piece"]);
    let nowhere = Place::parse("s3://nowhere").expect("a place");
    let nowhere = Bucket::open(&nowhere, &reach).expect("a store");
    let fault = nowhere.get("x").await.expect_err("no bucket");
    assert_eq!(fault.kind, Kind::NoBucket);
}
