//! The rows about rooms: by what one is there, in public rooms and in private ones, and from outside.

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{
    Asker, Permissions, askers, is_allowed,
    table::{OWN, READ, ROLES, ROOM, Right, Row, SEND},
};
use crate::support::{Kind, Room, Server, User};

/// The permissions that have to do with rooms.
const ABOUT_ROOMS: [&str; 11] = [
    "message.delete.any",
    "message.edit",
    "message.mention.room",
    "message.pin",
    "message.react",
    "message.read",
    "message.report",
    "message.send",
    "room.edit",
    "room.manage",
    "room.own",
];

/// A room that somebody asks about, and what they are there.
struct Place {
    room: Room,
    seq: u64,
    public: bool,
    /// As an index of [`ROLES`]; none outside.
    role: Option<usize>,
}

impl Place {
    /// What the table says, of somebody with these permissions.
    fn may(&self, has: &Permissions, right: Right) -> bool {
        if self.public && right.anywhere.is_some_and(|p| has.contains(p)) {
            return true;
        }
        has.contains(right.needs) && self.role.is_some_and(|role| role >= right.lowest)
    }
}

struct House<'a> {
    server: &'a Server,
    ana: User,
    victim: User,
}

impl House<'_> {
    /// A room of ana's where somebody has this role.
    async fn place(&self, asker: &User, public: bool, role: Option<usize>) -> Place {
        let admin = self.server.admin();
        let kind = if public { Kind::Public } else { Kind::Private };
        let words = role.map_or("outside", |role| ROLES[role]);
        let name = format!("{words}-{}", &asker.id[24..]);
        let name = if public { name } else { "closed".to_owned() };
        let room = self.ana.room(&name, kind).await;
        let settled = json!({"title": "Hall", "topic": "all"});
        admin.patch(&room.path(""), settled).await;
        let seq = self.ana.send(&room, "rude").await["seq"].as_u64();
        admin.add(&room, &self.victim, "viewer").await;
        if let Some(role) = role {
            admin.add(&room, asker, ROLES[role.min(2)]).await;
            if ROLES[role] == "owner" {
                let to = json!({"user": asker.id});
                admin.post(&room.path("/transfer"), to).await;
            }
        }
        Place {
            room,
            seq: seq.expect("a seq"),
            public,
            role,
        }
    }

    async fn ask(&self, asker: &Asker, place: &Place, row: &Row) {
        let seq = place.seq.to_string();
        let words = [("ROOM", place.room.id.as_str()), ("SEQ", &seq)];
        let (path, body) = row.filled(&words);
        let reply = asker.user.request(row.method, &path, body).await;
        let may = row.rights.iter().all(|r| place.may(&asker.has, *r));
        let role = place.role.map_or("outside", |role| ROLES[role]);
        assert_eq!(
            is_allowed(&reply),
            may,
            "{} as {role}, public {}: {} {path}: {reply:#?}",
            asker.user.name,
            place.public,
            row.method
        );
        // What a stranger is told of a private room is that there is none.
        if place.role.is_none() && !place.public {
            reply.refused(404, "not_found");
        } else if may && path.ends_with("/members/victim") {
            let admin = self.server.admin();
            admin.add(&place.room, &self.victim, "viewer").await;
        }
    }

    async fn ask_ws(&self, asker: &Asker, place: &Place) {
        let mut ws = asker.user.connect().await;
        for (op, right) in [("subscribe", READ), ("send", SEND)] {
            let ask = json!({"op": op, "room": place.room.id, "body": "hi"});
            let answer = ws.request(ask).await;
            let may = place.may(&asker.has, right);
            assert_eq!(answer.is_ok(), may, "{} {op}: {answer:?}", asker.user.name);
            if let Err(err) = answer {
                let hidden = place.role.is_none() && !place.public;
                let code = if hidden { "not_found" } else { "forbidden" };
                assert_eq!(err.code, code, "{} {op}: {err:?}", asker.user.name);
            }
        }
    }
}

#[tokio::test]
async fn what_one_is_in_a_room_is_what_one_may_do_there() {
    let server = Server::start().await;
    let askers = askers(&server, &ABOUT_ROOMS.map(str::to_owned)).await;
    let house = House {
        server: &server,
        ana: server.user("ana").await,
        victim: server.user("victim").await,
    };
    server.user("absent").await;
    server.user("outcast").await;
    let ban = json!({"reason": "for the table"});
    server.admin().put("/v1/users/outcast/ban", ban).await;
    let house = &house;
    let ask = |asker: Asker| async move {
        for public in [true, false] {
            for role in [None, Some(0), Some(1), Some(2), Some(3)] {
                let place = house.place(&asker.user, public, role).await;
                house.ask_ws(&asker, &place).await;
                // The last row deletes the room.
                for row in ROOM {
                    house.ask(&asker, &place, row).await;
                }
                let there = house.ana.get(&place.room.path("")).await;
                let deleted = place.may(&asker.has, OWN);
                assert_eq!(there.status == 404, deleted, "{there:#?}");
            }
        }
    };
    stream::iter(askers.into_iter().map(ask))
        .buffer_unordered(8)
        .collect::<()>()
        .await;
    assert_eq!(ROOM.last().map(|row| row.method), Some("DELETE"));
}
