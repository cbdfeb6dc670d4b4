//! Tokens that this server did not make, or that somebody changed, open nothing.

use serde_json::Value;

use crate::support::Server;

#[tokio::test]
async fn a_token_that_is_not_ours_opens_nothing() {
    let server = Server::start().await;
    let (ana, eve) = (server.user("ana").await, server.user("eve").await);
    let other_server = Server::start().await;
    let stranger = other_server.user("ana").await;
    let [header, payload, signature] = parts(&ana.token);
    let [_, other_payload, other_signature] = parts(&eve.token);
    let encoded = |header: &str| base64url(header.as_bytes());
    let (none, hs256) = (
        encoded(r#"{"alg":"none","typ":"JWT"}"#),
        r#"{"alg":"HS256","typ":"JWT"}"#,
    );
    let tokens = [
        ("of another server", stranger.token.clone()),
        (
            "somebody else's payload",
            format!("{header}.{other_payload}.{signature}"),
        ),
        (
            "somebody else's signature",
            format!("{header}.{payload}.{other_signature}"),
        ),
        ("no algorithm", format!("{none}.{payload}.")),
        (
            "no algorithm, signed",
            format!("{none}.{payload}.{signature}"),
        ),
        (
            "a shared secret",
            format!("{}.{payload}.{signature}", encoded(hs256)),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("a refresh token", ana.refresh_token.clone()),
        ("garbage", "garbage".into()),
        ("nothing", String::new()),
        ("a long one", "x".repeat(8000)),
    ];
    for (what, token) in tokens {
        let (refusal, end) = server.hello_refused(&token).await;
        assert_eq!(
            (refusal.code.as_str(), end.code),
            ("unauthorized", Some(4501)),
            "{what}"
        );
        let reply = server
            .rest()
            .request("GET", "/v1/me", Some(&token), Value::Null)
            .await;
        reply.refused(401, "unauthorized");
    }
    ana.connect().await.events_so_far().await;
}

fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<_> = token.split('.').collect();
    parts.try_into().expect("a JWT")
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0, |bits, &b| bits << 8 | usize::from(b)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|i| char::from(DIGITS[bits >> (18 - 6 * i) & 63]));
        text.extend(digits);
    }
    text
}
