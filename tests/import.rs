//! People come over from another system: `chatd user import`, all of a file or nothing of it, as often as one
//! likes; and `chatd user reset`.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::support::{Output, PASSWORD, Server, User, on_both};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const CONFLICT: i32 = 4;
const UNCONFIRMED: i32 = 8;

/// What the passwords below are hashes of.
const ELSEWHERE: &str = "correct horse battery staple";

/// Made by libxcrypt (bcrypt) and the reference implementation (Argon2).
const HASHES: &[(&str, &str)] = &[
    (
        "two-a",
        "$2a$04$rRWU7DUPhsNRJiGvrff6QeSLzXOCKf1UIsL1rq82Bq95Bp7ZeAgo.",
    ),
    (
        "two-b",
        "$2b$05$7RQeBh2aBr6YjH9ofDhA.u05P10oMeOYOxMTP3vmwJ3up0mUZddNG",
    ),
    (
        "two-y",
        "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
    ),
    (
        "argon2id",
        "$argon2id$v=19$m=8192,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw",
    ),
    (
        "argon2i",
        "$argon2i$v=19$m=4096,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$1BigscR9jWuCX54QFRbXnjiPLDdLidm0khhZgIpMWfU",
    ),
];

on_both!(
    people_come_over_with_passwords_or_codes,
    passwords_from_elsewhere_open_the_door_and_are_made_anew,
    a_second_time_changes_nothing,
    what_differs_is_a_conflict_or_an_update,
    what_is_wrong_is_told_whole_and_nothing_is_done,
    a_dry_run_writes_nothing,
    ten_thousand_come_in_one_go,
    the_last_admin_stays,
    a_reset_gives_a_code_that_works_once,
);

/// Writes a file into the server's directory, and tells its path.
fn file(server: &Server, text: &str) -> String {
    let path = server.data_dir().with_file_name("people.csv");
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}

/// `chatd user import` of a file with this text.
async fn import(server: &Server, text: &str, args: &[&str]) -> Output {
    let path = file(server, text);
    let args = [&["user", "import", &path][..], args].concat();
    server.cli(&args).await
}

fn tally(report: &Value) -> [&Value; 4] {
    ["created", "updated", "unchanged", "conflicts"].map(|field| &report[field])
}

fn account<'a>(report: &'a Value, name: &str) -> &'a Value {
    let accounts = report["accounts"].as_array().expect("accounts");
    accounts
        .iter()
        .find(|a| a["name"] == name)
        .expect("it was in the file")
}

async fn show(server: &Server, name: &str) -> Value {
    server.cli(&["user", "show", name, "--json"]).await.json()
}

/// How many acts there are.
async fn acts(server: &Server) -> Value {
    server.cli(&["audit", "verify", "--json"]).await.json()["checked"].clone()
}

async fn claim(server: &Server, code: &Value, password: &str) -> u16 {
    let claim = json!({"code": code, "password": password});
    server.rest().post("/v1/claim", claim).await.status
}

