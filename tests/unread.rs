//! How many unread messages mention somebody: the same wherever it is told, on all devices, and never off by one that was
//! deleted, read elsewhere, said before one's time or while one was asking.

use serde_json::{Value, json};

use crate::support::{Kind, Room, Screen, Server, User, on_both, within};

on_both!(
    it_is_told_wherever_rooms_are,
    all_devices_keep_it_and_who_was_away_is_told,
    who_comes_again_begins_anew,
    what_lies_before_ones_time_does_not_count,
    it_counts_to_a_hundred_and_stays_whole,
    whoever_asks_in_the_middle_of_it_gets_it_right,
);

/// What a room's record says, which is what the list of rooms says.
async fn shown(user: &User, room: &Room) -> Value {
    let shown = user.get(&room.path("")).await.ok();
    let list = user.get("/v1/rooms?limit=200").await.ok();
    let list = list["items"].as_array().expect("items").iter();
    let mut listed = list.filter(|r| r["id"] == *room.id);
    assert_eq!(listed.next(), Some(&shown));
    shown["unread_mentions"].clone()
}

/// What the answer to a subscribe says.
async fn subscribed(user: &User, room: &Room) -> (Value, Value) {
    let mut ws = user.connect().await;
    let op = json!({"op": "subscribe", "room": room.id});
    let answer = ws.request(op).await.expect("a room of mine");
    let mentions = answer["mentions"].as_array().expect("a list").len();
    assert_eq!(answer["unread_mentions"], mentions, "{answer:#}");
    (
        answer["unread_mentions"].clone(),
        answer["mentions"].clone(),
    )
}

/// Ana's room with bob in it.
async fn talk(server: &Server) -> (User, User, Room) {
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    (ana, bob, room)
}

async fn say(user: &User, room: &Room, body: &str) -> Value {
    user.send(room, body).await["seq"].clone()
}

async fn read(user: &User, room: &Room, seq: &Value) {
    let body = json!({"seq": seq, "back": true});
    let path = room.path("/read");
    user.request("PUT", &path, body).await.ok();
}

async fn it_is_told_wherever_rooms_are() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    let other = ana.room("other", Kind::Private).await;
    ana.add(&other, &bob, "member").await;
    let direct = ana.post("/v1/dm", json!({"users": ["bob"]})).await.ok();
    let direct = Room {
        id: direct["id"].as_str().expect("an id").to_owned(),
        name: "direct".to_owned(),
    };
    let named = say(&ana, &room, "@bob, lunch?").await;
    say(&ana, &room, "nobody is meant").await;
    let all = say(&ana, &room, "lunch, @room! And you, @bob").await;
    say(&bob, &room, "yes, @ana. @room is a word when I say it").await;
    say(&ana, &direct, "no mention by itself").await;
    for (user, room, count, seqs) in [
        (&bob, &room, 2, json!([named, all])),
        (&ana, &room, 1, json!([6])),
        (&bob, &other, 0, json!([])),
        (&bob, &direct, 0, json!([])),
    ] {
        assert_eq!(shown(user, room).await, count, "{}", room.name);
        let told = subscribed(user, room).await;
        assert_eq!(told, (json!(count), seqs.clone()), "{}", room.name);
        let screen = Screen::new(user).await;
        let on_screen = &screen.rooms[&room.id];
        assert_eq!(
            (&on_screen["unread_mentions"], &on_screen["mentions"]),
            (&json!(count), &seqs)
        );
    }
    // Read by one of them, and up to that one.
    read(&bob, &room, &named).await;
    assert_eq!(shown(&bob, &room).await, 1);
    assert_eq!(subscribed(&bob, &room).await.1, json!([all]));
    // Who is not in the room has none, and one's own log neither.
    let cat = server.user("cat").await;
    let seen = cat.get(&room.path("")).await.ok();
    assert_eq!(seen["unread_mentions"], Value::Null);
    let mut ws = bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me"});
    let me = ws.request(me).await.expect("one's own");
    assert!(me.get("mentions").is_none() && me.get("unread_mentions").is_none());
}

async fn all_devices_keep_it_and_who_was_away_is_told() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    let (mut desk, mut phone) = (
        Screen::new(&bob).await,
        Screen::new(&bob.again().await).await,
    );
    let first = say(&ana, &room, "@bob one").await;
    let second = say(&ana, &room, "@room two").await;
    for screen in [&mut desk, &mut phone] {
        screen.keeps_up("mentions").await;
        assert_eq!(screen.rooms[&room.id]["mentions"], json!([first, second]));
    }
    // The phone goes away, and the desk reads.
    let after = phone.rooms[&room.id]["head"].clone();
    let back = bob.connect().await;
    std::mem::replace(&mut phone.ws, back).drop_tcp();
    read(&bob, &room, &first).await;
    let third = say(&ana, &room, "@bob three").await;
    let fourth = say(&ana, &room, "@bob four").await;
    ana.delete(&room.message(&fourth)).await.ok();
    desk.keeps_up("reading").await;
    let mut ws = bob.connect().await;
    let resume = json!({
        "op": "subscribe", "room": room.id, "after": after, "epoch": ws.epoch(),
    });
    let resumed = ws.request(resume).await.expect("a room of mine");
    assert_eq!(resumed["recovered"], true);
    assert_eq!(resumed["mentions"], json!([second, third]));
    assert_eq!(resumed["unread_mentions"], 2);
    phone.sync().await;
    assert_eq!(phone.shown(), desk.shown());
    // Going back is told to both, with what is unread again.
    read(&bob, &room, &json!(1)).await;
    for screen in [&mut desk, &mut phone] {
        screen.until("unread").await;
        screen.keeps_up("going back").await;
        assert_eq!(
            screen.rooms[&room.id]["mentions"],
            json!([first, second, third])
        );
    }
    // A device that listens to nothing but its own log hears of it, too.
    let mut ears = bob.connect().await;
    let me = json!({"op": "subscribe", "room": "@me"});
    ears.request(me).await.expect("one's own");
    read(&bob, &room, &third).await;
    read(&bob, &room, &second).await;
    let event = ears.next_of("unread").await;
    let expected = json!({
        "ev": "unread", "room": "@me", "target": room.id, "unread_mentions": 1, "mentions": [third],
    });
    assert_eq!(event, expected);
}

