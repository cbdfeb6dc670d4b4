//! Each command asks for one level of the admin socket, and is refused to everybody below it: all commands of the
//! reference, by what they are called with, for people of every level.

use std::{cell::RefCell, collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _};

use futures_util::future::join_all;
use serde_json::Value;

use crate::support::{Kind, Server, Somebody, may_be_others};

const USAGE: i32 = 2;
const PERMISSION: i32 = 5;

/// In the order of what they may: nothing, look, keep it running, everything.
const PEOPLE: [Somebody; 4] = [
    somebody(4009, 4009, &[4242]),
    somebody(4001, 4242, &[]),
    somebody(4002, 4002, &[4242]),
    somebody(4003, 4242, &[]),
];

const fn somebody(uid: u32, gid: u32, groups: &'static [u32]) -> Somebody {
    Somebody { uid, gid, groups }
}

/// What a command asks for, as an index of [`PEOPLE`].
const VIEW: usize = 1;
const OPERATE: usize = 2;
const OWN: usize = 3;

/// Each command that asks the server: what it is called with beside its name, and the least level. `-n` has whatever
/// changes something say only what it would do: who may not do it may not ask for that either.
const CALLS: &[(&str, &[&str], usize)] = &[
    ("archive cat", &["--room", "general"], OWN),
    ("archive export", &["{dir}/archive"], OWN),
    ("archive list", &[], VIEW),
    (
        "archive policy set",
        &["--older-than", "30d", "-n"],
        OPERATE,
    ),
    ("archive policy show", &[], VIEW),
    ("archive prune", &["--older-than", "3650d", "-n"], OWN),
    ("archive restore", &["{run}", "-n"], OPERATE),
    ("archive schedule pause", &["-n"], OPERATE),
    ("archive schedule resume", &["-n"], OPERATE),
    ("archive schedule run-now", &["-n"], OPERATE),
    ("archive schedule set", &["0 3 * * *", "-n"], OPERATE),
    ("archive schedule show", &[], VIEW),
    ("archive show", &["{run}"], VIEW),
    ("archive stop", &["{run}", "-n"], OPERATE),
    ("archive verify", &[], OPERATE),
    ("audit export", &["{dir}/audit"], OPERATE),
    ("audit list", &[], OPERATE),
    ("audit verify", &[], OPERATE),
    ("ban add", &["192.0.2.0/24", "-n"], OPERATE),
    ("ban list", &[], VIEW),
    ("ban remove", &["192.0.2.0/24", "-n"], OPERATE),
    ("config reload", &["-n"], OPERATE),
    ("conn kick", &["--user", "ana", "-n"], OPERATE),
    ("conn list", &[], VIEW),
    ("conn show", &["{id}"], VIEW),
    ("events", &[], VIEW),
    ("file delete", &["{id}", "-n"], OPERATE),
    ("file list", &[], OWN),
    ("file show", &["{id}"], OWN),
    (
        "hold add",
        &["--room", "general", "--reason", "case", "-n"],
        OWN,
    ),
    ("hold list", &[], VIEW),
    ("hold release", &["{id}", "-n"], OWN),
    ("hook add", &["general", "--name", "ci", "-n"], OWN),
    ("hook delete", &["general", "{id}", "-n"], OPERATE),
    ("hook list", &["general"], VIEW),
    ("hook rotate", &["general", "{id}", "-n"], OWN),
    ("invite create", &["-n"], OWN),
    ("invite list", &[], VIEW),
    ("invite revoke", &["{id}", "-n"], OPERATE),
    ("job list", &[], VIEW),
    ("job show", &["{id}"], VIEW),
    ("job stop", &["{id}", "-n"], OPERATE),
    ("log-level reset", &["-n"], OPERATE),
    ("log-level set", &["info", "-n"], OPERATE),
    ("log-level show", &[], VIEW),
    ("message delete", &["general", "{seq}", "-n"], OPERATE),
    ("message export", &["--room", "general"], OWN),
    (
        "message redact",
        &["--user", "ana", "--since", "1h", "-n"],
        OPERATE,
    ),
    ("message redactions", &[], VIEW),
    ("message restore", &["{id}", "-n"], OPERATE),
    ("message search", &["hello"], OWN),
    ("notice", &["hello", "-n"], OPERATE),
    ("registration auto", &["-n"], OPERATE),
    ("registration closed", &["-n"], OPERATE),
    ("registration invite", &["-n"], OPERATE),
    ("registration open", &["-n"], OPERATE),
    ("registration show", &[], VIEW),
    ("report list", &[], OPERATE),
    ("report resolve", &["{id}", "seen", "-n"], OPERATE),
    ("role add", &["keeper", "-n"], OWN),
    ("role delete", &["keeper", "-n"], OWN),
    ("role edit", &["keeper", "--add", "user.read", "-n"], OWN),
    ("role list", &[], VIEW),
    ("role permissions", &[], VIEW),
    ("role show", &["member"], VIEW),
    ("room add", &["general", "bob", "-n"], OWN),
    ("room ban", &["general", "bob", "-n"], OPERATE),
    ("room delete", &["general", "-n"], OWN),
    ("room edit", &["general", "--topic", "tea", "-n"], OPERATE),
    ("room invite create", &["general", "-n"], OWN),
    ("room invite list", &["general"], VIEW),
    ("room invite revoke", &["general", "{id}", "-n"], OPERATE),
    ("room kick", &["general", "bob", "-n"], OPERATE),
    ("room list", &[], VIEW),
    ("room lock", &["general", "-n"], OPERATE),
    ("room mute", &["general", "bob", "-n"], OPERATE),
    ("room sanctions", &["general"], VIEW),
    ("room show", &["general"], VIEW),
    ("room transfer", &["general", "bob", "-n"], OWN),
    ("room unban", &["general", "bob", "-n"], OPERATE),
    ("room unlock", &["general", "-n"], OPERATE),
    ("room unmute", &["general", "bob", "-n"], OPERATE),
    ("session list", &["ana"], VIEW),
    ("session revoke", &["ana", "--all", "-n"], OPERATE),
    ("status", &[], VIEW),
    ("store backup", &["{dir}/backup", "-n"], OWN),
    ("store check", &[], OPERATE),
    ("store info", &[], VIEW),
    ("store reindex", &["-n"], OPERATE),
    (
        "token issue",
        &["robot", "--name", "ci", "--scope", "message.send", "-n"],
        OWN,
    ),
    ("token list", &["robot"], VIEW),
    ("token revoke", &["robot", "{token}", "-n"], OPERATE),
    ("user add", &["zoe", "--code", "-n"], OWN),
    ("user ban", &["bob", "-n"], OPERATE),
    ("user disable", &["bob", "-n"], OPERATE),
    ("user enable", &["bob", "-n"], OPERATE),
    ("user erase", &["bob", "--messages", "delete", "-n"], OWN),
    ("user export", &["ana", "{dir}/ana"], OWN),
    ("user import", &["{dir}/people.csv", "-n"], OWN),
    ("user list", &[], VIEW),
    ("user mute", &["bob", "-n"], OPERATE),
    ("user reset", &["bob", "-n"], OWN),
    ("user role", &["bob", "guest", "-n"], OWN),
    ("user show", &["ana"], VIEW),
    ("user unban", &["bob", "-n"], OPERATE),
    ("user unmute", &["bob", "-n"], OPERATE),
    ("webhook pause", &["-n"], OPERATE),
    ("webhook resume", &["-n"], OPERATE),
    ("webhook show", &[], VIEW),
    ("webhook skip", &["-n"], OPERATE),
    ("webhook test", &["-n"], OPERATE),
];