async fn people_come_over_with_passwords_or_codes() {
    let mut server = Server::builder().prepare();
    let text = format!(
        "\u{feff}name,display_name,email,role,password_hash,status\r\n\
         ana,\"Ana \"\"A\"\", née Ö\",ana@example.org,admin,{},\r\n\
         bob,,Bob@Example.org,,,active\r\n\
         carl,,,moderator,,disabled\r\n",
        HASHES[1].1
    );
    // Before the first start, then with the server up.
    let report = import(&server, &text, &["--json"]).await.json();
    assert_eq!(tally(&report), [&json!(3), &json!(0), &json!(0), &json!(0)]);
    let code = account(&report, "bob")["code"].clone();
    assert!(code.is_string(), "{report:#}");
    for without in ["ana", "carl"] {
        assert_eq!(
            account(&report, without)["code"],
            Value::Null,
            "{without}: {report:#}"
        );
    }
    server.boot().await;
    let ana = show(&server, "ana").await;
    assert_eq!(
        [
            &ana["display_name"],
            &ana["email"],
            &ana["role"],
            &ana["status"]
        ],
        ["Ana \"A\", née Ö", "ana@example.org", "admin", "active"]
    );
    assert_eq!(show(&server, "bob").await["status"], "invited");
    assert_eq!(show(&server, "carl").await["status"], "disabled");
    // An operator's word makes an address a way to log in.
    let login = json!({"login": "ana@example.org", "password": ELSEWHERE});
    server.rest().post("/v1/login", login).await.ok();

    assert_eq!(claim(&server, &code, PASSWORD).await, 200);
    assert_eq!(
        claim(&server, &code, PASSWORD).await,
        403,
        "a code is good once"
    );
    User::login(server.rest(), "bob", PASSWORD).await;

    let codes = server.data_dir().join("codes.csv");
    let path = codes.to_str().expect("text");
    let two = "name\ndora\neve\n";
    let shown = import(&server, two, &["--codes", path]).await;
    let text = std::fs::read_to_string(&codes).expect("it was written");
    let file = std::fs::metadata(&codes)
        .expect("a file")
        .permissions()
        .mode();
    assert_eq!(file & 0o777, 0o600);
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(',').collect()).collect();
    assert_eq!(lines[0], ["name", "code", "good_until"]);
    assert_eq!([lines[1][0], lines[2][0]], ["dora", "eve"]);
    assert!(
        !shown.ok().contains(lines[1][1]),
        "a secret is written once: {shown}"
    );
    assert_eq!(claim(&server, &json!(lines[1][1]), PASSWORD).await, 200);
    // Earlier codes may be nowhere else.
    let again = import(&server, "name\nfay\n", &["--codes", path]).await;
    again.failed(UNCONFIRMED);
    assert_eq!(std::fs::read_to_string(&codes).expect("a file"), text);
    server.cli(&["user", "show", "fay"]).await.failed(3);

    let table = import(&server, "name\nfay\ngus\n", &[]).await;
    let line = table
        .ok()
        .lines()
        .find(|line| line.starts_with("fay"))
        .expect("a row");
    let code = line.split_whitespace().nth(1).expect("a code");
    assert_eq!(claim(&server, &json!(code), PASSWORD).await, 200);

    // Each account is an act, and so is each run, which they name.
    let list = ["audit", "list", "--reverse", "--json", "--act"];
    let runs = server
        .cli(&[&list[..], &["user.import"]].concat())
        .await
        .json();
    let run = &runs["items"][0];
    assert_eq!(
        (&run["detail"]["accounts"], &run["detail"]["create"]),
        (&json!(3), &json!(3))
    );
    let made = server
        .cli(&[&list[..], &["user.create"]].concat())
        .await
        .json();
    let of_run = made["items"].as_array().expect("items").iter();
    let of_run: Vec<_> = of_run
        .filter(|act| act["detail"]["run"] == run["seq"])
        .collect();
    assert_eq!(of_run.len(), 3, "{made:#}");
    assert!(
        of_run.iter().all(|act| act["detail"]["by"] == "import"),
        "{made:#}"
    );
    let text = made.to_string() + &runs.to_string();
    assert!(!text.contains("$2b$"), "no hash goes into the control log");
}

async fn passwords_from_elsewhere_open_the_door_and_are_made_anew() {
    use std::fmt::Write;
    let server = Server::start().await;
    let mut text = "name,password_hash\n".to_owned();
    for (name, hash) in HASHES {
        writeln!(text, "{name},\"{hash}\"").expect("a String takes it");
    }
    let long = "0123456789abcdef".repeat(5);
    text += "long,$2b$04$DeGY9ydGMV5fr/R/f29zye7e1.MFRJRm4OBZINyrl07KOwsWjJRT6\n";
    import(&server, &text, &[]).await.ok();
    let login = async |name: &str, password: &str| {
        let login = json!({"login": name, "password": password});
        server.rest().post("/v1/login", login).await.status
    };
    for (name, _) in HASHES {
        assert_eq!(
            login(name, "correct horse battery stapl").await,
            401,
            "{name}"
        );
        // The first time against the hash from elsewhere, then against ours.
        for _ in 0..2 {
            assert_eq!(login(name, ELSEWHERE).await, 200, "{name}");
        }
        assert_eq!(
            login(name, "correct horse battery stapl").await,
            401,
            "{name}"
        );
    }
    // What bcrypt cut off never counted, and does not count now.
    for _ in 0..2 {
        assert_eq!(login("long", &long[..71]).await, 401);
        assert_eq!(login("long", &format!("{}-other", &long[..72])).await, 200);
        assert_eq!(login("long", &long).await, 200);
    }
    // They were made anew, and a second import sees that it had brought them.
    let again = import(&server, &text, &["--json"]).await.json();
    assert_eq!(tally(&again), [&json!(0), &json!(0), &json!(6), &json!(0)]);
    // Not so one that was changed since.
    let two_b = User::login(server.rest(), "two-b", ELSEWHERE).await;
    let change = json!({"old": ELSEWHERE, "new": PASSWORD});
    two_b.post("/v1/me/password", change).await.ok();
    let refused = import(&server, &text, &[]).await;
    assert!(
        refused.failed(CONFLICT).contains("password_hash: `two-b`"),
        "{refused}"
    );
    assert_eq!(login("two-b", PASSWORD).await, 200);
    import(&server, &text, &["--update"]).await.ok();
    assert_eq!(login("two-b", PASSWORD).await, 401);
    assert_eq!(login("two-b", ELSEWHERE).await, 200);
    two_b.get("/v1/me").await.refused(401, "unauthorized");
}

