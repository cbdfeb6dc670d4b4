//! Promise 5 for every command that changes something: tried with `--dry-run` it changes nothing, then it does
//! what it says, with the server up or down, and tells it in JSON.

use serde_json::{Value, json};

use crate::support::{Kind, Server, on_both};

on_both!(with_the_server_up);

/// A command that changes something, and the one that shows it. `{id}` is the id of the first item shown.
const CHANGES: &[(&str, &str)] = &[
    ("user add carl --role guest", "user list"),
    ("user reset carl", "user list"),
    ("user disable carl --reason gone", "user show carl"),
    ("user enable carl", "user show carl"),
    ("user mute eve --for 2h --reason loud", "user show eve"),
    ("user unmute eve", "user show eve"),
    ("user ban bob --for 30d", "ban list"),
    ("user unban bob", "ban list"),
    (
        "role add keeper --from member --permission user.mute",
        "role list",
    ),
    (
        "role edit keeper --add user.ban --remove user.mute",
        "role show keeper",
    ),
    ("role edit keeper --description Keeper", "role show keeper"),
    ("user role bob keeper", "user show bob"),
    ("user role bob member", "user show bob"),
    ("role delete keeper", "role list"),
    ("user add herald --bot", "user list"),
    (
        "token issue herald --name ci --scope message.send",
        "token list herald",
    ),
    (
        "token issue herald --name cd --scope room.join --for 90d",
        "token list herald",
    ),
    (
        "token revoke herald ci --reason leaked",
        "token list herald",
    ),
    ("token revoke herald {id}", "token list herald"),
    ("session revoke eve {id} --reason lost", "session list eve"),
    ("session revoke ana --all", "session list ana"),
    (
        "room edit general --title Talk --topic Things",
        "room show general",
    ),
    (
        "room edit general --post moderator --slow-mode 30s",
        "room show general",
    ),
    (
        "room edit general --slow-mode off --history since_join",
        "room show general",
    ),
    ("room lock general --reason heat", "room show general"),
    ("room unlock general", "room show general"),
    ("room add general bob --role viewer", "room show general"),
    ("room add general bob --role moderator", "room show general"),
    ("room kick general bob --reason spam", "room show general"),
    ("room mute general eve --for 1h", "room sanctions general"),
    ("room unmute general eve", "room sanctions general"),
    (
        "room ban general bob --reason spam",
        "room sanctions general",
    ),
    ("room unban general bob", "room sanctions general"),
    ("room transfer general eve", "room show general"),
    (
        "room invite create general --uses 3",
        "room invite list general",
    ),
    (
        "room invite revoke general {id}",
        "room invite list general",
    ),
    ("room delete general --yes", "room list"),
    ("invite create --uses 3 --for 7d", "invite list"),
    ("invite revoke {id}", "invite list"),
    ("registration closed --reason spam", "registration show"),
    ("registration invite", "registration show"),
    ("registration open", "registration show"),
    ("registration auto", "registration show"),
    ("ban add 198.51.100.0/24 --for 7d --reason spam", "ban list"),
    ("ban remove 198.51.100.0/24", "ban list"),
    ("report resolve {id} done", "report list"),
];

/// Setting a password does not show in any list.
const UNSEEN: &[&str] = &["user reset carl"];

async fn prepared() -> Server {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    server.user("bob").await;
    let general = ana.room("general", Kind::Public).await;
    eve.join(&general).await;
    let said = eve.send(&general, "buy this").await;
    let report = general.path(&format!("/messages/{}/report", said["seq"]));
    ana.post(&report, json!({"reason": "spam"})).await.ok();
    server
}

async fn with_the_server_up() {
    let server = prepared().await;
    change_everything(&server).await;
}

/// On SQLite alone: it is two hundred times opening a store, and what either store does is tested elsewhere.
#[tokio::test]
async fn with_the_server_down() {
    let mut server = prepared().await;
    server.stop().await;
    change_everything(&server).await;
}

async fn change_everything(server: &Server) {
    for (change, look) in CHANGES {
        let before = json(server, look, &[]).await;
        let id = before["items"][0]["id"].as_str().unwrap_or_default();
        let change = change.replace("{id}", id);
        let tried = json(server, &change, &["--dry-run"]).await;
        let flag = tried.get("dry_run").unwrap_or(&Value::Bool(true));
        assert_eq!(flag, true, "{change}: {tried:#}");
        assert_eq!(json(server, look, &[]).await, before, "trying {change}");
        let done = json(server, &change, &[]).await;
        assert_ne!(done["dry_run"], true, "{change}: {done:#}");
        let after = json(server, look, &[]).await;
        let seen = after != before;
        assert_eq!(seen, !UNSEEN.contains(&&*change), "{change}: {after:#}");
    }
}

/// Runs a command with `--json`: its answer, an object.
async fn json(server: &Server, line: &str, more: &[&str]) -> Value {
    let args: Vec<&str> = line.split(' ').chain(more.iter().copied()).collect();
    let args: Vec<&str> = args.into_iter().chain(["--json"]).collect();
    let answer = server.cli(&args).await.json();
    assert!(answer.is_object(), "{line}: {answer}");
    answer
}
