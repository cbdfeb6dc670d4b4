use std::{fs, os::unix::fs::PermissionsExt as _};

use jsonwebtoken::{Algorithm, Header, encode};

use super::*;

const NOW: Millis = Millis(1_795_000_000_000);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const ROTATION: Duration = Duration::from_hours(90 * 24);

struct Node {
    dir: tempfile::TempDir,
    clock: Clock,
    keys: Keys,
}

fn realm() -> Realm {
    Realm {
        issuer: "chatd/epoch".into(),
        audience: "chatd".into(),
    }
}

fn node() -> Node {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::fixed(NOW);
    let keys = Keys::open(&dir.path().join("keys"), clock.clone(), realm(), ROTATION).unwrap();
    Node { dir, clock, keys }
}

impl Node {
    fn path(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    fn reopen(&self) -> Result<Keys, Error> {
        Keys::open(&self.path(), self.clock.clone(), realm(), ROTATION)
    }

    fn pass(&self, d: Duration) {
        self.clock.set(self.clock.now().plus(d));
    }

    fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect()
    }

    fn token(&self) -> String {
        self.keys
            .issue(UserId::new(NOW), SessionId::new(NOW), 15 * HOUR / 60)
            .0
    }

    fn verify(&self, token: &str) -> Result<Claims, TokenError> {
        self.keys.verify(token, self.clock.now())
    }

    fn kid(&self) -> String {
        self.keys.public().last().unwrap().kid.clone()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_token_is_good_until_its_last_second() {
    let node = node();
    let (token, claims) = node.keys.issue(UserId::new(NOW), SessionId::new(NOW), HOUR);
    assert_eq!(claims.exp - claims.iat, 3600);
    assert_eq!(node.verify(&token), Ok(claims));
    node.pass(HOUR.saturating_sub(Duration::from_millis(1)));
    assert!(node.verify(&token).is_ok());
    node.pass(Duration::from_millis(1));
    assert_eq!(node.verify(&token), Err(TokenError::Expired));
}

#[test]
fn keys_are_the_owners_alone_and_outlive_a_restart() {
    let node = node();
    let files = node.files();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!((mode(&node.path()), mode(&files[0])), (0o700, 0o600));
    assert!(
        fs::read_to_string(&files[0])
            .unwrap()
            .starts_with("-----BEGIN PRIVATE KEY-----\n")
    );
    let token = node.token();
    fs::write(node.path().join("half-written.new"), "x").unwrap();
    let again = node.reopen().unwrap();
    assert!(again.verify(&token, NOW).is_ok());
    assert_eq!(again.public(), node.keys.public());
}

#[test]
fn a_key_that_others_may_read_is_refused_with_the_remedy() {
    let node = node();
    let file = node.files().remove(0);
    for open in [0o640, 0o604, 0o620] {
        chmod(&file, open);
        let error = node.reopen().unwrap_err().to_string();
        assert!(
            error.ends_with(&format!("chmod 600 {}", file.display())),
            "{error}"
        );
    }
    chmod(&file, 0o400);
    assert!(node.reopen().is_ok());
    chmod(&node.path(), 0o750);
    let error = node.reopen().unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("chmod 700 {}", node.path().display())),
        "{error}"
    );
}

#[test]
fn a_key_that_is_not_what_its_name_says_is_refused() {
    let node = node();
    let file = node.files().remove(0);
    let other = node.path().join(files::name(NOW, "AAAAAAAAAAAAAAAA"));
    fs::rename(&file, &other).unwrap();
    assert!(matches!(node.reopen(), Err(Error::Damaged { .. })));
    fs::write(&other, "garbage").unwrap();
    assert!(matches!(node.reopen(), Err(Error::Damaged { path, .. }) if path == other));
}

#[test]
fn an_old_key_is_replaced_and_forgotten_when_its_tokens_are_over() {
    let node = node();
    let (first, token) = (node.kid(), node.token());
    node.pass(ROTATION.saturating_sub(DAY));
    assert!(!node.keys.rotate_if_due(ROTATION).unwrap());
    assert!(node.keys.public()[0].expires_at > node.clock.now());
    node.pass(DAY);
    let late = node
        .keys
        .issue(UserId::new(NOW), SessionId::new(NOW), DAY)
        .0;
    assert!(node.keys.rotate_if_due(ROTATION).unwrap());
    assert_ne!(node.kid(), first);
    assert_eq!(node.files().len(), 2);
    assert_eq!(node.keys.jwks()["keys"].as_array().unwrap().len(), 2);
    assert_eq!(node.verify(&token), Err(TokenError::Expired));
    assert!(node.verify(&late).is_ok());
    // The last token of the first key has just run out; a moment later the key goes.
    node.pass(DAY);
    assert!(!node.keys.rotate_if_due(ROTATION).unwrap());
    assert_eq!(node.verify(&late), Err(TokenError::Expired));
    node.pass(Duration::from_millis(1));
    assert!(node.keys.rotate_if_due(ROTATION).unwrap());
    assert_eq!(node.files().len(), 1);
    assert_eq!(node.verify(&late), Err(TokenError::Invalid));
    assert_eq!(node.reopen().unwrap().public(), node.keys.public());
}

