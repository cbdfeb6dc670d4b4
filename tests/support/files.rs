//! Files: what people upload and send, and what lies on the disk then.

use std::{fmt::Write as _, path::PathBuf};

use hyper::Request;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Reply, Room, Server, User, within};

/// The head of a PNG of this size: as much as anybody looks at.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let head = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
    let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
    [head.as_slice(), &width, &height, b"\x08\x06\0\0\0rest"].concat()
}

/// The SHA-256 of bytes, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all");
        text
    })
}

/// Bytes that are no text, and do not repeat themselves.
pub(crate) fn noise(size: usize) -> Vec<u8> {
    let mut seed = 1_u32;
    let next = |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    };
    (0..size).map(next).collect()
}

/// Uploads a file: the answer.
pub(crate) async fn upload(user: &User, query: &str, bytes: &[u8]) -> Reply {
    upload_with(user, query, bytes, &[]).await
}

/// The same, with more headers.
pub(crate) async fn upload_with(
    user: &User,
    query: &str,
    bytes: &[u8],
    headers: &[(&str, &str)],
) -> Reply {
    let mut request = Request::post(format!("/v1/files{query}"))
        .header("authorization", format!("Bearer {}", user.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(bytes.to_vec()).expect("a request");
    user.rest.send(request).await.expect("an answer")
}

/// Uploads a file: its id.
pub(crate) async fn uploaded(user: &User, name: &str, bytes: &[u8]) -> String {
    let reply = upload(user, &format!("?name={name}"), bytes).await;
    assert_eq!(reply.status, 201, "{reply:#?}");
    reply.body["id"].as_str().expect("an id").to_owned()
}

/// Where a file is.
pub(crate) fn path(id: &str) -> String {
    format!("/v1/files/{id}")
}

/// Sends a message with files.
pub(crate) async fn send(user: &User, room: &Room, body: &str, files: &[&str]) -> Reply {
    let message = json!({"body": body, "files": files});
    user.post(&room.path("/messages"), message).await
}

/// The files of which there are bytes on the disk.
pub(crate) fn on_disk(server: &Server) -> Vec<String> {
    let dir: PathBuf = server.data_dir().join("files");
    let mut found = Vec::new();
    for part in std::fs::read_dir(dir).expect("a directory") {
        let part = part.expect("an entry").path();
        let name = part.file_name().expect("a name").len();
        if part.is_dir() && name <= 3 {
            let names = std::fs::read_dir(part).expect("a directory");
            let names = names.map(|e| e.expect("an entry").file_name());
            found.extend(names.map(|n| n.into_string().expect("text")));
        }
    }
    found.sort();
    found
}

/// Waits until there are just these on the disk.
pub(crate) async fn come_to(server: &Server, ids: &[&str]) {
    let mut ids: Vec<_> = ids.iter().map(|&id| id.to_owned()).collect();
    ids.sort();
    let same = async {
        while on_disk(server) != ids {
            // As good a pause as any.
            server.rest().get("/livez").await.ok();
        }
    };
    within("files to be taken out", same).await;
}