async fn a_second_time_changes_nothing() {
    let server = Server::start().await;
    let text = "name,email,role,status\nana,a@example.org,admin,\nbob,,,invited\ncarl,,,disabled\n";
    let first = import(&server, text, &["--json"]).await.json();
    let code = account(&first, "bob")["code"].clone();
    let before = acts(&server).await;
    for args in [&["--json"][..], &["--json", "--update"]] {
        let again = import(&server, text, args).await.json();
        assert_eq!(tally(&again), [&json!(0), &json!(0), &json!(3), &json!(0)]);
        assert_eq!(
            (&again["run"], &account(&again, "bob")["code"]),
            (&Value::Null, &Value::Null)
        );
    }
    assert_eq!(acts(&server).await, before, "nothing to do is no act");
    assert_eq!(
        claim(&server, &code, PASSWORD).await,
        200,
        "the code is good still"
    );
    let again = import(&server, text, &["--json"]).await.json();
    assert_eq!(
        again["unchanged"], 3,
        "whoever was invited has come: {again:#}"
    );
}

async fn what_differs_is_a_conflict_or_an_update() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    ana.request("PATCH", "/v1/me", json!({"display_name": "Ana"}))
        .await
        .ok();
    let text = "name,role,email\nana,moderator,ana@example.org\nnew,,\nbob,member,\n";
    let before = acts(&server).await;
    let refused = import(&server, text, &[]).await;
    let complaint = refused.failed(CONFLICT);
    assert!(complaint.contains("line 2, email: `ana`"), "{complaint}");
    assert!(!complaint.contains("bob"), "{complaint}");
    assert_eq!(acts(&server).await, before, "all or nothing");
    server.cli(&["user", "show", "new"]).await.failed(3);

    let done = import(&server, text, &["--update", "--json"]).await.json();
    assert_eq!(tally(&done), [&json!(1), &json!(1), &json!(1), &json!(0)]);
    assert_eq!(account(&done, "ana")["columns"], json!(["email", "role"]));
    let now = show(&server, "ana").await;
    let fields = [
        &now["role"],
        &now["email"],
        &now["display_name"],
        &now["status"],
    ];
    assert_eq!(
        fields,
        ["moderator", "ana@example.org", "Ana", "active"],
        "only what was said"
    );
    ana.get("/v1/me").await.ok();

    // Switched off, it is off at once.
    let mut ws = bob.connect().await;
    import(&server, "name,status\nbob,disabled\n", &["--update"])
        .await
        .ok();
    assert!(ws.closed().await.code.is_some_and(|code| code >= 4500));

    // Somebody else's address is nobody's to take, whatever is said.
    let taken = "name,email\nbob,ana@example.org\n";
    let refused = import(&server, taken, &["--update"]).await;
    assert!(
        refused.failed(CONFLICT).contains("belongs to ana"),
        "{refused}"
    );
}

