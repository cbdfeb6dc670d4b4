//! The control log is there to be read, whole and checked: `chatd audit`, on either store, with the server up
//! or down.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{Field, Kind, PASSWORD, Server, Shell, on_both};

const NOT_FOUND: i32 = 3;
const UNCONFIRMED: i32 = 8;
const PROBLEMS: i32 = 10;

on_both!(
    acts_are_listed_and_filtered,
    long_lists_come_in_pages,
    whatever_is_changed_by_hand_is_found,
    a_broken_last_act_keeps_nobody_out,
    a_cut_off_or_rewritten_log_is_found_by_a_noted_hash,
    an_export_is_checked_by_a_stranger,
);

/// `audit list --json`: the acts.
async fn list(server: &Server, args: &[&str]) -> Vec<Value> {
    let args: Vec<_> = ["audit", "list", "--json"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let list = server.cli(&args).await.json();
    list["items"].as_array().expect("items").clone()
}

fn names(acts: &[Value]) -> Vec<&str> {
    acts.iter()
        .map(|act| act["act"].as_str().expect("a name"))
        .collect()
}

async fn acts_are_listed_and_filtered() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Private).await;
    ana.add(&room, &bob, "member").await;
    server.cli(&["user", "role", "bob", "moderator"]).await.ok();
    ana.delete(&room.path("")).await.ok();

    for down in [false, true] {
        if down {
            server.stop().await;
        }
        let about_rooms = list(&server, &["--act", "room.*", "--reverse"]).await;
        assert_eq!(
            names(&about_rooms),
            ["room.create", "room.member", "room.delete"]
        );
        let member = &about_rooms[1];
        assert_eq!(
            member["actor"]["user"],
            json!({"id": ana.id, "name": "ana"})
        );
        assert_eq!(member["actor"]["session"], *ana.session);
        assert_eq!(member["actor"]["address"], "127.0.0.1");
        // A deleted room keeps its name here.
        assert_eq!(member["target"], json!({"id": room.id, "name": "general"}));
        assert_eq!(member["names"][&bob.id], "bob");

        let role = list(&server, &["--act", "user.role"]).await;
        assert_eq!(role.len(), 1, "{role:#?}");
        assert_eq!(
            role[0]["detail"],
            json!({"before": "member", "after": "moderator"})
        );
        assert_eq!(role[0]["actor"]["uid"], rustix::process::geteuid().as_raw());
        let command = role[0]["actor"]["command"].as_str().expect("a claim");
        assert!(command.contains(" user role bob moderator"), "{command}");

        for whom in ["bob", &bob.id] {
            let to_bob = list(&server, &["--target", whom, "--reverse"]).await;
            let expected = ["user.create", "room.member", "user.role"];
            assert_eq!(names(&to_bob), expected, "{whom}");
            let by_bob = list(&server, &["--user", whom]).await;
            assert_eq!(names(&by_bob), ["session.open", "user.create"], "{whom}");
        }
        let newest = list(&server, &["--limit", "1"]).await;
        assert_eq!(names(&newest), ["room.delete"]);
        assert_eq!(
            list(&server, &["--since", "1h", "--act", "room.*"])
                .await
                .len(),
            3
        );
        assert_eq!(list(&server, &["--until", "1h"]).await.len(), 0);
        let nobody = server.cli(&["audit", "list", "--user", "nobody"]).await;
        nobody.failed(NOT_FOUND);

        // Exactly: from a moment that an act has, up to it, and both ends.
        let all = list(&server, &["--reverse"]).await;
        let at = all[2]["at"].as_i64().expect("a time");
        let path = |query: &str| format!("/v1/audit?limit=200&order=oldest&{query}");
        if !down {
            let since = server.admin().get(&path(&format!("since={at}"))).await;
            let until = server.admin().get(&path(&format!("until={at}"))).await;
            let (since, until) = (since["items"].as_array(), until["items"].as_array());
            let later = all
                .iter()
                .filter(|act| act["at"].as_i64() >= Some(at))
                .count();
            assert_eq!(since.map(Vec::len), Some(later));
            assert_eq!(until.map(Vec::len), Some(all.len() - later));
        }
        let table = server.cli(&["audit", "list"]).await;
        let line = table.ok().lines().find(|line| line.contains("user.role"));
        let line = line.expect("the act");
        assert!(line.contains("member → moderator"), "{line}");
        assert!(line.contains("$ chatd user role bob moderator"), "{line}");
    }
}