async fn who_comes_again_begins_anew() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    say(&ana, &room, "@bob one").await;
    assert_eq!(shown(&bob, &room).await, 1);
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    say(&ana, &room, "@bob is not here").await;
    say(&ana, &room, "@room, he is gone").await;
    bob.join(&room).await;
    assert_eq!(shown(&bob, &room).await, 0);
    assert_eq!(subscribed(&bob, &room).await.1, json!([]));
    say(&ana, &room, "@room, he is back").await;
    assert_eq!(shown(&bob, &room).await, 1);
    // Who goes back to before that finds their name, and was not one of everyone while they were gone.
    read(&bob, &room, &json!(1)).await;
    assert_eq!(shown(&bob, &room).await, 2);
    assert_eq!(subscribed(&bob, &room).await.1, json!([3, 8]));
}

async fn what_lies_before_ones_time_does_not_count() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    say(&ana, &room, "@bob one").await;
    bob.post(&room.path("/leave"), Value::Null).await.ok();
    bob.join(&room).await;
    let now = say(&ana, &room, "@bob two").await;
    read(&bob, &room, &json!(1)).await;
    assert_eq!(shown(&bob, &room).await, 2);
    let hidden = json!({"history": "since_join"});
    ana.request("PATCH", &room.path(""), hidden).await.ok();
    assert_eq!(shown(&bob, &room).await, 1);
    assert_eq!(subscribed(&bob, &room).await.1, json!([now]));
    let shown_again = json!({"history": "all"});
    ana.request("PATCH", &room.path(""), shown_again).await.ok();
    // Hiding it moved him on to his beginning, and there he stays until he goes back again.
    assert_eq!(shown(&bob, &room).await, 1);
    read(&bob, &room, &json!(1)).await;
    assert_eq!(shown(&bob, &room).await, 2);
}

async fn it_counts_to_a_hundred_and_stays_whole() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    let mut ws = ana.connect().await;
    let bodies = (0..105).map(|i| format!("{i} @bob"));
    let said = ws.say_all(&room, bodies, 20).await;
    assert_eq!(shown(&bob, &room).await, 100);
    let (_, mentions) = subscribed(&bob, &room).await;
    let newest: Vec<_> = said[5..].iter().map(|m| m["seq"].clone()).collect();
    assert_eq!(mentions, json!(newest));
    read(&bob, &room, &said[20]["seq"]).await;
    assert_eq!(shown(&bob, &room).await, 84);
    // Deleted ones are no part of it, and do not hide those before them.
    for message in &said[95..] {
        ana.delete(&room.message(&message["seq"])).await.ok();
    }
    assert_eq!(shown(&bob, &room).await, 74);
    assert_eq!(subscribed(&bob, &room).await.0, 74);
}

async fn whoever_asks_in_the_middle_of_it_gets_it_right() {
    let server = Server::start().await;
    let (ana, bob, room) = talk(&server).await;
    say(&ana, &room, "@bob, it begins").await;
    let talking = async {
        let mut ws = ana.connect().await;
        for i in 0..120 {
            let said = ws.send(&room, &format!("{i} @bob")).await;
            if i % 3 > 0 {
                let target = said["seq"].clone();
                let delete = json!({"op": "delete", "room": room.id, "target": target});
                ws.request(delete).await.expect("my own");
            }
        }
        ws.send(&room, "that is all").await;
    };
    let asking = async {
        let mut screens = Vec::new();
        for i in 0..20 {
            let mut screen = Screen::new(&bob).await;
            if i % 4 == 0 {
                screen.sync().await;
            }
            if i % 10 == 5 {
                let head = screen.rooms[&room.id]["head"].clone();
                read(&bob, &room, &head).await;
                read(&bob, &room, &json!(1)).await;
            }
            screens.push(screen);
        }
        screens
    };
    let both = Box::pin(async { tokio::join!(talking, asking) });
    let ((), screens) = within("the talk", both).await;
    let mut first = None;
    for mut screen in screens {
        screen.keeps_up("the talk").await;
        let mentions = screen.rooms[&room.id]["mentions"].clone();
        let first = first.get_or_insert_with(|| mentions.clone());
        assert_eq!(mentions, *first);
        assert_eq!(mentions.as_array().map(Vec::len), Some(41));
    }
}
