//! The service: its files are right by systemd's own judgement, and `chatd systemd` puts them in their places
//! without ever taking away what somebody wrote.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Output, run, run_with};

/// A tree that is to become a system.
struct Tree(TempDir);

impl Tree {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let tree = Self(dir);
        fs::create_dir_all(tree.at("usr/bin")).expect("a directory");
        fs::copy(env!("CARGO_BIN_EXE_chatd"), tree.at("usr/bin/chatd")).expect("a copy");
        tree
    }

    fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.at(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// Adds a line, as an administrator does.
    fn edit(&self, path: &str) -> String {
        let edited = self.read(path) + "# mine\n";
        fs::write(self.at(path), &edited).expect("a file");
        edited
    }

    async fn chatd(&self, args: &[&str]) -> Output {
        let root = self.0.path().to_str().expect("text");
        let args = [&["systemd"], args, &["--root", root]].concat();
        run(self.0.path(), &args, "").await
    }
}

const UNIT: &str = "etc/systemd/system/chatd.service";
const ALL: &[&str] = &[
    "etc/sysusers.d/chatd.conf",
    "etc/tmpfiles.d/chatd.conf",
    UNIT,
    "etc/systemd/system/chatd.socket",
    "etc/systemd/system/chatd-http.socket",
];

fn source(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../systemd")
        .join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Runs `systemd-analyze`; none where there is none, which is said.
fn analyze(args: &[&str]) -> Option<String> {
    static SAID: Once = Once::new();
    let output = Command::new("systemd-analyze")
        .args(args)
        .env("LC_ALL", "C.UTF-8")
        // For units of a user's own; nothing is written there.
        .env("XDG_RUNTIME_DIR", std::env::temp_dir())
        .output();
    let Ok(output) = output else {
        SAID.call_once(|| {
            let line =
                "SKIPPED: what systemd says of the units, as systemd-analyze is not installed\n";
            let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
        });
        return None;
    };
    let text = [output.stdout, output.stderr].concat();
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn systemd_finds_the_units_right_and_safe() {
    let tree = Tree::new();
    let program = tree.at("usr/bin/chatd");
    let program = program.to_str().expect("text");
    tree.chatd(&["install", "--sockets", "--binary", program])
        .await
        .ok();
    let home = [("HOME".to_owned(), tree.0.path().display().to_string())];
    let own = ["systemd", "install", "--user"];
    run_with(tree.0.path(), &home, &own, "").await.ok();
    let units = ALL[2..].iter().map(|path| (tree.at(path), "--man=no"));
    let user = (tree.at(".config/systemd/user/chatd.service"), "--user");
    for (path, flag) in units.chain([user]) {
        let path = path.to_str().expect("text");
        let Some(said) = analyze(&["verify", "--man=no", flag, path]) else {
            return;
        };
        assert_eq!(said.trim(), "", "{path}");
    }
    let path = tree.at(UNIT);
    let line = ["security", "--offline=true", path.to_str().expect("text")];
    let said = analyze(&line).expect("it was there before");
    let score = said
        .split("Overall exposure level for chatd.service: ")
        .nth(1);
    let score: f64 = score
        .expect("a score")
        .split_whitespace()
        .next()
        .expect("a word")
        .parse()
        .expect("a number");
    assert!(score <= 1.3, "{said}");
}

/// The lines of a unit that say something.
fn settings(unit: &str) -> Vec<(String, String)> {
    let lines = unit.lines().filter(|line| !line.starts_with(['#', '[']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn value<'a>(settings: &'a [(String, String)], key: &str) -> &'a str {
    let found = settings.iter().find(|(known, _)| known == key);
    found.map_or("", |(_, value)| value)
}

#[tokio::test]
async fn the_unit_fits_the_server() {
    let unit = settings(&source("chatd.service"));
    // In a user namespace of its own the server would see everyone at its admin socket as uid 65534, the overflow
    // user, and could tell nobody from anybody.
    assert_eq!(value(&unit, "PrivateUsers"), "no");
    for user in [source("user/chatd.service"), source("chatd.service")] {
        let made = settings(&user)
            .into_iter()
            .filter(|(key, _)| key == "PrivateUsers");
        assert!(made.into_iter().all(|(_, value)| value == "no"));
    }
    let dir = tempfile::tempdir().expect("a directory");
    let shown = run(dir.path(), &["config", "show", "--json"], "")
        .await
        .json();
    let connections = shown["server"]["max_connections"].as_u64();
    let files: u64 = value(&unit, "LimitNOFILE").parse().expect("a number");
    assert!(
        files > connections.expect("a setting") + 1_000,
        "each connection takes one"
    );
    // The code that says the settings are wrong.
    assert_eq!(value(&unit, "RestartPreventExitStatus"), "78");
    assert_eq!(value(&unit, "Type"), "notify");
    let socket = settings(&source("chatd.socket"));
    assert_eq!(value(&socket, "FileDescriptorName"), "admin");
    assert_eq!(value(&socket, "SocketMode"), "0660");
    let port = settings(&source("chatd-http.socket"));
    assert_eq!(value(&port, "FileDescriptorName"), "http");
    assert_eq!(value(&port, "ListenStream"), "127.0.0.1:8080");
}

#[tokio::test]
async fn installing_shows_its_plan_and_does_it() {
    let tree = Tree::new();
    let rehearsed = tree.chatd(&["install", "--sockets", "--dry-run"]).await;
    for path in ALL {
        assert!(rehearsed.ok().contains(path), "{rehearsed}");
        assert!(!tree.at(path).exists(), "{path}: a rehearsal wrote it");
    }
    fs::create_dir_all(tree.at("etc")).expect("a directory");
    let gid = fs::metadata(tree.0.path()).expect("there").gid();
    fs::write(tree.at("etc/group"), format!("root:x:0:\nchatd:x:{gid}:\n")).expect("a file");
    let done = tree.chatd(&["install", "--sockets"]).await;
    assert!(
        done.ok()
            .contains("systemctl enable --now chatd.service chatd.socket"),
        "{done}"
    );
    for path in ALL {
        let mode = fs::metadata(tree.at(path))
            .expect("it was written")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o644, "{path}");
    }
    assert!(
        tree.read(UNIT)
            .contains("\nExecStart=/usr/bin/chatd serve\n")
    );
    // The settings: readable for the server and nobody else, fit to start with.
    let config = tree.at("etc/chatd/chatd.toml");
    let of = fs::metadata(&config).expect("it was written");
    assert_eq!((of.permissions().mode() & 0o7777, of.gid()), (0o640, gid));
    let config = config.to_str().expect("text");
    let shown = run(tree.0.path(), &["config", "show", "--config", config], "").await;
    for line in ["data_dir = \"/var/lib/chatd\"", "registration = \"invite\""] {
        assert!(shown.ok().contains(line), "{shown}");
    }
    // Once more changes nothing.
    let again = tree.chatd(&["install", "--sockets", "--json"]).await.json();
    let steps = again["steps"].as_array().expect("a list");
    assert!(steps.iter().all(|step| step["step"] == "keep"), "{again:#}");
    tree.chatd(&["check"]).await.ok();
}

#[tokio::test]
async fn the_port_is_that_of_the_settings() {
    let tree = Tree::new();
    fs::create_dir_all(tree.at("etc/chatd")).expect("a directory");
    let settings = "[server]\nlisten = \"[::]:9000\"\n";
    fs::write(tree.at("etc/chatd/chatd.toml"), settings).expect("a file");
    tree.chatd(&["install", "--sockets"]).await.ok();
    assert!(tree.read(ALL[4]).contains("\nListenStream=[::]:9000\n"));
    assert_eq!(
        tree.read("etc/chatd/chatd.toml"),
        settings,
        "the settings are somebody's"
    );
    // Changed later, the unit is behind, and that is found.
    fs::write(
        tree.at("etc/chatd/chatd.toml"),
        settings.replace("9000", "9001"),
    )
    .expect("a file");
    let found = tree.chatd(&["check"]).await;
    found.failed(10);
    assert!(
        found
            .stdout
            .contains("chatd-http.socket is not what this chatd would install"),
        "{found}"
    );
    fs::write(tree.at("etc/chatd/chatd.toml"), "[server]\nlisten = 5\n").expect("a file");
    tree.chatd(&["install", "--sockets"]).await.failed(78);
}

#[tokio::test]
async fn what_somebody_changed_stays() {
    let tree = Tree::new();
    tree.chatd(&["install", "--sockets"]).await.ok();
    let edited = tree.edit(UNIT);
    let foreign = "[Socket]\nListenStream=/elsewhere\n";
    fs::write(tree.at(ALL[3]), foreign).expect("a file");
    // As another binary it would be another unit; but not over what somebody wrote.
    let elsewhere = ["install", "--sockets", "--binary", "/opt/chatd"];
    let done = tree.chatd(&elsewhere).await;
    assert!(done.ok().contains("somebody changed it"), "{done}");
    assert!(done.stdout.contains("chatd did not install it"), "{done}");
    assert_eq!(tree.read(UNIT), edited);
    assert_eq!(tree.read(ALL[3]), foreign);
    let uninstalled = tree.chatd(&["uninstall"]).await;
    uninstalled.ok();
    assert_eq!(tree.read(UNIT), edited);
    assert_eq!(tree.read(ALL[3]), foreign);
    assert!(tree.at("etc/chatd/chatd.toml").exists(), "{uninstalled}");
    for path in [ALL[0], ALL[1], ALL[4]] {
        assert!(!tree.at(path).exists(), "{path}: {uninstalled}");
    }
    // Back to ours: what would be there is printed, and installed over, once it is gone.
    fs::remove_file(tree.at(UNIT)).expect("there");
    tree.chatd(&elsewhere).await.ok();
    let printed = tree
        .chatd(&["print", "chatd.service", "--binary", "/opt/chatd"])
        .await;
    assert_eq!(tree.read(UNIT), printed.ok());
}

#[tokio::test]
async fn an_older_unit_is_brought_up_to_date() {
    let tree = Tree::new();
    tree.chatd(&["install", "--binary", "/opt/older/chatd"])
        .await
        .ok();
    let older = tree.read(UNIT);
    let found = tree.chatd(&["check"]).await;
    found.failed(10);
    assert!(
        found
            .stdout
            .contains("is not what this chatd would install"),
        "{found}"
    );
    tree.chatd(&["install"]).await.ok();
    assert_ne!(tree.read(UNIT), older);
    tree.chatd(&["check"]).await.ok();
}

#[tokio::test]
async fn nothing_is_removed_twice_and_a_package_is_left_alone() {
    let tree = Tree::new();
    tree.chatd(&["uninstall"]).await.failed(3);
    tree.chatd(&["install"]).await.ok();
    let rehearsed = tree.chatd(&["uninstall", "--dry-run"]).await;
    assert!(rehearsed.ok().contains("remove"), "{rehearsed}");
    assert!(tree.at(UNIT).exists(), "a rehearsal removed it");
    tree.chatd(&["uninstall"]).await.ok();
    tree.chatd(&["uninstall"]).await.failed(3);
    fs::create_dir_all(tree.at("usr/lib/systemd/system")).expect("a directory");
    fs::write(
        tree.at("usr/lib/systemd/system/chatd.service"),
        source("chatd.service"),
    )
    .expect("a file");
    let refused = tree.chatd(&["install"]).await;
    assert!(
        refused.failed(4).contains("a package has installed"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_binary_that_others_may_replace_runs_no_service() {
    let tree = Tree::new();
    let home = [("HOME".to_owned(), tree.0.path().display().to_string())];
    let program = tree.at("usr/bin/chatd");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o757)).expect("ours");
    let own = [
        "systemd",
        "install",
        "--user",
        "--binary",
        program.to_str().expect("text"),
    ];
    let refused = run_with(tree.0.path(), &home, &own, "").await;
    assert!(
        refused.failed(4).contains("others may write in"),
        "{refused}"
    );
    // So with a directory on the way.
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
    fs::set_permissions(tree.at("usr"), fs::Permissions::from_mode(0o777)).expect("ours");
    run_with(tree.0.path(), &home, &own, "").await.failed(4);
    fs::set_permissions(tree.at("usr"), fs::Permissions::from_mode(0o755)).expect("ours");
    let done = run_with(tree.0.path(), &home, &own, "").await;
    assert!(done.ok().contains("loginctl enable-linger"), "{done}");
    let unit = tree.read(".config/systemd/user/chatd.service");
    assert!(
        unit.contains(&format!("\nExecStart={} serve\n", program.display())),
        "{unit}"
    );
    let of = fs::metadata(tree.at(".config/chatd/chatd.toml")).expect("written");
    assert_eq!(of.permissions().mode() & 0o7777, 0o600);
    let json: Value = run_with(
        tree.0.path(),
        &home,
        &["systemd", "uninstall", "--user", "--json"],
        "",
    )
    .await
    .json();
    assert_eq!(json["steps"][0]["step"], "remove", "{json:#}");
}

#[tokio::test]
async fn what_it_would_not_heed_is_refused() {
    let tree = Tree::new();
    tree.chatd(&["install", "--data-dir", "/elsewhere"])
        .await
        .failed(2);
    tree.chatd(&["install", "--binary", "chatd"])
        .await
        .failed(2);
    tree.chatd(&["install", "--user"]).await.failed(2);
    tree.chatd(&["print", "nothing.service"]).await.failed(3);
}
