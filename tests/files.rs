//! Files: what comes up is what goes down, to those who may have it and nobody else, and it goes with its message.

mod backup;

use std::{fs, os::unix::fs::symlink, process::Command};

use hyper::Request;
use serde_json::{Value, json};

use crate::support::{
    Kind, Raw, Reply, Server, User,
    files::{come_to, noise, on_disk, path, png, send, sha256, upload, upload_with, uploaded},
    history, on_both, random_id, within,
};

on_both!(
    a_file_comes_back_as_it_went_up,
    what_is_no_good_upload_is_refused_and_leaves_nothing,
    a_file_is_what_its_bytes_are,
    a_part_of_a_file_can_be_had,
    what_is_not_there_any_more_is_told,
    who_reads_slowly_takes_no_place_from_others,
    a_file_is_part_of_one_message_of_its_owner,
    a_file_is_for_those_who_may_read_its_message,
    a_ticket_is_for_one_file_and_session,
    what_erases_a_message_takes_its_files,
    what_nobody_uses_is_collected,
    an_upload_that_was_answered_survives_a_power_cut,
);

async fn get_with(user: &User, id: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request =
        Request::get(path(id)).header("authorization", format!("Bearer {}", user.token));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(String::new()).expect("a request");
    user.rest.send(request).await.expect("an answer")
}

async fn a_file_comes_back_as_it_went_up() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let mut ears = bob.listen(&room).await;
    // More than one piece of anything.
    let bytes = [png(640, 480), noise(1_500_000)].concat();
    let sum = sha256(&bytes);
    let query = format!("?name=caf%C3%A9%201.png&sha256={sum}");
    let reply = upload(&ana, &query, &bytes).await;
    assert_eq!(reply.status, 201, "{reply:#?}");
    let file = reply.body;
    let id = file["id"].as_str().expect("an id");
    let expected = json!({
        "id": id, "name": "caf\u{e9} 1.png", "type": "image/png", "size": bytes.len(), "sha256": sum,
        "width": 640, "height": 480, "at": file["at"],
    });
    assert_eq!(file, expected);
    assert_eq!(on_disk(&server), [id]);

    let sent = send(&ana, &room, "look", &[id]).await;
    assert_eq!(sent.status, 201, "{sent:#?}");
    let told = json!([{
        "id": id, "name": "caf\u{e9} 1.png", "type": "image/png", "size": bytes.len(), "width": 640,
        "height": 480,
    }]);
    let event = ears.expect_message("look").await;
    assert_eq!(event["files"], told);
    assert_eq!(history(&bob, &room).await[0]["files"], told);
    let missed = bob.connect().await.subscribe(&room, Some(1)).await;
    let replayed = missed.events.iter().find(|e| e["ev"] == "message");
    assert_eq!(replayed.expect("the message")["files"], told);

    let got = bob.get(&path(id)).await;
    assert_eq!(got.status, 200, "{:#?}", got.headers);
    assert!(got.bytes == bytes, "other bytes");
    for (name, value) in [
        ("content-type", "image/png"),
        ("content-length", bytes.len().to_string().as_str()),
        ("etag", format!("\"{sum}\"").as_str()),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "sandbox; default-src 'none'"),
        ("cache-control", "private, no-cache"),
        ("cross-origin-resource-policy", "cross-origin"),
        (
            "content-disposition",
            "inline; filename=\"caf_ 1.png\"; filename*=UTF-8''caf%C3%A9%201.png",
        ),
    ] {
        assert_eq!(got.header(name), Some(value), "{name}");
    }
    let head = bob.request("HEAD", &path(id), Value::Null).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    let length = bytes.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));

    // A message may be nothing but files, over either door; edited it keeps them.
    let (one, two) = (
        uploaded(&bob, "a.txt", b"one").await,
        uploaded(&bob, "b.txt", b"two").await,
    );
    let message = json!({"op": "send", "room": room.id, "files": [one, two], "txn": "t1"});
    let done = ears.request(message.clone()).await.expect("it is sent");
    let again = ears.request(message).await.expect("it was sent");
    assert_eq!((&again["seq"], &again["dup"]), (&done["seq"], &json!(true)));
    let other = json!({"op": "send", "room": room.id, "files": [two, one], "txn": "t1"});
    let refused = ears.request(other).await.expect_err("another message");
    assert_eq!(refused.code, "txn_reused");
    let one_message = room.message(&done["seq"]);
    let message = ana.get(&one_message).await.ok();
    assert_eq!(message["body"], "");
    assert_eq!(message["files"][1]["name"], "b.txt");
    bob.request("PATCH", &one_message, json!({"body": "two texts"}))
        .await
        .ok();
    let message = ana.get(&one_message).await.ok();
    assert_eq!(
        (&message["body"], &message["files"][0]["id"]),
        (&json!("two texts"), &json!(one))
    );
    assert_eq!(ana.get(&path(&two)).await.text, "two");
}