async fn what_is_wrong_is_told_whole_and_nothing_is_done() {
    let server = Server::start().await;
    let before = acts(&server).await;
    let absurd = HASHES[1].1.replace("$05$", "$31$");
    let huge = HASHES[3].1.replace("m=8192,t=1", "m=4194304,t=9");
    let text = format!(
        "name,email,role,password_hash\n\
         good,good@example.org,member,\n\
         Ana,a@example.org,member,\n\
         bob,nonsense,the king,\n\
         carl,c@example.org\n\
         good,d@example.org,,\n\
         eve,good@example.org,,\n\
         fay,,,{absurd}\n\
         gus,,,\"{huge}\"\n\
         hal,,,hunter2\n\
         \"ida\u{1b}[31m\",,,\n"
    );
    let refused = import(&server, &text, &[]).await;
    let complaint = refused.failed(USAGE);
    for words in [
        "10 things in it are not right; nothing was changed",
        "line 3, name: `Ana`: names are lower-case; write it as ana",
        "line 4, email: `nonsense`",
        "line 4, role: `the king`: a name is",
        "line 5: it has 2 fields where the first line has 4",
        "line 6, name: `good` is on line 2 already",
        "line 7, email: `good@example.org` is on line 2 already",
        "line 8, password_hash: bcrypt with cost 31",
        "line 9, password_hash: Argon2 with m=4194304,t=9",
        "line 10, password_hash: only bcrypt",
        "line 11, name: `ida\\u{1b}[31m`",
    ] {
        assert!(complaint.contains(words), "{words}: {complaint}");
    }
    assert!(
        !complaint.contains("hunter2") && !complaint.contains('\u{1b}'),
        "{complaint}"
    );
    let refused = import(&server, &text, &["--json"]).await;
    let error: Value = serde_json::from_str(refused.failed(USAGE)).expect("JSON");
    let lines = error["error"]["lines"].as_array().expect("lines");
    assert_eq!(lines.len(), 10, "{error:#}");
    assert_eq!(
        (&lines[0]["line"], &lines[0]["column"]),
        (&json!(3), &json!("name"))
    );

    for (text, words) in [
        ("", "empty"),
        ("username\nana\n", "no such column"),
        ("name;email\nana;a@x\n", "separated by commas"),
        ("name,name\nana,ana\n", "twice"),
        ("email\na@example.org\n", "has to be there"),
        ("name,email\n\"ana,a@example.org\nbob,\n", "line 2"),
    ] {
        let refused = import(&server, text, &[]).await;
        assert!(refused.failed(USAGE).contains(words), "{words}: {refused}");
    }
    let path = file(&server, "");
    std::fs::write(&path, b"name\n\xe4na\n").expect("a file");
    let refused = server.cli(&["user", "import", &path]).await;
    assert!(
        refused
            .failed(USAGE)
            .contains("line 2, name: this is not UTF-8"),
        "{refused}"
    );
    let missing = server.cli(&["user", "import", "/nowhere/people.csv"]).await;
    assert!(
        missing.failed(1).contains("/nowhere/people.csv"),
        "{missing}"
    );

    // Which roles there are only the server knows.
    let refused = import(&server, "name,role\nana,king\nbob,queen\n", &[]).await;
    let complaint = refused.failed(CONFLICT);
    for words in [
        "line 2, role: `ana`: there is no role king",
        "line 3, role: `bob`",
    ] {
        assert!(complaint.contains(words), "{words}: {complaint}");
    }
    assert_eq!(acts(&server).await, before, "nothing of any of them");
    // The door takes no absurd hash either, whoever knocks.
    let batch = json!({"dry_run": true, "accounts": [{"name": "fay", "password_hash": absurd}]});
    let reply = server
        .admin()
        .request("POST", "/v1/users/import", batch)
        .await;
    reply.refused_field("accounts[0].password_hash");
    let batch = json!({"run": 1, "accounts": [{"name": "fay"}]});
    let reply = server
        .admin()
        .request("POST", "/v1/users/import", batch)
        .await;
    reply.refused_field("run");
}

async fn a_dry_run_writes_nothing() {
    let server = Server::start().await;
    server.user("ana").await;
    let codes = server.data_dir().join("codes.csv");
    let path = codes.to_str().expect("text");
    let text = "name,role\nana,moderator\nbob,\n";
    let before = acts(&server).await;
    let args = ["--dry-run", "--update", "--codes", path];
    let words = import(&server, text, &args).await;
    assert!(
        words.ok().contains("there would be 1 new, 1 changed"),
        "{words}"
    );
    let report = import(&server, text, &[&args[..], &["--json"]].concat())
        .await
        .json();
    assert_eq!(tally(&report), [&json!(1), &json!(1), &json!(0), &json!(0)]);
    assert!(!report.to_string().contains("\"code\":"), "{report:#}");
    import(&server, text, &["--dry-run"]).await.failed(CONFLICT);
    assert_eq!(acts(&server).await, before);
    assert!(!codes.exists());
    assert_eq!(show(&server, "ana").await["role"], "member");
    server.cli(&["user", "show", "bob"]).await.failed(3);
}