async fn long_lists_come_in_pages() {
    const INVITES: usize = 250;
    const AT_ONCE: usize = 25;
    let server = Server::start().await;
    let admin = server.admin();
    for _ in 0..INVITES / AT_ONCE {
        let made = (0..AT_ONCE).map(|_| admin.post("/v1/invites", json!({})));
        futures_util::future::join_all(made).await;
    }
    for order in [&[][..], &["--reverse"]] {
        let args = [&["--act", "invite.create", "--limit", "1000"][..], order].concat();
        let acts = list(&server, &args).await;
        let seqs: Vec<_> = acts
            .iter()
            .map(|act| act["seq"].as_u64().expect("a seq"))
            .collect();
        assert_eq!(seqs.len(), INVITES);
        let sorted = seqs.is_sorted_by(|a, b| if order.is_empty() { a > b } else { a < b });
        assert!(sorted, "{order:?}: {seqs:?}");

        let args = [&["audit", "list", "--json", "--limit", "220"][..], order].concat();
        let first = server.cli(&args).await.json();
        let cursor = first["next"].as_str().expect("there are more");
        let rest = server
            .cli(&[&args[..], &["--cursor", cursor]].concat())
            .await
            .json();
        let both = [&first, &rest].map(|list| list["items"].as_array().expect("items").len());
        // The key of the server, and the invitations.
        assert_eq!(both, [220, 31]);
        assert_eq!(rest["next"], Value::Null);
    }
    let checked = server.cli(&["audit", "verify", "--json"]).await.json();
    assert_eq!(checked["checked"], 251);
}

/// A server with some acts, and a way into its store beside it.
async fn server_and_shell() -> (Server, Shell) {
    let server = Server::start().await;
    for name in ["ana", "bob", "carl", "dora", "eve"] {
        server.cli(&["user", "add", name]).await.ok();
    }
    let shell = Shell::open(&server).await;
    (server, shell)
}

async fn whatever_is_changed_by_hand_is_found() {
    let (mut server, shell) = server_and_shell().await;
    let kept = shell.keep().await;
    let checked = server.cli(&["audit", "verify", "--json"]).await.json();
    assert_eq!(
        (&checked["ok"], &checked["checked"], &checked["last"]["seq"]),
        (&json!(true), &json!(6), &json!(6)),
        "{checked:#}"
    );

    let data = shell.data(4).await;
    let promoted = data.replace("\"member\"", "\"admin\"");
    let more = data.replacen('{', "{\"aside\":1,", 1);
    let renamed = data.replace("\"carl\"", "\"dora\"");
    assert!(![&promoted, &more, &renamed].contains(&&data), "{data}");
    let erased = {
        let mut act: Value = serde_json::from_str(&data).expect("JSON");
        act.as_object_mut()
            .expect("an act")
            .remove("personal")
            .expect("particulars");
        act.to_string()
    };

    // What is done, which row is named, and how many follow it.
    for (what, wrong, following) in [
        ("data", 4, 2),
        ("more data", 4, 2),
        ("particulars", 4, 2),
        ("no JSON", 4, 2),
        ("at", 4, 2),
        ("kind", 4, 2),
        ("a deleted row", 4, 2),
        ("the first row deleted", 1, 5),
        ("two swapped rows", 3, 3),
        ("no JSON in the last row", 6, 0),
    ] {
        match what {
            "data" => shell.set(4, Field::Data(&promoted)).await,
            "more data" => shell.set(4, Field::Data(&more)).await,
            "particulars" => shell.set(4, Field::Data(&renamed)).await,
            "no JSON" => shell.set(4, Field::Data("{\"act\":")).await,
            "at" => shell.set(4, Field::At(1_700_000_000_000)).await,
            "kind" => shell.set(4, Field::Kind("note")).await,
            "a deleted row" => shell.delete(4, 4).await,
            "the first row deleted" => shell.delete(1, 1).await,
            "two swapped rows" => {
                shell.renumber(3, 99).await;
                shell.renumber(5, 3).await;
                shell.renumber(99, 5).await;
            }
            _ => shell.set(6, Field::Data("")).await,
        }
        let found = server.cli(&["audit", "verify", "--json"]).await;
        let complaint = found.failed(PROBLEMS);
        let report: Value = serde_json::from_str(&found.stdout).expect("a report");
        let named = &report["wrong"];
        assert_eq!(
            (&named["seq"], &named["following"], &report["ok"]),
            (&json!(wrong), &json!(following), &json!(false)),
            "{what}: {report:#}"
        );
        assert_eq!(report["checked"], wrong - 1, "{what}");
        assert!(
            complaint.contains(&format!("act {wrong}")),
            "{what}: {complaint}"
        );
        if what == "data" {
            let found = server.cli(&["audit", "verify"]).await;
            let complaint = found.failed(PROBLEMS);
            let time = list(&server, &["--act", "user.create"]).await[2]["at"].clone();
            let time = time.as_i64().expect("a time") / 1000;
            let time = jiff::Timestamp::from_second(time)
                .expect("a time")
                .to_string();
            for word in [
                "act 4",
                "user.create",
                &time,
                "2 acts follow",
                "the 3 before it are right",
            ] {
                assert!(complaint.contains(word), "{word}: {complaint}");
            }
        }
        // Neither listing nor writing it out stops at such a row.
        server.cli(&["audit", "list"]).await.ok();
        server.cli(&["audit", "export"]).await;
        shell.restore(&kept).await;
    }

    // Particulars may be gone.
    shell.set(4, Field::Data(&erased)).await;
    let checked = server.cli(&["audit", "verify", "--json"]).await.json();
    assert_eq!(
        (&checked["checked"], &checked["erased"]),
        (&json!(6), &json!(1))
    );

    // The same with the server down.
    server.stop().await;
    shell.set(2, Field::At(1)).await;
    let found = server.cli(&["audit", "verify"]).await;
    assert!(found.failed(PROBLEMS).contains("act 2"), "{found}");
    shell.close().await;
}