async fn what_is_not_there_any_more_is_told() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let id = uploaded(&ana, "a.txt", b"one").await;
    let on_shelf = server.data_dir().join("files").join(&id[34..]).join(&id);
    let elsewhere = server.data_dir().join("other");
    fs::rename(&on_shelf, &elsewhere).expect("it is there");
    let places: [&dyn Fn(); 3] = [
        &|| {},
        // Neither is the file, and the second would never begin.
        &|| symlink(&elsewhere, &on_shelf).expect("a link"),
        &|| {
            fs::remove_file(&on_shelf).expect("it is there");
            let made = Command::new("mkfifo").arg(&on_shelf).status();
            assert!(made.expect("mkfifo").success());
        },
    ];
    for put in places {
        put();
        for method in ["GET", "HEAD"] {
            let got = within("an answer", ana.request(method, &path(&id), Value::Null)).await;
            assert_eq!(got.status, 404, "{method}: {got:#?}");
        }
    }
    fs::remove_file(&on_shelf).expect("it is there");
    fs::rename(&elsewhere, &on_shelf).expect("it is there");
    assert_eq!(ana.get(&path(&id)).await.status, 200);
}

/// Readers that take nothing have a number each, and give their places back; a file that is deleted while it is read is
/// not read to its end.
async fn who_reads_slowly_takes_no_place_from_others() {
    const EACH: usize = 32;
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    // More than the sockets hold.
    let bytes = noise(24 << 20);
    let id = uploaded(&ana, "large", &bytes).await;
    send(&ana, &room, "", &[&id]).await.ok();
    let mut slow = Vec::new();
    for _ in 0..EACH {
        let mut raw = Raw::connect(server.address()).await;
        let ask = format!(
            "GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            path(&id),
            ana.token
        );
        assert!(raw.write(ask.as_bytes()).await);
        assert!(raw.answer().await.starts_with("HTTP/1.1 200 "));
        slow.push(raw);
    }
    ana.get(&path(&id)).await.refused(429, "rate_limited");
    assert!(bob.get(&path(&id)).await.bytes == bytes, "others read on");
    let mut last = slow.pop().expect("a reader");
    drop(slow);
    assert!(ana.get(&path(&id)).await.bytes == bytes, "and so does she");
    let delete = ["file", "delete", &id, "--yes"];
    server.cli(&delete).await.ok();
    assert!(last.rest().await.len() < bytes.len(), "it is deleted");
}

