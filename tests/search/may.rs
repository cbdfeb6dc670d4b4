//! Who finds what: only what they may read at that moment.

use serde_json::json;

use super::{all, found, indexed, page};
use crate::support::{Kind, Server, on_both};

on_both!(
    nobody_finds_what_they_may_not_read,
    what_was_said_before_somebodys_time_is_not_found,
    a_right_that_is_taken_away_holds_at_once,
    a_bot_finds_what_its_token_is_good_for,
    where_a_page_ends_tells_of_nothing_hidden,
);

async fn nobody_finds_what_they_may_not_read() {
    let server = Server::start().await;
    let (ana, bob, mona) = (
        server.user("ana").await,
        server.user("bob").await,
        server.person("mona", "admin").await,
    );
    let (hall, den) = (
        ana.room("hall", Kind::Public).await,
        ana.room("den", Kind::Private).await,
    );
    ana.send(&hall, "the hall key").await;
    ana.send(&den, "the den key").await;
    indexed(&server.admin()).await;
    assert_eq!(found(&ana, "key").await, ["the den key", "the hall key"]);
    // A public room is read by its members; and no role on the server reads what is private.
    for stranger in [&bob, &mona] {
        let nothing = page(stranger, "key", "").await;
        assert_eq!(nothing["items"], json!([]));
        assert_eq!(nothing["next"], json!(null));
    }
    let hidden = bob.get(&format!("/v1/search?q=key&room={}", den.id)).await;
    hidden.refused(404, "not_found");
    let outside = bob.get("/v1/search?q=key&room=hall").await;
    outside.refused(403, "forbidden");
    assert!(all(&bob, "", "&from=ana").await.is_empty());
    bob.join(&hall).await;
    assert_eq!(found(&bob, "key").await, ["the hall key"]);
}

async fn what_was_said_before_somebodys_time_is_not_found() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    let since = json!({"history": "since_join"});
    ana.request("PATCH", &room.path(""), since).await.ok();
    let before = ana.send(&room, "a secret before").await;
    bob.join(&room).await;
    ana.send(&room, "a secret after").await;
    indexed(&server.admin()).await;
    for more in ["", "&room=general", "&order=relevance", "&from=ana"] {
        assert_eq!(
            all(&bob, "secret", more).await,
            ["a secret after"],
            "{more}"
        );
    }
    // Edited since, it was said before all the same.
    let edit = json!({"body": "a secret later"});
    let path = room.message(&before["seq"]);
    ana.request("PATCH", &path, edit).await.ok();
    indexed(&server.admin()).await;
    assert_eq!(found(&bob, "secret").await, ["a secret after"]);
    assert_eq!(found(&ana, "secret").await.len(), 2);
}

async fn a_right_that_is_taken_away_holds_at_once() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (one, two) = (
        ana.room("one", Kind::Private).await,
        ana.room("two", Kind::Private).await,
    );
    for room in [&one, &two] {
        ana.add(room, &bob, "member").await;
        for i in 0..5 {
            ana.send(room, &format!("plan {i} of {}", room.name)).await;
        }
    }
    indexed(&server.admin()).await;
    assert_eq!(found(&bob, "plan").await.len(), 10);
    let first = page(&bob, "plan", "&limit=3").await;
    let next = first["next"].as_str().expect("more").to_owned();
    ana.remove(&two, &bob).await;
    let rest = all(&bob, "plan", "").await;
    assert!(rest.iter().all(|text| text.ends_with("one")), "{rest:?}");
    assert_eq!(rest.len(), 5);
    let rest = page(&bob, "plan", &format!("&cursor={next}")).await;
    assert_eq!(rest["items"].as_array().expect("items").len(), 5);
    // A role that does not include reading finds nothing, and is told so.
    server.admin().new_role("mute", &["room.join"]).await;
    server.admin().give("bob", "mute").await;
    let refused = bob.get("/v1/search?q=plan").await;
    refused.refused(403, "forbidden");
}

async fn a_bot_finds_what_its_token_is_good_for() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let bot = server.bot("robo", "member").await;
    let room = ana.room("general", Kind::Public).await;
    ana.send(&room, "for robots").await;
    let reader = server
        .admin()
        .token(&bot, "reader", &["message.read", "room.join"])
        .await;
    let writer = server
        .admin()
        .token(&bot, "writer", &["message.send"])
        .await;
    reader.join(&room).await;
    indexed(&server.admin()).await;
    assert_eq!(found(&reader, "robots").await, ["for robots"]);
    for query in ["q=robots", "q=robots&room=general"] {
        let refused = writer.get(&format!("/v1/search?{query}")).await;
        refused.refused(403, "forbidden");
    }
}

async fn where_a_page_ends_tells_of_nothing_hidden() {
    let mut server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let (hall, late, den) = (
        ana.room("hall", Kind::Public).await,
        ana.room("late", Kind::Public).await,
        ana.room("den", Kind::Private).await,
    );
    let since = json!({"history": "since_join"});
    ana.request("PATCH", &late.path(""), since).await.ok();
    bob.join(&hall).await;
    for text in ["key one", "key two", "key three"] {
        ana.send(&hall, text).await;
        ana.send(&late, "a hidden key").await;
        ana.send(&den, "a hidden key").await;
    }
    bob.join(&late).await;
    indexed(&server.admin()).await;
    let mut bob = bob;
    for rooms in [0, 70] {
        // So many that the index does not look in each of them by itself.
        for i in 0..rooms {
            bob.room(&format!("room-{i}"), Kind::Private).await;
        }
        // Nothing is known yet of who may read what.
        server.restart().await;
        bob = bob.again().await;
        indexed(&server.admin()).await;
        for order in ["newest", "relevance"] {
            let more = format!("&order={order}&limit=1");
            let everywhere = page(&bob, "key", &more).await;
            let here = page(&bob, "key", &format!("{more}&room=hall")).await;
            assert_eq!(everywhere["items"], here["items"], "{order}, {rooms} rooms");
            assert_eq!(everywhere["next"], here["next"], "{order}, {rooms} rooms");
            assert!(here["next"].is_string(), "{here:#}");
        }
    }
}
