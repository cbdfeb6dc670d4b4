//! Who may do what, from one table: every permission, every built-in role, a role with just that permission and
//! one with all but that; on REST, on the WebSocket, and on the admin socket, where everything is allowed.
//!
//! A row is a request and the rights that it needs. What is expected is worked out here, in another way than
//! the server does it. Requests that would change something are rehearsed (`dry_run`), or aim at what is not
//! there, so that the rows do not depend on each other.

mod rooms;
mod table;

use std::collections::BTreeSet;

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use self::table::{EXCEPTIONS, ROOM, Row, SERVER, UNUSED};
use crate::support::{Admin, Kind, Reply, Room, Server, User};

type Permissions = BTreeSet<String>;

/// Somebody who asks, and what their role includes.
struct Asker {
    user: User,
    has: Permissions,
}

/// Every permission there is, by the server's own list.
async fn catalogue(admin: &Admin) -> Vec<String> {
    let list = admin.request("GET", "/v1/permissions", Value::Null).await;
    let list = list.ok();
    let names = list["items"].as_array().expect("items").iter();
    names
        .map(|p| p["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// One person for each built-in role, and for each of `permissions` one who has nothing else, and one who has
/// everything else.
async fn askers(server: &Server, permissions: &[String]) -> Vec<Asker> {
    let admin = server.admin();
    let all: Permissions = catalogue(&admin).await.into_iter().collect();
    let mut roles: Vec<(String, Permissions)> = Vec::new();
    let list = admin.request("GET", "/v1/roles", Value::Null).await.ok();
    for role in list["items"].as_array().expect("items") {
        if role["builtin"] == true {
            let name = role["name"].as_str().expect("a name").to_owned();
            let has = serde_json::from_value(role["permissions"].clone());
            roles.push((name, has.expect("a list of names")));
        }
    }
    assert_eq!(roles.len(), 5, "{list:#}");
    for permission in permissions {
        let short = permission.replace('.', "-");
        let only = Permissions::from([permission.clone()]);
        let mut but = all.clone();
        but.remove(permission);
        for (name, has) in [
            (format!("only-{short}"), only),
            (format!("no-{short}"), but),
        ] {
            let list: Vec<&str> = has.iter().map(String::as_str).collect();
            admin.new_role(&name, &list).await;
            roles.push((name, has));
        }
    }
    let make = |(role, has): (String, Permissions)| async move {
        let user = server.person(&format!("u-{role}"), &role).await;
        Asker { user, has }
    };
    stream::iter(roles.into_iter().map(make))
        .buffered(4)
        .collect()
        .await
}

/// Whether the answer says that one may: what else is wrong with the request is another matter.
fn is_allowed(reply: &Reply) -> bool {
    let hidden = ["there is no such room", "there is no such report"];
    let detail = reply.body["detail"].as_str().unwrap_or_default();
    match reply.status {
        403 => false,
        404 => !hidden.contains(&detail),
        200..=299 | 400 | 409 => true,
        _ => panic!("neither yes nor no: {reply:#?}"),
    }
}

/// What the rows of the table speak of.
async fn scenery(server: &Server) -> (User, Room, Room, String, String) {
    let admin = server.admin();
    admin.new_role("nobody", &[]).await;
    admin.new_role("spare", &[]).await;
    let ana = server.user("ana").await;
    server.person("nemo", "nobody").await;
    server.bot("robot", "nobody").await;
    let open = ana.room("open", Kind::Public).await;
    let closed = ana.room("closed", Kind::Private).await;
    let seq = ana.send(&closed, "rude").await["seq"].clone();
    let report = closed.path(&format!("/messages/{seq}/report"));
    let report = ana
        .post(&report, json!({"reason": "see for yourself"}))
        .await;
    let report = report.ok()["id"].as_str().expect("an id").to_owned();
    let invites = closed.path("/invites");
    let code = admin.post(&invites, json!({"uses": 1000})).await;
    let code = code["code"].as_str().expect("a code").to_owned();
    (ana, open, closed, report, code)
}

#[tokio::test]
async fn what_a_role_includes_is_what_one_may_do_on_the_server() {
    let server = Server::start().await;
    let admin = server.admin();
    let (_ana, _open, _closed, report, code) = scenery(&server).await;
    let all = catalogue(&admin).await;
    let askers = askers(&server, &all).await;
    let (report, code) = (&report, &code);
    let ask = |asker: Asker| async move {
        for row in SERVER {
            let (path, body) = row.filled(&[("REPORT", report), ("CODE", code)]);
            let reply = asker.user.request(row.method, &path, body).await;
            let may = row.needs.iter().all(|need| asker.has.contains(*need));
            assert_eq!(
                is_allowed(&reply),
                may,
                "{} {} {path}: {reply:#?}",
                asker.user.name,
                row.method
            );
        }
        // The other door, for what it can do of these.
        let mut ws = asker.user.connect().await;
        let join = ws.request(json!({"op": "join", "room": "open"})).await;
        assert_eq!(join.is_ok(), asker.has.contains("room.join"), "{join:?}");
    };
    stream::iter(askers.into_iter().map(ask))
        .buffer_unordered(8)
        .collect::<()>()
        .await;
    // Operators may everything.
    for row in SERVER.iter().chain(ROOM).filter(|row| row.operators) {
        let fill = [
            ("REPORT", report.as_str()),
            ("CODE", code),
            ("ROOM", "open"),
        ];
        let fill = [&fill[..], &[("SEQ", "1"), ("OWNER", "ana")]].concat();
        let (path, body) = row.filled(&fill);
        let reply = admin.request(row.method, &path, body).await;
        assert!(is_allowed(&reply), "{} {path}: {reply:#?}", row.method);
    }
}

/// Whether a path is of this template.
fn is_of(path: &str, template: &str) -> bool {
    let path = path.split('?').next().expect("a part");
    let (path, template): (Vec<_>, Vec<_>) =
        (path.split('/').collect(), template.split('/').collect());
    let same = |(a, b): (&&str, &&str)| b.starts_with('{') || a == b;
    path.len() == template.len() && path.iter().zip(&template).all(same)
}

#[tokio::test]
async fn every_route_and_every_permission_is_in_the_table() {
    let server = Server::start().await;
    let document = server.rest().get("/openapi.json").await.ok();
    let rows: Vec<&Row> = SERVER.iter().chain(ROOM).collect();
    let paths = document["paths"].as_object().expect("paths");
    for (template, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase();
            if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
                continue;
            }
            let excepted = EXCEPTIONS
                .iter()
                .any(|(m, path, _)| *m == method && path == template);
            // A template may fit another's path: `/v1/me/sessions/{id}` is no `/v1/users/{user}/…`.
            let tested = rows
                .iter()
                .any(|row| row.method == method && is_of(row.path, template));
            assert!(
                excepted != tested,
                "{method} {template}: a row in tests/permissions/table.rs, or an exception with a reason"
            );
        }
    }
    for (method, path, why) in EXCEPTIONS {
        let there = paths
            .get(*path)
            .is_some_and(|p| p.get(method.to_lowercase()).is_some());
        assert!(there && !why.is_empty(), "{method} {path} is gone");
    }
    let all = catalogue(&server.admin()).await;
    for permission in &all {
        let tested = rows.iter().any(|row| row.names(permission));
        let unused = UNUSED.contains(&permission.as_str());
        assert!(tested != unused, "{permission} needs a row");
    }
}