async fn what_is_no_good_upload_is_refused_and_leaves_nothing() {
    let server = Server::builder()
        .set("files.max_size", "100 KiB")
        .set("files.per_user", "150 KiB")
        .start()
        .await;
    let ana = server.user("ana").await;
    upload(&ana, "", b"").await.refused_field("body");
    let sum = sha256(b"other");
    let wrong = format!("?sha256={sum}");
    upload(&ana, &wrong, b"bytes").await.refused_field("sha256");
    upload(&ana, "?sha256=abc", b"bytes")
        .await
        .refused_field("sha256");
    let packed = [("content-encoding", "gzip")];
    let refused = upload_with(&ana, "", b"bytes", &packed).await;
    assert_eq!(refused.status, 415);
    upload(&ana, "", &noise(102_401))
        .await
        .refused(413, "too_large");
    // What says that it is as large is refused before it comes.
    let head = |more: &str| {
        format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{more}\r\n\r\n",
            ana.token
        )
    };
    let mut raw = Raw::connect(server.address()).await;
    let announced = head("Content-Length: 99999999999");
    assert!(raw.write(announced.as_bytes()).await);
    assert!(raw.answer().await.starts_with("HTTP/1.1 413 "));
    // What says nothing of its size is counted as it comes.
    let mut raw = Raw::connect(server.address()).await;
    let chunk = [b"10000\r\n".as_slice(), &noise(0x10000), b"\r\n"].concat();
    let chunks = [
        head("Transfer-Encoding: chunked").into_bytes(),
        chunk.clone(),
        chunk,
    ]
    .concat();
    assert!(raw.write(&chunks).await);
    assert!(raw.answer().await.starts_with("HTTP/1.1 413 "));
    // What breaks off is nothing, whether in the middle or after all that is said to come.
    for more in ["Content-Length: 50000", "Transfer-Encoding: chunked"] {
        let mut raw = Raw::connect(server.address()).await;
        let begun = [head(more).as_bytes(), b"100\r\n", &noise(200)].concat();
        assert!(raw.write(&begun).await);
    }
    // Nobody without a token, and none who may not.
    let nobody = server.rest().post("/v1/files", Value::Null).await;
    nobody.refused(401, "unauthorized");
    server.admin().give("ana", "guest").await;
    upload(&ana, "", b"bytes").await.refused(403, "forbidden");
    server.admin().give("ana", "member").await;
    come_to(&server, &[]).await;

    // What one has in all is limited, too, and what is taken back counts no more.
    let first = uploaded(&ana, "a", &noise(102_400)).await;
    upload(&ana, "", &noise(60_000))
        .await
        .refused(413, "too_large");
    let second = uploaded(&ana, "b", &noise(50_000)).await;
    upload(&ana, "", &noise(10_000))
        .await
        .refused(413, "too_large");
    ana.delete(&path(&first)).await.ok();
    ana.get(&path(&first)).await.refused(404, "not_found");
    ana.delete(&path(&first)).await.refused(404, "not_found");
    let third = uploaded(&ana, "c", &noise(10_000)).await;
    assert!(on_disk(&server).contains(&second) && on_disk(&server).contains(&third));
}

async fn a_file_is_what_its_bytes_are() {
    let server = Server::builder()
        .set("files.types", "[\"image/*\", \"text/plain\"]")
        .start()
        .await;
    let ana = server.user("ana").await;
    let page = b"<html><script>alert(1)</script></html>";
    let liar = [("content-type", "image/png")];
    let reply = upload_with(&ana, "?name=cute.png", page, &liar).await;
    assert_eq!(
        (reply.status, &reply.body["type"]),
        (201, &json!("text/plain"))
    );
    let id = reply.body["id"].as_str().expect("an id");
    let got = ana.get(&path(id)).await;
    assert_eq!(got.header("content-type"), Some("text/plain"));
    let disposition = got.header("content-disposition").expect("one");
    assert!(disposition.starts_with("attachment; "), "{disposition}");
    let drawing = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
    let reply = upload(&ana, "?name=a.svg", drawing).await;
    assert_eq!(reply.body["type"], "text/plain");
    upload(&ana, "?name=a.png", b"%PDF-1.7\n")
        .await
        .refused_field("body");
    upload(&ana, "?name=a.png", b"\x89PNG\r\n\x1a\n")
        .await
        .refused_field("body");
    // An image that would be huge costs its head, and is not passed on.
    upload(&ana, "?name=bomb.png", &png(60_000, 60_000))
        .await
        .refused_field("body");
    for (typed, name) in [
        ("..%2F..%2Fetc%2Fpasswd", "passwd"),
        ("..%5C..%5Cboot.ini", "boot.ini"),
        ("%2E%2E", "file"),
        ("a%00b.txt", "ab.txt"),
        ("photo%E2%80%AEgpj.exe", "photogpj.exe"),
        ("a%22%0D%0ASet-Cookie:%20x=1.txt", "a\"Set-Cookie: x=1.txt"),
        ("", "file"),
    ] {
        let reply = upload(&ana, &format!("?name={typed}"), b"text").await;
        assert_eq!(reply.body["name"], name, "{typed}: {reply:#?}");
        let id = reply.body["id"].as_str().expect("an id");
        let got = ana.get(&path(id)).await;
        assert_eq!((got.status, got.header("set-cookie")), (200, None));
    }
    assert!(!server.data_dir().join("passwd").exists());
    let strange = ana.get("/v1/files/..%2F..%2Fchatd.db").await;
    strange.refused(404, "not_found");
}