async fn ten_thousand_come_in_one_go() {
    use std::fmt::Write;
    let server = Server::start().await;
    // The test server for MongoDB looks at every account for each address that is asked for.
    let many = if server.store_url().is_some() {
        1000_u64
    } else {
        10_000
    };
    let mut text = "name,email\n".to_owned();
    for i in 0..many {
        writeln!(text, "person-{i},p{i}@example.org").expect("a String takes it");
    }
    let codes = server.data_dir().join("codes.csv");
    let path = codes.to_str().expect("text");
    let batches =
        async || server.cli(&["status", "--json"]).await.json()["counts"]["batches"].clone();
    let before = batches().await.as_u64().expect("a number");
    let done = import(&server, &text, &["--codes", path]).await;
    assert!(done.ok().contains(&format!("{many} new")), "{done}");
    // Hundreds share a commit: that is what makes it quick, whatever machine this is.
    let commits = batches().await.as_u64().expect("a number") - before;
    assert!(commits < many / 40, "{commits} commits");
    let written = std::fs::read_to_string(&codes).expect("it was written");
    assert_eq!(written.lines().count() as u64, many + 1);
    // One of the last, and all acts are there.
    let last = written.lines().last().expect("a line");
    let code = last.split(',').nth(1).expect("a code");
    assert_eq!(claim(&server, &json!(code), PASSWORD).await, 200);
    let checked = acts(&server).await.as_u64().expect("a number");
    assert_eq!(
        checked,
        many + 3,
        "a key, the run, a claim, and each account"
    );
    let again = import(&server, &text, &["--json"]).await.json();
    assert_eq!(again["unchanged"], many);
}

async fn the_last_admin_stays() {
    let server = Server::start().await;
    let text = |role: &str| {
        let (one, other) = (HASHES[0].1, HASHES[1].1);
        format!("name,role,password_hash\nana,{role},{one}\nbob,{role},{other}\n")
    };
    import(&server, &text("admin"), &[]).await.ok();
    // More people than one request takes lie between the two; and only trying tells it as well.
    let between: Vec<_> = (0..600).map(|i| format!("p{i:03},guest,\n")).collect();
    let between = between.concat();
    let many = |role: &str| {
        let (one, other) = (HASHES[0].1, HASHES[1].1);
        format!("name,role,password_hash\nana,{role},{one}\n{between}bob,{role},{other}\n")
    };
    let before = acts(&server).await;
    for args in [&["--update"][..], &["--update", "--dry-run"]] {
        let refused = import(&server, &many("member"), args).await;
        let complaint = refused.failed(CONFLICT);
        assert!(complaint.contains("beside ana, bob"), "{complaint}");
    }
    // All or nothing: not one account was made or changed.
    assert_eq!(acts(&server).await, before);
    for name in ["ana", "bob"] {
        assert_eq!(show(&server, name).await["role"], "admin");
    }
    let nobody = server.cli(&["user", "show", "p000"]).await;
    nobody.failed(NOT_FOUND);
    // With another one left it is done.
    let one = format!("name,role,password_hash\nana,member,{}\n", HASHES[0].1);
    import(&server, &one, &["--update"]).await.ok();
    assert_eq!(show(&server, "ana").await["role"], "member");
}

async fn a_reset_gives_a_code_that_works_once() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    let mut ws = ana.connect().await;
    let dry = server.cli(&["user", "reset", "ana", "--dry-run"]).await;
    assert!(dry.ok().contains("1 session of ana would end"), "{dry}");
    ana.get("/v1/me").await.ok();
    let first = server.cli(&["user", "reset", "ana", "--json"]).await.json();
    assert_eq!(first["sessions_ended"], 1);
    assert_eq!(ws.closed().await.code, Some(4503));
    let login = json!({"login": "ana", "password": PASSWORD});
    let old = server.rest().post("/v1/login", login.clone()).await;
    old.refused(401, "unauthorized");

    // With the server down too; the code before is void then.
    server.stop().await;
    let second = server.cli(&["user", "reset", "ana", "--json"]).await.json();
    server.boot().await;
    assert_eq!(claim(&server, &first["code"], PASSWORD).await, 403);
    assert_eq!(claim(&server, &second["code"], PASSWORD).await, 200);
    assert_eq!(claim(&server, &second["code"], PASSWORD).await, 403);
    server.rest().post("/v1/login", login).await.ok();
    server.cli(&["user", "reset", "nobody"]).await.failed(3);

    // Setting one is another matter: without one there is nothing to set.
    let nothing = server.cli(&["user", "passwd", "ana"]).await;
    assert!(
        nothing.failed(USAGE).contains("chatd user reset ana"),
        "{nothing}"
    );
}