#[test]
fn the_newest_key_signs_even_when_the_clock_was_put_back() {
    let node = node();
    node.pass(ROTATION);
    node.keys.rotate_if_due(ROTATION).unwrap();
    let second = node.kid();
    node.clock.set(NOW);
    assert!(node.keys.rotate_if_due(Duration::ZERO).unwrap());
    let third = node.kid();
    assert_ne!(third, second);
    assert_eq!(node.reopen().unwrap().public().last().unwrap().kid, third);
}

#[test]
fn a_token_of_another_node_needs_its_public_key_alive() {
    let (here, there) = (node(), node());
    let token = there.token();
    assert_eq!(here.verify(&token), Err(TokenError::Invalid));
    let mut key = there.keys.public().remove(0);
    here.keys.add_public(key.clone());
    assert!(here.verify(&token).is_ok());
    assert_eq!(here.keys.jwks()["keys"][1]["kid"], key.kid.as_str());
    key.expires_at = NOW;
    here.keys.add_public(key);
    assert_eq!(here.verify(&token), Err(TokenError::Invalid));
    here.keys.rotate_if_due(ROTATION).unwrap();
    assert_eq!(here.keys.jwks()["keys"].as_array().unwrap().len(), 1);
}

#[test]
fn nobody_takes_the_place_of_our_own_key() {
    let (here, there) = (node(), node());
    let mut theirs = there.keys.public().remove(0);
    theirs.kid = here.kid();
    here.keys.add_public(theirs);
    assert!(here.verify(&here.token()).is_ok());
}

/// A token from scratch: this header, these claims, this signature.
fn forge(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!(
        "{}.{}.{}",
        part(header),
        part(claims),
        URL_SAFE_NO_PAD.encode(signature)
    )
}

#[test]
fn forged_tokens_are_refused() {
    let node = node();
    let kid = node.kid();
    let (good, claims) = node.keys.issue(UserId::new(NOW), SessionId::new(NOW), HOUR);
    let body = serde_json::to_value(&claims).unwrap();
    let public = node.keys.public().remove(0).public;
    let refused = |token: &str, what: &str| {
        assert_eq!(node.verify(token), Err(TokenError::Invalid), "{what}");
    };
    for alg in ["none", "None", "NONE", ""] {
        refused(&forge(&json!({ "alg": alg, "kid": kid }), &body, b""), alg);
    }
    let secret = EncodingKey::from_secret(&public);
    let header = Header {
        kid: Some(kid.clone()),
        ..Header::new(Algorithm::HS256)
    };
    refused(
        &encode(&header, &claims, &secret).unwrap(),
        "the public key as an HMAC secret",
    );
    refused(
        &forge(&json!({ "alg": "EdDSA", "kid": kid }), &body, &[0; 64]),
        "zero signature",
    );
    refused(
        &forge(&json!({ "alg": "EdDSA", "kid": kid }), &body, b""),
        "no signature",
    );
    refused(
        &forge(&json!({ "alg": "EdDSA" }), &body, &[0; 64]),
        "no kid",
    );
    refused(
        &forge(&json!({ "alg": "EdDSA", "kid": "../x" }), &body, &[0; 64]),
        "unknown kid",
    );
    let (head, rest) = good.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let admin = Claims {
        sub: UserId::new(Millis(0)),
        ..claims
    };
    let other = URL_SAFE_NO_PAD.encode(serde_json::to_string(&admin).unwrap());
    refused(&format!("{head}.{other}.{signature}"), "claims exchanged");
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        &good[..good.len() - 1],
        &format!("{good}."),
        &"a".repeat(1 << 20),
    ] {
        refused(text, "not a token");
    }
}

#[test]
fn a_token_that_we_signed_must_also_say_the_right_things() {
    let node = node();
    let (_, claims) = node.keys.issue(UserId::new(NOW), SessionId::new(NOW), HOUR);
    let ring = node.keys.read();
    let own = ring.own.last().unwrap();
    let header = Header {
        kid: Some(own.kid.clone()),
        ..Header::new(Algorithm::EdDSA)
    };
    let body = serde_json::to_value(&claims).unwrap();
    let signed = |body: &Value| encode(&header, body, &own.signs).unwrap();
    assert!(node.verify(&signed(&body)).is_ok());
    for claim in ["sub", "sid", "iss", "aud", "iat", "exp"] {
        let mut without = body.clone();
        without.as_object_mut().unwrap().remove(claim);
        assert_eq!(
            node.verify(&signed(&without)),
            Err(TokenError::Invalid),
            "without {claim}"
        );
    }
    for (claim, value) in [
        ("iss", json!("chatd/other")),
        ("aud", json!("somebody")),
        ("aud", json!(["chatd", "somebody"])),
        ("sub", json!("ana")),
        ("exp", json!("never")),
    ] {
        let mut wrong = body.clone();
        wrong[claim] = value.clone();
        assert_eq!(
            node.verify(&signed(&wrong)),
            Err(TokenError::Invalid),
            "{claim} {value}"
        );
    }
}