async fn a_part_of_a_file_can_be_had() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let bytes = noise(300_000);
    let id = uploaded(&ana, "noise", &bytes).await;
    for (range, from, upto) in [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-200999", 1000, 201_000),
        ("bytes=299990-", 299_990, 300_000),
        ("bytes=-5", 299_995, 300_000),
        ("bytes=5-9999999", 5, 300_000),
    ] {
        let part = get_with(&ana, &id, &[("range", range)]).await;
        assert_eq!(part.status, 206, "{range}");
        assert!(part.bytes == bytes[from..upto], "{range}");
        let said = format!("bytes {from}-{}/300000", upto - 1);
        assert_eq!(part.header("content-range"), Some(said.as_str()));
    }
    let behind = get_with(&ana, &id, &[("range", "bytes=300000-")]).await;
    assert_eq!(behind.header("content-range"), Some("bytes */300000"));
    assert_eq!(behind.status, 416);
    let tag = format!("\"{}\"", sha256(&bytes));
    let known = get_with(&ana, &id, &[("if-none-match", &tag)]).await;
    assert_eq!((known.status, known.bytes.len()), (304, 0));
    let headers = [("range", "bytes=0-0"), ("if-range", "\"older\"")];
    let whole = get_with(&ana, &id, &headers).await;
    assert_eq!((whole.status, whole.bytes.len()), (200, 300_000));
}

async fn a_file_is_part_of_one_message_of_its_owner() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let id = uploaded(&ana, "a.txt", b"hers").await;
    bob.get(&path(&id)).await.refused(404, "not_found");
    bob.delete(&path(&id)).await.refused(404, "not_found");
    send(&bob, &room, "mine", &[&id])
        .await
        .refused_field("files");
    let none = random_id();
    send(&ana, &room, "", &[&none]).await.refused_field("files");
    send(&ana, &room, "", &[&id, &id])
        .await
        .refused_field("files");
    send(&ana, &room, "", &[]).await.refused_field("body");
    let many: Vec<_> = (0..11).map(|_| random_id()).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    send(&ana, &room, "", &many).await.refused_field("files");
    // Of two messages at once one gets it.
    let it = [id.as_str()];
    let (one, other) = tokio::join!(
        send(&ana, &room, "one", &it),
        send(&ana, &room, "other", &it)
    );
    let mut both = [one.status, other.status];
    both.sort_unstable();
    assert!(both[0] == 201 && matches!(both[1], 400 | 409), "{both:?}");
    assert_eq!(history(&bob, &room).await.len(), 1);
    send(&ana, &room, "again", &[&id])
        .await
        .refused_field("files");
    ana.delete(&path(&id)).await.refused(409, "conflict");
    // Who may not upload any more sends none of what is there.
    let id = uploaded(&ana, "b.txt", b"hers").await;
    server
        .admin()
        .new_role("talker", &["message.read", "message.send"])
        .await;
    server.admin().give("ana", "talker").await;
    send(&ana, &room, "", &[&id])
        .await
        .refused(403, "forbidden");
    send(&ana, &room, "plain", &[]).await.ok();
}