/// Whoever breaks the last row keeps nobody from looking, nor the server from starting.
async fn a_broken_last_act_keeps_nobody_out() {
    let (mut server, shell) = server_and_shell().await;
    server.stop().await;
    shell.set(6, Field::Data("{")).await;
    let found = server.cli(&["audit", "verify"]).await;
    assert!(found.failed(PROBLEMS).contains("act 6"), "{found}");
    server.boot().await;
    server.cli(&["user", "add", "fay"]).await.ok();
    let found = server.cli(&["audit", "verify", "--json"]).await;
    found.failed(PROBLEMS);
    let report: Value = serde_json::from_str(&found.stdout).expect("a report");
    let named = &report["wrong"];
    assert_eq!((&named["seq"], &named["following"]), (&json!(6), &json!(1)));
    shell.close().await;
}

async fn a_cut_off_or_rewritten_log_is_found_by_a_noted_hash() {
    let (mut server, shell) = server_and_shell().await;
    let last = server.cli(&["audit", "verify", "--json"]).await.json()["last"].clone();
    let hash = last["hash"].as_str().expect("a hash").to_owned();
    let noted = format!("{hash}@{}", last["seq"]);
    server.cli(&["user", "add", "fay"]).await.ok();
    for expect in [&noted, &hash] {
        let checked = server
            .cli(&["audit", "verify", "--expect", expect, "--json"])
            .await;
        assert_eq!(checked.json()["expected"], "found");
    }
    server
        .cli(&["audit", "verify", "--expect", "nonsense"])
        .await
        .failed(2);
    server.stop().await;
    let kept = shell.keep().await;

    // Its end is cut off: the rest is whole.
    shell.delete(5, 99).await;
    server.cli(&["audit", "verify"]).await.ok();
    for (expect, verdict) in [(&noted, "cut_off"), (&hash, "nowhere")] {
        let checked = server
            .cli(&["audit", "verify", "--expect", expect, "--json"])
            .await;
        checked.failed(PROBLEMS);
        let report: Value = serde_json::from_str(&checked.stdout).expect("a report");
        assert_eq!(report["expected"], verdict, "{report:#}");
    }
    shell.restore(&kept).await;

    // An act is changed and every hash after it made anew, as docs/audit.md says: it is whole in itself.
    let export = server.cli(&["audit", "export"]).await;
    let lines = parse(export.ok());
    let mut previous = lines[3]["previous"].as_str().expect("a hash").to_owned();
    for line in &lines[3..] {
        let mut act = line["act"].clone();
        if line["seq"] == 4 {
            act["detail"]["role"] = json!("admin");
        }
        previous = hash_of(&previous, line, &act);
        act["hash"] = json!(previous);
        act["personal"] = line["personal"].clone();
        let seq = line["seq"].as_i64().expect("a seq");
        shell.set(seq, Field::Data(&act.to_string())).await;
    }
    server.cli(&["audit", "verify"]).await.ok();
    let checked = server.cli(&["audit", "verify", "--expect", &noted]).await;
    assert!(checked.failed(PROBLEMS).contains("rewritten"), "{checked}");
    shell.close().await;
}

