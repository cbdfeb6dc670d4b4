//! Guards the structure of the library: imports point down only, modules on one floor do not know each other,
//! and each outside package is named only in its room (`ARCHITECTURE.md`, "The floors").

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The floors, lowest first; modules on one floor are strangers.
const FLOORS: &[&[&str]] = &[
    &[
        "clock", "config", "feed", "hold", "id", "logging", "model", "objects", "segment", "stats",
    ],
    &["auth", "hub", "limit", "search", "shelf", "store", "tls"],
    &["log", "rights"],
    &[
        "account",
        "archive",
        "chat",
        "files",
        "moderation",
        "ops",
        "redact",
        "webhook",
    ],
    &["door"],
    &["desk"],
    &["admin", "http", "metrics", "ws"],
    &["lifecycle"],
    &["server"],
];

/// The ground floor's own order: these may be used by the others of their floor.
const GROUND: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("config", &[]),
    ("feed", &["clock", "id"]),
    ("hold", &[]),
    ("id", &["clock"]),
    ("logging", &["clock", "config", "feed", "model"]),
    ("model", &["clock", "id"]),
    ("objects", &["config"]),
    ("segment", &["clock", "id"]),
    ("stats", &[]),
];

/// Packages, and the only modules that name them.
const ROOMS: &[(&str, &[&str])] = &[
    ("rusqlite", &["search", "store/sqlite"]),
    ("mongodb", &["store/mongo"]),
    ("bson", &["store/mongo"]),
    ("zstd", &["segment"]),
    ("tokio_cron_scheduler", &["archive/schedule"]),
    ("croner", &["archive/schedule"]),
    ("chrono", &["archive/schedule"]),
    ("argon2", &["auth/password"]),
    ("bcrypt", &["auth/password"]),
    ("jsonwebtoken", &["auth/keys", "auth/token"]),
    ("ed25519_dalek", &["auth/keys"]),
    ("governor", &["limit"]),
    ("nix", &["admin/access"]),
    (
        "axum",
        &["door", "desk", "http", "ws", "admin", "metrics", "server"],
    ),
    ("hyper", &["admin", "metrics", "server", "ws"]),
    ("tokio_tungstenite", &["ws"]),
    ("object_store", &["objects"]),
    ("rustls", &["objects", "tls"]),
    ("tokio_rustls", &["tls"]),
    ("x509_cert", &["tls/identity"]),
    ("reqwest", &["webhook/post"]),
    ("sd_notify", &["lifecycle"]),
    ("sd_listen_fds", &["server/passed"]),
    ("prometheus_client", &["metrics/text"]),
    ("tracing_subscriber", &["config/filter", "logging"]),
    ("unicode_normalization", &["model/text", "search/words"]),
    ("unicode_properties", &["model/emoji"]),
    ("unicode_segmentation", &["model/emoji"]),
];

struct Source {
    /// As in `store/sqlite/writer.rs`.
    path: String,
    /// The top-level module.
    module: String,
    /// Its code without comments and tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let read = |file: PathBuf| {
        let path = file.strip_prefix(&root).unwrap().display().to_string();
        let module = path.split(['/', '.']).next().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        let line = |l: &str| l.split("//").next().unwrap().to_owned();
        let code = text.lines().map(line).collect::<Vec<_>>().join("\n");
        Source { path, module, code }
    };
    files.into_iter().map(read).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The modules a source names by `crate::…`, in paths and in nested imports alike.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut name)),
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            names.push(name);
        } else {
            names.push(
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect(),
            );
        }
    }
    let first = |n: &String| n.trim().split(':').next().unwrap_or("").trim().to_owned();
    names.iter().map(first).filter(|n| !n.is_empty()).collect()
}

#[test]
fn every_module_has_a_floor() {
    for source in sources() {
        let known = source.module == "lib" || floor(&source.module).is_some();
        assert!(
            known,
            "{} is on no floor: give it one, here and in lib.rs",
            source.path
        );
    }
}

#[test]
fn imports_point_down_only() {
    let mut seen = 0;
    for source in sources().iter().filter(|s| s.module != "lib") {
        let from = floor(&source.module).unwrap();
        for name in named(&source.code) {
            let Some(to) = floor(&name) else { continue };
            seen += 1;
            let own = name == source.module;
            let ground = GROUND.iter().find(|(module, _)| *module == source.module);
            let beside = ground.is_some_and(|(_, may)| may.contains(&name.as_str()));
            assert!(
                own || beside || to < from,
                "{} names crate::{name}",
                source.path
            );
        }
    }
    assert!(seen > 100, "this test no longer finds imports: {seen}");
}

#[test]
fn packages_stay_in_their_rooms() {
    for (package, rooms) in ROOMS {
        let word = format!("{package}::");
        let users: Vec<_> = sources()
            .into_iter()
            .filter(|s| {
                s.code.match_indices(&word).any(|(at, _)| {
                    !s.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            })
            .collect();
        assert!(
            !users.is_empty(),
            "nobody names {package} any more; take it out of this table"
        );
        for source in users {
            let home = rooms.iter().any(|room| {
                let rest = source.path.strip_prefix(room);
                rest.is_some_and(|rest| rest.starts_with(['/', '.']))
            });
            assert!(
                home,
                "{} names {package}, which belongs in {rooms:?}",
                source.path
            );
        }
    }
}

#[test]
fn the_server_starts_no_program() {
    // It would inherit NOTIFY_SOCKET and the passed sockets (`lifecycle/supervisor.rs`), and the unit's sandbox
    // is made for a server that does not.
    for source in sources().iter().filter(|s| !s.path.ends_with("/tests.rs")) {
        let starts =
            source.code.contains("process::Command") || source.code.contains("Command::new");
        assert!(!starts, "{} starts a program", source.path);
    }
}