async fn a_file_is_for_those_who_may_read_its_message() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let eve = server.user("eve").await;
    let room = ana.room("den", Kind::Private).await;
    ana.add(&room, &bob, "member").await;
    let id = uploaded(&ana, "plan.txt", b"the plan").await;
    let sent = send(&ana, &room, "", &[&id]).await.ok();
    assert_eq!(bob.get(&path(&id)).await.text, "the plan");
    eve.get(&path(&id)).await.refused(404, "not_found");
    eve.post(&format!("{}/ticket", path(&id)), Value::Null)
        .await
        .refused(404, "not_found");
    ana.remove(&room, &bob).await;
    bob.get(&path(&id)).await.refused(404, "not_found");
    // In a room that shows its past from joining on, not what lies before.
    let since = json!({"history": "since_join"});
    ana.request("PATCH", &room.path(""), since).await.ok();
    ana.add(&room, &bob, "member").await;
    bob.get(&path(&id)).await.refused(404, "not_found");
    assert_eq!(ana.get(&path(&id)).await.text, "the plan");
    // Deleted it is gone at once, for its owner as well, and in the event that is told again.
    ana.delete(&room.message(&sent["seq"])).await.ok();
    ana.get(&path(&id)).await.refused(404, "not_found");
    let message = &history(&ana, &room).await[0];
    assert_eq!(
        (&message["deleted"], &message["files"]),
        (&json!(true), &Value::Null)
    );
    // What moderators take back and give back is there again.
    let id = uploaded(&ana, "plan.txt", b"the plan").await;
    send(&ana, &room, "", &[&id]).await.ok();
    let taken = json!({"user": ana.id, "since": "1h", "rooms": [room.id], "reason": "spam"});
    let taken = server.admin().post("/v1/redactions", taken).await;
    ana.get(&path(&id)).await.refused(404, "not_found");
    let undo = format!(
        "/v1/redactions/{}/restore",
        taken["id"].as_str().expect("an id")
    );
    server.admin().post(&undo, json!({})).await;
    assert_eq!(ana.get(&path(&id)).await.text, "the plan");
    ana.delete(&room.path("")).await.ok();
    ana.get(&path(&id)).await.refused(404, "not_found");
}

async fn a_ticket_is_for_one_file_and_session() {
    let mut server = Server::builder().set("log.level", "trace").start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("den", Kind::Private).await;
    ana.add(&room, &bob, "member").await;
    let (id, other) = (
        uploaded(&ana, "a.png", &png(1, 1)).await,
        uploaded(&ana, "b.txt", b"other").await,
    );
    send(&ana, &room, "", &[&id]).await.ok();
    let ask = async |user: &User| {
        let path = format!("{}/ticket", path(&id));
        let ticket = user.post(&path, Value::Null).await.ok();
        let minutes = ticket["expires_at"].as_i64().expect("a time") / 60_000;
        assert!(minutes > 0);
        ticket["url"].as_str().expect("a URL").to_owned()
    };
    let rest = server.rest();
    let url = ask(&bob).await;
    assert!(rest.get(&url).await.bytes == png(1, 1));
    let (_, ticket) = url.split_once('=').expect("a query");
    let elsewhere = format!("{}?ticket={ticket}", path(&other));
    rest.get(&elsewhere).await.refused(401, "unauthorized");
    let changed = format!("{}A{}", &url[..url.len() - 2], &url[url.len() - 1..]);
    if changed != url {
        rest.get(&changed).await.refused(401, "unauthorized");
    }
    rest.get(&path(&id)).await.refused(401, "unauthorized");
    // It is no way round what its holder may.
    ana.remove(&room, &bob).await;
    rest.get(&url).await.refused(404, "not_found");
    ana.add(&room, &bob, "member").await;
    assert_eq!(rest.get(&url).await.status, 200);
    let phone = bob.again().await;
    let url_of_phone = ask(&phone).await;
    phone.post("/v1/logout", Value::Null).await.ok();
    rest.get(&url_of_phone).await.refused(401, "unauthorized");
    assert_eq!(rest.get(&url).await.status, 200);
    server.admin().set_status("bob", "disabled").await;
    let refused = rest.get(&url).await;
    assert!(matches!(refused.status, 401 | 403), "{refused:#?}");
    let log = server.process().log();
    assert!(log.contains("/v1/files/{id}"), "no line for a request");
    assert!(!log.contains(ticket), "a ticket is in the log");
    server.stop().await;
}

