//! A crowd: 2,000 connections over TLS, while the settings and the certificate are renewed, and when the server stops
//! under them.

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use futures_util::future::join_all;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use crate::support::{Certificates, Room, Secure, Server, Ws, within};

/// How many listen.
const CROWD: usize = 2000;
/// How many of them connect at a time; each handshake costs both sides.
const AT_ONCE: usize = 50;
/// Somebody says something in each room twice a second, which all in it hear.
const ROOMS: usize = 50;
const SPEAKERS: usize = 10;
const EVERY: Duration = Duration::from_millis(100);
/// How often settings and certificate are renewed meanwhile.
const RENEWALS: usize = 3;

/// What somebody heard: the last `seq`, without a gap up to it, and the texts.
struct Heard {
    room: usize,
    last: u64,
    texts: BTreeMap<u64, String>,
}

impl Heard {
    fn take(&mut self, event: &Value) {
        let seq = event["seq"].as_u64().expect("a seq");
        assert_eq!(seq, self.last + 1, "room {}: {event}", self.room);
        self.last = seq;
        if let Some(body) = event["body"].as_str() {
            self.texts.insert(seq, body.to_owned());
        }
    }
}

/// Hears until the connection ends: what, and the close code.
async fn hear(mut ws: Ws, mut heard: Heard, one: mpsc::Sender<()>) -> (Heard, Option<u16>) {
    while let Some(frame) = ws.frame().await {
        if frame["ev"] == "message" {
            heard.take(&frame);
            // Whoever waits for that is told once.
            let _full = one.try_send(());
        }
    }
    (heard, ws.closed().await.code)
}

/// Speaks in its rooms in turn until the connection ends: what was acknowledged.
async fn speak(mut ws: Ws, name: usize, rooms: Arc<Vec<Room>>) -> Vec<(usize, u64, String)> {
    let mut pace = interval(EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut acknowledged = Vec::new();
    for said in 0.. {
        pace.tick().await;
        let room = name + said % (ROOMS / SPEAKERS) * SPEAKERS;
        let body = format!("{name} {said}");
        let say = json!({"op": "send", "room": rooms[room].id, "body": body});
        let Some(id) = ws.post(say).await else { break };
        // The reply, or the end.
        let reply = loop {
            match ws.frame().await {
                Some(frame) if frame["id"] == id => break Some(frame),
                Some(_) => {}
                None => break None,
            }
        };
        let Some(reply) = reply else { break };
        if let Some(seq) = reply["ok"]["seq"].as_u64() {
            acknowledged.push((room, seq, body));
        }
    }
    acknowledged
}

async fn connect(client: &Secure, token: &str) -> Vec<Ws> {
    let mut crowd = Vec::with_capacity(CROWD);
    while crowd.len() < CROWD {
        crowd.extend(join_all((0..AT_ONCE).map(|_| client.ws(token))).await);
    }
    crowd
}

async fn make_rooms(client: &Secure, token: &str) -> Vec<Room> {
    let mut rooms = Vec::new();
    for number in 0..ROOMS {
        let name = format!("room-{number}");
        let room = json!({"name": name, "kind": "public"});
        let made = client
            .request("POST", "/v1/rooms", Some(token), room)
            .await
            .ok();
        let id = made["id"].as_str().expect("an id").to_owned();
        rooms.push(Room { id, name });
    }
    rooms
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_notice_no_renewal_and_lose_nothing_at_a_stop() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to what it may have");
    let (certificates, mut trusted) = Certificates::new();
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("chatd.toml");
    let settings = |size: usize| {
        format!(
            "{}[limits]\nmessage = \"{size} KiB\"\n",
            certificates.settings()
        )
    };
    fs::write(&file, settings(4)).expect("a file");
    let mut server = Server::builder()
        .args(&["--config", file.to_str().expect("text")])
        .start()
        .await;
    let client = Secure::new(server.address(), &trusted);
    let token = client.register("ana").await;
    let rooms = Arc::new(make_rooms(&client, &token).await);

    let (one, mut heard_one) = mpsc::channel(1);
    let mut ears = Vec::with_capacity(CROWD);
    for (number, mut ws) in connect(&client, &token).await.into_iter().enumerate() {
        let room = number % ROOMS;
        let last = ws.subscribe(&rooms[room], None).await.head;
        let heard = Heard {
            room,
            last,
            texts: BTreeMap::new(),
        };
        ears.push(tokio::spawn(hear(ws, heard, one.clone())));
    }
    let mut mouths: Vec<JoinHandle<_>> = Vec::new();
    for name in 0..SPEAKERS {
        let ws = client.ws(&token).await;
        mouths.push(tokio::spawn(speak(ws, name, Arc::clone(&rooms))));
    }

    // Renewed under way: nobody's connection ends, and people go on talking.
    for renewal in 0..RENEWALS {
        trusted = certificates.renew();
        fs::write(&file, settings(5 + renewal)).expect("a file");
        if renewal == 0 {
            server.process().signal(Signal::HUP);
            server.process().logged("the settings were reloaded").await;
        } else {
            server.cli(&["config", "reload"]).await.ok();
        }
        let late = Secure::new(server.address(), &trusted);
        late.connect().await.expect("the renewed certificate");
        for _ in 0..20 {
            within("talk to go on", heard_one.recv()).await;
        }
    }
    let ended = ears.iter().filter(|ear| ear.is_finished()).count();
    assert_eq!(ended, 0, "of {CROWD} connections");
    assert!(mouths.iter().all(|mouth| !mouth.is_finished()));

    // Stopped under way: everybody is told, and what was acknowledged is there.
    server.sigterm();
    let mut acknowledged = Vec::new();
    for mouth in mouths {
        acknowledged.extend(
            within("a speaker's end", mouth)
                .await
                .expect("it went well"),
        );
    }
    let mut crowd = Vec::with_capacity(CROWD);
    for ear in ears {
        let (heard, code) = within("a listener's end", ear).await.expect("it went well");
        assert_eq!(code, Some(4001));
        crowd.push(heard);
    }
    assert!(server.exit().await.success());
    assert!(acknowledged.len() > SPEAKERS);

    // All are back, and each has everything, once.
    server.boot().await;
    let client = Secure::new(server.address(), &trusted);
    let sockets = connect(&client, &token).await;
    for (heard, mut ws) in crowd.iter_mut().zip(sockets) {
        let resumed = ws.subscribe(&rooms[heard.room], Some(heard.last)).await;
        assert!(resumed.recovered);
        resumed.events.iter().for_each(|event| heard.take(event));
        assert_eq!(heard.last, resumed.head);
    }
    for heard in &crowd {
        let here = acknowledged.iter().filter(|(room, ..)| *room == heard.room);
        for (room, seq, body) in here {
            assert_eq!(heard.texts.get(seq), Some(body), "room {room}, {seq}");
        }
    }
}