/// What asks no server, or leaves asking to what it finds: it needs the right to the files, or none. `top` is a page of
/// what `status` shows, `bench` makes bots as `user add` does, and `user passwd` asks as `user reset` does, once it has a password.
const OTHERS: &[&str] = &[
    "bench chat",
    "bench churn",
    "bench idle",
    "bench storm",
    "completions",
    "config check",
    "config show",
    "doctor",
    "health",
    "init",
    "man",
    "openapi",
    "serve",
    "store copy",
    "store migrate",
    "store new-epoch",
    "store restore",
    "systemd check",
    "systemd install",
    "systemd print",
    "systemd uninstall",
    "top",
    "user passwd",
    "version",
];

/// Every command that has none below it, of the reference, which is made of the tree of commands.
fn leaves() -> Vec<&'static str> {
    let page = include_str!("../docs/cli.md");
    let sections = page.split("\n### chatd ").skip(1);
    let names: Vec<_> = sections.filter_map(|it| it.lines().next()).collect();
    let is_leaf = |name: &&str| {
        let below = format!("{name} ");
        !names.iter().any(|other| other.starts_with(&below))
    };
    names.iter().copied().filter(is_leaf).collect()
}

#[tokio::test]
async fn each_command_is_refused_below_its_level() {
    let mut named: Vec<_> = CALLS.iter().map(|(path, ..)| *path).collect();
    named.extend(OTHERS);
    let mut there = leaves();
    named.sort_unstable();
    there.sort_unstable();
    assert_eq!(named, there, "each has a level here");
    if !may_be_others() {
        eprintln!("not run: only root can be somebody else");
        return;
    }
    let server = Server::archiving_builder()
        .set("admin.group", "4242")
        .set("admin.view", "[\"uid:4001\"]")
        .set("admin.operate", "[\"uid:4002\"]")
        .set("admin.own", "[\"uid:4003\"]")
        .start()
        .await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut seq = String::new();
    for said in ["one", "two", "three"] {
        seq = ana.send(&room, said).await["seq"].to_string();
    }
    let run = server.admin().archive().await;
    let id = |it: &Value| it["id"].as_str().expect("an id").to_owned();
    server.cli(&["user", "add", "robot", "--bot"]).await.ok();
    let issue = "token issue robot --name ci --scope message.send --json";
    let issue: Vec<_> = issue.split(' ').collect();
    let token = server.cli(&issue).await.json();
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("ours");
    fs::write(dir.path().join("people.csv"), "name\nzoe\n").expect("a file");
    let words = BTreeMap::from([
        ("{dir}", dir.path().display().to_string()),
        ("{id}", "01a20de3-e314-7ff7-8407-8a1f9d81ad64".to_owned()),
        ("{run}", id(&run)),
        ("{seq}", seq),
        ("{token}", id(&token)),
    ]);
    let wrong = RefCell::new(Vec::new());
    for calls in CALLS.chunks(8) {
        join_all(calls.iter().map(async |(path, args, level)| {
            let fill = |word: &&str| {
                let word = (*word).to_owned();
                words
                    .iter()
                    .fold(word, |word, (name, value)| word.replace(name, value))
            };
            let args: Vec<String> = args.iter().map(fill).collect();
            let call: Vec<&str> = path
                .split(' ')
                .chain(args.iter().map(String::as_str))
                .collect();
            for may in [level - 1, *level] {
                let done = server.cli_as(PEOPLE[may], &call).await;
                let code = done.code.unwrap_or(-1);
                if code == USAGE || (code == PERMISSION) != (may < *level) {
                    wrong.borrow_mut().push(format!("by {may}: {done}"));
                }
            }
        }))
        .await;
    }
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
