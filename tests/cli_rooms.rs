//! Rooms from the command line: what it does to those who are in them.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Server, User, on_both};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;
const UNCONFIRMED: i32 = 8;

on_both!(
    in_a_locked_room_only_moderators_write,
    a_room_is_changed_as_asked,
    people_are_put_in_and_taken_out,
    a_code_leads_into_a_private_room,
    a_room_is_deleted_when_somebody_means_it,
);

/// Ana's room with bob in it.
async fn ana_and_bob(kind: Kind) -> (Server, User, User, Room) {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", kind).await;
    ana.add(&room, &bob, "member").await;
    (server, ana, bob, room)
}

async fn refused_to_say(user: &User, room: &Room) {
    let letter = json!({"body": "hear me"});
    user.post(&room.path("/messages"), letter)
        .await
        .refused(403, "forbidden");
}

async fn in_a_locked_room_only_moderators_write() {
    let (mut server, ana, bob, room) = ana_and_bob(Kind::Public).await;
    let mut ears = bob.listen(&room).await;
    let lock = ["room", "lock", "general", "--reason", "cooling down"];
    server.cli(&[&lock[..], &["-n"]].concat()).await.ok();
    bob.send(&room, "not yet").await;
    let locked = server.cli(&[&lock[..], &["--json"]].concat()).await.json();
    assert_eq!(locked["rules"]["locked"], true, "{locked:#}");
    assert_eq!(ears.next_of("settings").await["rules"]["locked"], true);
    refused_to_say(&bob, &room).await;
    ana.send(&room, "order").await;
    let shown = server.cli(&["room", "show", "general"]).await;
    assert!(shown.ok().contains("locked"), "{shown}");
    server.stop().await;
    server.cli(&["room", "unlock", "general"]).await.ok();
    server.boot().await;
    bob.send(&room, "at last").await;
    server
        .cli(&["room", "lock", "nowhere"])
        .await
        .failed(NOT_FOUND);
}

async fn a_room_is_changed_as_asked() {
    let (mut server, _ana, bob, room) = ana_and_bob(Kind::Public).await;
    let edit = ["room", "edit", "general", "--title", "Talk", "--post"];
    let edit = [&edit[..], &["moderator", "--slow-mode", "6h", "--json"]].concat();
    let changed = server.cli(&edit).await.json();
    assert_eq!(changed["title"], "Talk", "{changed:#}");
    assert_eq!(changed["rules"]["slow_mode"], 6 * 60 * 60, "{changed:#}");
    refused_to_say(&bob, &room).await;
    server.stop().await;
    let back = ["room", "edit", "general", "--post", "member", "--title", ""];
    server.cli(&back).await.ok();
    server.boot().await;
    let shown = bob.get(&room.path("")).await.ok();
    assert_eq!(shown["title"], Value::Null, "{shown:#}");
    bob.send(&room, "one").await;
    let two = json!({"body": "two"});
    bob.post(&room.path("/messages"), two)
        .await
        .refused(429, "rate_limited");
    let fast = ["room", "edit", "general", "--slow-mode", "off"];
    server.cli(&fast).await.ok();
    bob.send(&room, "two").await;

    for (args, exit) in [
        (&["room", "edit", "general"][..], USAGE),
        (&["room", "edit", "general", "--slow-mode", "7h"], USAGE),
        (&["room", "edit", "general", "--slow-mode", "0s"], USAGE),
        (&["room", "edit", "general", "--post", "nobody"], USAGE),
        (&["room", "edit", "general", "--name", "G"], USAGE),
        (&["room", "edit", "nowhere", "--title", "T"], NOT_FOUND),
    ] {
        server.cli(args).await.failed(exit);
    }
}

async fn people_are_put_in_and_taken_out() {
    let (mut server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let eve = server.user("eve").await;
    let (transfer, kick) = (
        ["room", "transfer", "general", "eve"],
        ["room", "kick", "general", "bob"],
    );
    let stranger = server.cli(&transfer).await;
    assert!(
        stranger.failed(CONFLICT).contains("chatd room add"),
        "{stranger}"
    );
    server.stop().await;
    let add = ["room", "add", "general", "eve", "--role", "viewer"];
    server.cli(&add).await.ok();
    server.boot().await;
    refused_to_say(&eve, &room).await;
    server.cli(&transfer).await.ok();
    eve.send(&room, "mine").await;
    assert_eq!(ana.get(&room.path("")).await.ok()["role"], "moderator");

    let mut ears = bob.listen(&room).await;
    server.cli(&[&kick[..], &["-n"]].concat()).await.ok();
    ears.events_so_far().await;
    server.cli(&kick).await.ok();
    assert_eq!(ears.next_of("unsubscribed").await["why"], "removed");
    bob.get(&room.path("")).await.refused(404, "not_found");
    server.cli(&kick).await.failed(NOT_FOUND);
}

async fn a_code_leads_into_a_private_room() {
    let (mut server, _ana, _bob, room) = ana_and_bob(Kind::Private).await;
    let (eve, carl) = (server.user("eve").await, server.user("carl").await);
    server.stop().await;
    let create = ["room", "invite", "create", "general", "--json"];
    let made = server.cli(&create).await.json();
    server.boot().await;
    let code = json!({"code": made["code"]});
    eve.post("/v1/join", code.clone()).await.ok();
    eve.send(&room, "in").await;
    carl.post("/v1/join", code).await.refused(403, "forbidden");

    let made = server.cli(&create).await.json();
    let list = server.cli(&["room", "invite", "list", "general"]).await;
    let id = made["id"].as_str().expect("an id");
    assert!(list.ok().contains(id), "{list}");
    let revoke = ["room", "invite", "revoke", "general", id];
    server.cli(&revoke).await.ok();
    server.cli(&revoke).await.failed(NOT_FOUND);
    let code = json!({"code": made["code"]});
    carl.post("/v1/join", code).await.refused(403, "forbidden");
}

async fn a_room_is_deleted_when_somebody_means_it() {
    let (server, ana, bob, room) = ana_and_bob(Kind::Private).await;
    let mut ears = bob.listen(&room).await;
    let delete = ["room", "delete", "general"];
    let asked = server.cli(&delete).await;
    assert!(asked.failed(UNCONFIRMED).contains("--yes"), "{asked}");
    server.cli(&[&delete[..], &["-n"]].concat()).await.ok();
    bob.send(&room, "still here").await;
    ears.expect_message("still here").await;
    server.cli(&[&delete[..], &["--yes"]].concat()).await.ok();
    assert_eq!(ears.next_of("unsubscribed").await["why"], "deleted");
    bob.get(&room.path("")).await.refused(404, "not_found");
    server
        .cli(&[&delete[..], &["--yes"]].concat())
        .await
        .failed(NOT_FOUND);

    // A name that several private rooms have is not guessed at.
    ana.room("plans", Kind::Private).await;
    let plans = bob.room("plans", Kind::Private).await;
    let both = server.cli(&["room", "delete", "plans", "--yes"]).await;
    assert!(both.failed(CONFLICT).contains(&plans.id), "{both}");
    let one = ["room", "delete", &plans.id, "--yes"];
    server.cli(&one).await.ok();
}