async fn what_erases_a_message_takes_its_files() {
    let server = Server::builder()
        .set("messages.erase_within", "0s")
        .start()
        .await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let gone = uploaded(&ana, "a.txt", b"gone").await;
    let kept = uploaded(&bob, "b.txt", b"kept").await;
    let sent = send(&ana, &room, "", &[&gone]).await.ok();
    send(&bob, &room, "", &[&kept]).await.ok();
    ana.delete(&room.message(&sent["seq"])).await.ok();
    come_to(&server, &[&kept]).await;
    // A person who is forgotten with all they said; what they uploaded and never sent goes as well.
    let (said, unused) = (
        uploaded(&ana, "c.txt", b"said").await,
        uploaded(&ana, "d.txt", b"unused").await,
    );
    send(&ana, &room, "", &[&said]).await.ok();
    let mut all = [kept.as_str(), said.as_str(), unused.as_str()];
    all.sort_unstable();
    assert_eq!(on_disk(&server), all);
    let erased = ["user", "erase", "ana", "--messages", "delete", "--yes"];
    server.cli(&erased).await.ok();
    come_to(&server, &[&kept]).await;
    assert_eq!(bob.get(&path(&kept)).await.text, "kept");
}

async fn what_nobody_uses_is_collected() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let (used, unused) = (
        uploaded(&ana, "a.txt", b"used").await,
        uploaded(&ana, "b.txt", b"unused").await,
    );
    let held = server.user("held").await;
    let evidence = uploaded(&held, "c.txt", b"held").await;
    server
        .cli(&["hold", "add", "--user", "held", "--reason", "case 7"])
        .await
        .ok();
    send(&ana, &room, "", &[&used]).await.ok();
    server.stop().await;
    // What a process left that ended between bytes and record: old enough, and too young.
    let orphan = "00000000-0000-7000-8000-000000000001".to_owned();
    let young = random_id();
    for id in [&orphan, &young] {
        let part = server.data_dir().join("files").join(&id[34..]);
        std::fs::create_dir_all(&part).expect("a directory");
        std::fs::write(part.join(id), b"left").expect("a file");
    }
    let half = server.data_dir().join("files/tmp").join(random_id());
    std::fs::write(half, b"half").expect("a file");
    server.set("files.unused", "1s");
    server.boot().await;
    come_to(&server, &[&used, &evidence, &young]).await;
    ana.get(&path(&unused)).await.refused(404, "not_found");
    assert_eq!(ana.get(&path(&used)).await.text, "used");

    // Another store takes none of it for nobody's.
    server.stop().await;
    let mark = server.data_dir().join("files/store");
    std::fs::write(mark, "another").expect("a file");
    let part = server.data_dir().join("files").join(&orphan[34..]);
    std::fs::write(part.join(&orphan), b"left").expect("a file");
    server.boot().await;
    let more = uploaded(&ana, "e.txt", b"more").await;
    come_to(&server, &[&used, &evidence, &young, &orphan]).await;
    ana.get(&path(&more)).await.refused(404, "not_found");
}

async fn an_upload_that_was_answered_survives_a_power_cut() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let bytes = noise(700_000);
    let id = uploaded(&ana, "noise", &bytes).await;
    // And one that was not.
    let mut raw = Raw::connect(server.address()).await;
    let begun = format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 900000\r\n\r\n",
        ana.token
    );
    let begun = [begun.as_bytes(), &bytes].concat();
    assert!(raw.write(&begun).await);
    server.kill9().await;
    server.boot().await;
    assert_eq!(on_disk(&server), [id.as_str()]);
    assert!(ana.get(&path(&id)).await.bytes == bytes, "other bytes");
    send(&ana, &room, "", &[&id]).await.ok();
}