async fn an_export_is_checked_by_a_stranger() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let name = json!({"display_name": "Ana \"é\\\u{1F49A}"});
    ana.request("PATCH", "/v1/me", name).await.ok();
    ana.room("general", Kind::Public).await;
    let login = json!({"login": "ana", "password": PASSWORD});
    server.rest().post("/v1/login", login).await.ok();
    server
        .cli(&["user", "add", "bob", "--email", "bob@example.org"])
        .await
        .ok();

    let export = server.cli(&["audit", "export"]).await;
    let lines = parse(export.ok());
    assert!(lines.len() >= 7, "{lines:#?}");
    let end = check(&lines, "");
    let checked = server.cli(&["audit", "verify", "--json"]).await.json();
    assert_eq!(
        (&checked["last"]["hash"], &checked["checked"]),
        (&json!(end), &json!(lines.len()))
    );

    // The verifier is no rubber stamp.
    let mut forged = lines.clone();
    forged[1]["act"]["target"] = json!("somebody else");
    assert!(std::panic::catch_unwind(|| check(&forged, "")).is_err());

    let file = server.data_dir().join("acts.jsonl");
    let path = file.to_str().expect("text");
    let written = server
        .cli(&["audit", "export", path, "--json"])
        .await
        .json();
    assert_eq!(
        (&written["acts"], &written["last"]["hash"]),
        (&json!(lines.len()), &json!(end))
    );
    let text = std::fs::read_to_string(&file).expect("it was written");
    assert_eq!(parse(&text), lines);
    let mode = std::fs::metadata(&file)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    server
        .cli(&["audit", "export", path])
        .await
        .failed(UNCONFIRMED);

    // A part of it begins with the hash that it follows; nothing at all is an empty export.
    server.stop().await;
    let since = lines[3]["at"].as_i64().expect("a time");
    let since = jiff::Timestamp::from_millisecond(since)
        .expect("a time")
        .to_string();
    let part = parse(
        server
            .cli(&["audit", "export", "--since", &since])
            .await
            .ok(),
    );
    let first = part[0]["seq"].as_u64().expect("a seq");
    assert!((2..=4).contains(&first), "{part:#?}");
    let previous = part[0]["previous"].as_str().expect("a hash");
    assert_eq!(
        lines[usize::try_from(first).expect("few") - 2]["hash"],
        previous
    );
    assert_eq!(check(&part, previous), end);
    let nothing = server
        .cli(&["audit", "export", "--since", "2099-01-01"])
        .await;
    assert_eq!(nothing.ok(), "");
}

fn parse(text: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str(line).expect("a line is JSON");
    text.lines().map(line).collect()
}

/// What follows is written from docs/audit.md, and shares nothing with chatd.
fn check<'a>(lines: &'a [Value], mut previous: &'a str) -> String {
    let mut seq = None;
    for line in lines {
        let number = line["seq"].as_u64().expect("a seq");
        assert!(
            seq.is_none_or(|seq| number == seq + 1),
            "a gap before {number}"
        );
        seq = Some(number);
        assert_eq!(line["previous"], previous, "{line:#}");
        let hash = line["hash"].as_str().expect("a hash");
        assert_eq!(hash_of(previous, line, &line["act"]), hash, "{line:#}");
        if let Some(personal) = line.get("personal") {
            let salt = personal["salt"].as_str().expect("a salt");
            let text = format!("{salt}\n{}", canonical(&personal["fields"]));
            assert_eq!(line["act"]["personal_digest"], sha256(&text), "{line:#}");
        }
        previous = hash;
    }
    previous.to_owned()
}

fn hash_of(previous: &str, line: &Value, act: &Value) -> String {
    sha256(&format!(
        "{previous}\n{}\n{}\n{}",
        line["seq"],
        line["at"],
        canonical(act)
    ))
}

fn canonical(value: &Value) -> String {
    if let Some(members) = value.as_object() {
        let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
        let each = sorted
            .iter()
            .map(|(k, v)| format!("{}:{}", string(k), canonical(v)));
        format!("{{{}}}", each.collect::<Vec<_>>().join(","))
    } else if let Some(items) = value.as_array() {
        format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        )
    } else if let Some(text) = value.as_str() {
        string(text)
    } else {
        value.to_string()
    }
}

fn string(text: &str) -> String {
    let each = text.chars().map(|c| match c {
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\t' => "\\t".to_owned(),
        '\n' => "\\n".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '\r' => "\\r".to_owned(),
        c if c < ' ' => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    });
    format!("\"{}\"", each.collect::<String>())
}

fn sha256(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes it");
            hex
        })
}
