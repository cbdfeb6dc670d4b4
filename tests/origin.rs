//! Browsers: a page of another origin gets neither a socket nor an answer it can read.

use hyper::Request;

use crate::support::{Kind, Reply, Server, Ws};

const FOREIGN: [&str; 4] = [
    "https://evil.example",
    "null",
    "http://127.0.0.1.evil.example",
    "file://",
];

async fn upgrade(server: &Server, origin: &str) -> Result<Ws, u16> {
    Ws::open(server.address(), &[("origin", origin)]).await
}

#[tokio::test]
async fn a_foreign_page_gets_no_socket() {
    let server = Server::start().await;
    for origin in FOREIGN {
        assert_eq!(upgrade(&server, origin).await.err(), Some(403), "{origin}");
    }
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    // No origin, our own, and, on a loopback listener, any of this machine.
    let port = server.address().port();
    let own = format!("http://127.0.0.1:{port}");
    for origin in [own.as_str(), "http://localhost:5173", "http://[::1]:3000"] {
        let mut ws = upgrade(&server, origin).await.expect("one of ours");
        ws.hello(serde_json::json!({"token": ana.token})).await;
        ws.send(&room, "hi").await;
    }
    ana.connect().await.send(&room, "no origin").await;
}

#[tokio::test]
async fn the_list_of_origins_is_the_operators() {
    let server = Server::builder()
        .set("http.allowed_origins", "https://chat.example.org")
        .start()
        .await;
    assert!(upgrade(&server, "https://chat.example.org").await.is_ok());
    for origin in [
        "https://chat.example.org.evil.example",
        "http://chat.example.org",
        "https://example.org",
    ] {
        assert_eq!(upgrade(&server, origin).await.err(), Some(403), "{origin}");
    }
}

async fn preflight(server: &Server, origin: &str) -> Reply {
    let request = Request::options("/v1/login")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,authorization",
        )
        .body(String::new())
        .expect("a request");
    server.rest().send(request).await.expect("an answer")
}

#[tokio::test]
async fn a_preflight_is_answered_for_allowed_origins() {
    let server = Server::start().await;
    let own = "http://localhost:5173";
    let reply = preflight(&server, own).await;
    assert!(matches!(reply.status, 200 | 204), "{reply:#?}");
    assert_eq!(reply.header("access-control-allow-origin"), Some(own));
    let methods = reply
        .header("access-control-allow-methods")
        .expect("methods");
    assert!(methods == "*" || methods.contains("POST"), "{methods}");
    let headers = reply
        .header("access-control-allow-headers")
        .expect("headers")
        .to_lowercase();
    assert!(
        headers.contains("authorization") && headers.contains("content-type"),
        "{headers}"
    );
    assert_eq!(
        reply.header("access-control-allow-credentials"),
        None,
        "no cookie is authority"
    );

    for origin in FOREIGN {
        let reply = preflight(&server, origin).await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            None,
            "{origin}"
        );
    }
}

#[tokio::test]
async fn answers_are_readable_by_allowed_origins_only() {
    let server = Server::start().await;
    let get = |origin: &str| {
        let request = Request::get("/v1/info").header("origin", origin);
        request.body(String::new()).expect("a request")
    };
    let own = server
        .rest()
        .send(get("http://localhost:5173"))
        .await
        .expect("an answer");
    assert_eq!(
        own.header("access-control-allow-origin"),
        Some("http://localhost:5173")
    );
    let vary = own.header("vary").unwrap_or_default().to_lowercase();
    assert!(
        vary.contains("origin"),
        "a cache would mix origins up: {vary:?}"
    );
    let foreign = server
        .rest()
        .send(get("https://evil.example"))
        .await
        .expect("an answer");
    assert_eq!(foreign.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn a_foreign_page_does_nothing_over_rest_either() {
    let server = Server::start().await;
    let port = server.address().port();
    // The last is DNS rebinding: the page's own name, which now leads here.
    let rebound = format!("http://evil.example:{port}");
    for (origin, host) in [
        ("https://evil.example", format!("127.0.0.1:{port}")),
        ("null", format!("127.0.0.1:{port}")),
        (rebound.as_str(), format!("evil.example:{port}")),
    ] {
        let request = Request::post("/v1/register")
            .header("origin", origin)
            .header("host", host)
            .header("content-type", "application/json")
            .body(r#"{"username":"mallory","password":"correct horse battery"}"#.to_owned())
            .expect("a request");
        let reply = server.rest().send(request).await.expect("an answer");
        reply.refused(403, "forbidden");
    }
    server
        .rest()
        .post(
            "/v1/login",
            serde_json::json!({"login": "mallory", "password": "correct horse battery"}),
        )
        .await
        .refused(401, "unauthorized");
}
