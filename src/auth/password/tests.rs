use super::*;

/// As cheap as Argon2 goes.
const CHEAP: Cost = Cost {
    memory_kib: 8,
    passes: 1,
};

fn pool(cost: Cost) -> Passwords {
    Passwords::new(cost, 2, 16).unwrap()
}

#[tokio::test]
async fn the_right_password_passes_and_no_other() {
    let passwords = pool(CHEAP);
    let hash = passwords.hash("correct horse".into()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
    let again = passwords.hash("correct horse".into()).await.unwrap();
    assert_ne!(hash, again, "each hash has its own salt");
    let yes = Verified {
        ok: true,
        upgrade: false,
    };
    let verify = |text: &str| passwords.verify(text.into(), Some(hash.clone()));
    assert_eq!(verify("correct horse").await, Ok(yes));
    for wrong in [
        "",
        "correct horse ",
        "Correct horse",
        &"x".repeat(MAX_BYTES + 1),
    ] {
        assert_eq!(verify(wrong).await, Ok(Verified::NO), "{wrong}");
    }
}

#[tokio::test]
async fn without_a_usable_hash_the_answer_is_no() {
    let passwords = pool(CHEAP);
    for stored in [
        None,
        Some(""),
        Some("$2b$12$abc"),
        Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ"),
    ] {
        let answer = passwords
            .verify("anything".into(), stored.map(Into::into))
            .await;
        assert_eq!(answer, Ok(Verified::NO), "{stored:?}");
    }
}

#[test]
fn the_dummy_costs_what_a_real_hash_costs() {
    let hasher = Hasher::new(Cost {
        memory_kib: 19 * 1024,
        passes: 2,
    })
    .unwrap();
    let dummy = hasher.dummy.to_string();
    assert!(
        dummy.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{dummy}"
    );
    let parsed = PasswordHash::new(&dummy).unwrap();
    assert_eq!(parsed.hash.unwrap().len(), 32);
    assert!(Params::try_from(&parsed).is_ok());
}

#[tokio::test]
async fn a_hash_of_another_cost_is_right_and_to_be_made_anew() {
    let hash = pool(CHEAP).hash("correct horse".into()).await.unwrap();
    let dearer = pool(Cost {
        memory_kib: 16,
        passes: 1,
    });
    let upgrade = Ok(Verified {
        ok: true,
        upgrade: true,
    });
    assert_eq!(
        dearer
            .verify("correct horse".into(), Some(hash.clone()))
            .await,
        upgrade
    );
    assert_eq!(
        dearer.verify("wrong horse".into(), Some(hash)).await,
        Ok(Verified::NO)
    );
}

#[tokio::test]
async fn what_does_not_fit_the_queue_is_told_so() {
    let (jobs, receiver) = mpsc::sync_channel(1);
    let passwords = Passwords {
        jobs,
        under_way: Arc::default(),
        hashed: Arc::default(),
        most: 1,
    };
    // Nobody works the queue off: the first waits, the second is refused.
    let waiting = tokio::spawn({
        let passwords = passwords.clone();
        async move { passwords.hash("first one".into()).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(passwords.hash("second one".into()).await, Err(Busy));
    assert_eq!(passwords.verify("second one".into(), None).await, Err(Busy));
    // The pool goes away: who waits is told.
    drop(receiver);
    assert_eq!(waiting.await.unwrap(), Err(Busy));
}

#[test]
fn costs_that_argon2_does_not_take_are_refused() {
    assert!(
        Passwords::new(
            Cost {
                memory_kib: 7,
                passes: 1
            },
            1,
            1
        )
        .is_err()
    );
    assert!(
        Passwords::new(
            Cost {
                memory_kib: 8,
                passes: 0
            },
            1,
            1
        )
        .is_err()
    );
    assert_eq!(
        Cost::from(&config::Auth::default()),
        Cost {
            memory_kib: 19 * 1024,
            passes: 2
        }
    );
}

#[test]
fn a_new_password_is_neither_short_nor_long_nor_guessable() {
    for good in [
        "vivid-otter-parade",
        "Gr8!zebra.quilt",
        "ünïcödé wörds rülé",
        &"long enough words ".repeat(50),
    ] {
        assert_eq!(check_new(&good.into(), "ana"), Ok(()), "{good}");
    }
    for (bad, word) in [
        ("short", "at least 8"),
        ("ééééééé", "at least 8"),
        ("password", "too easy to guess. "),
        ("12345678", "too easy"),
        ("aaaaaaaaaaaaaaaa", "too easy"),
        ("anastasia99", "too easy"),
        (&"x".repeat(MAX_BYTES + 1), "at most 1024 bytes"),
    ] {
        let why = check_new(&bad.into(), "anastasia99")
            .expect_err(bad)
            .to_string();
        assert!(why.contains(word), "{bad}: {why}");
        assert!(why.ends_with(['.', 's', 'e']), "{why}");
    }
}

#[test]
fn a_secret_is_not_printed() {
    let secret: Secret = serde_json::from_str("\"correct horse\"").unwrap();
    assert_eq!(secret.expose(), "correct horse");
    assert_eq!(format!("{secret:?}"), "Secret(***)");
}

/// Hashes that others made: bcrypt by libxcrypt, which is the C library's on Linux, Argon2 by
/// the reference implementation.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "correct horse battery staple",
        "$2b$05$7RQeBh2aBr6YjH9ofDhA.u05P10oMeOYOxMTP3vmwJ3up0mUZddNG",
    ),
    (
        "correct horse battery staple",
        "$2a$04$rRWU7DUPhsNRJiGvrff6QeSLzXOCKf1UIsL1rq82Bq95Bp7ZeAgo.",
    ),
    (
        "correct horse battery staple",
        "$2y$04$abcdefghijklmnopqrstuu7EJV7kdjBBQxyb0HjTh9KS7.Lah/6CG",
    ),
    (
        "pässwörd-ключ-密码-42",
        "$2b$04$0pv.GAXd8MSy4ORNh.NM2eeBp0anBEqIOSE7LM2AfhFDt9ZHJVyJu",
    ),
    (
        "correct horse battery staple",
        "$argon2id$v=19$m=8192,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw",
    ),
    (
        "correct horse battery staple",
        "$argon2id$v=19$m=65536,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$hTsnKkTbFCHAKWJmmlXrCZTzyrOF7RxMeSU+7hm6tJ4",
    ),
    (
        "correct horse battery staple",
        "$argon2i$v=19$m=4096,t=3,p=1$AAECAwQFBgcICQoLDA0ODw$1BigscR9jWuCX54QFRbXnjiPLDdLidm0khhZgIpMWfU",
    ),
    (
        "correct horse battery staple",
        "$argon2i$v=16$m=1024,t=2,p=2$AAECAwQFBgcICQoLDA0ODw$UVO30faxHMsY+AAsYnMXfq0uK49vXACqfK4zHCf36bQ",
    ),
    (
        "correct horse battery staple",
        "$argon2i$m=1024,t=2,p=2$AAECAwQFBgcICQoLDA0ODw$UVO30faxHMsY+AAsYnMXfq0uK49vXACqfK4zHCf36bQ",
    ),
];

/// Eighty bytes, of which bcrypt looked at 72.
const LONG: (&str, &str) = (
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "$2b$04$DeGY9ydGMV5fr/R/f29zye7e1.MFRJRm4OBZINyrl07KOwsWjJRT6",
);

const UPGRADE: Result<Verified, Busy> = Ok(Verified {
    ok: true,
    upgrade: true,
});
const FINE: Result<Verified, Busy> = Ok(Verified {
    ok: true,
    upgrade: false,
});

#[tokio::test]
async fn hashes_from_elsewhere_are_checked_and_made_anew() {
    let passwords = pool(CHEAP);
    for (password, hash) in ELSEWHERE {
        let imported = ImportedHash::parse(hash).expect(hash);
        let verify = |text: &str, stored: &str| passwords.verify(text.into(), Some(stored.into()));
        assert_eq!(verify(password, hash).await, UPGRADE, "{hash}");
        for wrong in ["", "correct horse battery stapl", &format!("{password} ")] {
            assert_eq!(verify(wrong, hash).await, Ok(Verified::NO), "{hash}");
        }
        let ours = passwords
            .renew((*password).into(), (*hash).into())
            .await
            .unwrap();
        assert!(ours.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{ours}");
        assert!(!ours.contains(hash), "{ours}");
        assert_eq!(verify(password, &ours).await, FINE, "{hash}");
        assert_eq!(verify("wrong", &ours).await, Ok(Verified::NO), "{hash}");
        // A repeated import knows that it brought this, also when it was made anew once more.
        assert!(
            imported.is_source_of(hash) && imported.is_source_of(&ours),
            "{hash}"
        );
        let again = passwords.renew((*password).into(), ours).await.unwrap();
        assert!(imported.is_source_of(&again), "{hash}");
        let set_since = passwords.hash((*password).into()).await.unwrap();
        assert!(!imported.is_source_of(&set_since), "{hash}");
    }
}

#[tokio::test]
async fn of_a_password_that_bcrypt_cut_no_more_counts_later() {
    let (passwords, (password, hash)) = (pool(CHEAP), LONG);
    ImportedHash::parse(hash).unwrap();
    let verify = |text: &str, stored: &str| passwords.verify(text.into(), Some(stored.into()));
    let (cut, short) = (&password[..72], &password[..71]);
    let other_end = format!("{cut}-another-end");
    for typed in [password, cut, &other_end] {
        assert_eq!(verify(typed, hash).await, UPGRADE, "{typed}");
        // Whichever of them came first, the others go on working.
        let ours = passwords.renew(typed.into(), hash.into()).await.unwrap();
        for later in [password, cut, &other_end] {
            assert_eq!(verify(later, &ours).await, FINE, "{typed}, {later}");
        }
        assert_eq!(verify(short, &ours).await, Ok(Verified::NO));
        let again = passwords.renew(password.into(), ours).await.unwrap();
        assert_eq!(verify(&other_end, &again).await, FINE);
    }
    assert_eq!(verify(short, hash).await, Ok(Verified::NO));
}

#[test]
fn hashes_that_cannot_be_borne_are_refused() {
    let bcrypt = ELSEWHERE[0].1;
    let argon2 = |params: &str| {
        format!(
            "$argon2id$v=19${params}$AAECAwQFBgcICQoLDA0ODw$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw"
        )
    };
    for good in [
        bcrypt.replace("$05$", "$14$"),
        format!(" {bcrypt}\t"),
        argon2("m=102400,t=2,p=8"),
        argon2("m=262144,t=4,p=16"),
        argon2("m=1024,t=1024,p=1"),
    ] {
        assert!(ImportedHash::parse(&good).is_ok(), "{good}");
    }
    for (bad, word) in [
        (String::new(), "only bcrypt"),
        ("hunter2".into(), "only bcrypt"),
        ("$1$salt$abc".into(), "only bcrypt"),
        ("$6$salt$abc".into(), "only bcrypt"),
        ("$pbkdf2-sha256$i=1000$AAAA$AAAA".into(), "only bcrypt"),
        (bcrypt.replace("$2b$", "$2x$"), "only bcrypt"),
        (bcrypt.replace("$05$", "$15$"), "cost 15"),
        (bcrypt.replace("$05$", "$31$"), "cost 31"),
        (bcrypt.replace("$05$", "$03$"), "cost 3"),
        (bcrypt.replace("$05$", "$xx$"), "60 characters"),
        (bcrypt[..59].to_owned(), "60 characters"),
        (format!("{bcrypt}."), "60 characters"),
        (format!("{}é", &bcrypt[..58]), "60 characters"),
        (format!("{bcrypt} cut=72"), "60 characters"),
        (argon2("m=262145,t=1,p=1"), "m=262145"),
        (argon2("m=4294967295,t=1,p=1"), "m=4294967295"),
        (argon2("m=65536,t=17,p=1"), "t=17"),
        (argon2("m=8192,t=4294967295,p=1"), "t=4294967295"),
        (argon2("m=65536,t=1,p=17"), "p=17"),
        (argon2("m=8,t=1,p=4"), "looks like"),
        (argon2("m=8192,t=0,p=1"), "looks like"),
        (argon2("m=8192,t=1,p=1,data=AAAA"), "keyid or data"),
        (argon2("m=8192,t=1,p=1").replace("v=19", "v=20"), "versions"),
        (
            argon2("m=8192,t=1,p=1").replace("argon2id", "argon2d"),
            "$argon2id$ and",
        ),
        (
            argon2("m=8192,t=1,p=1").replace("argon2id", "argon2x"),
            "$argon2id$ and",
        ),
        (
            "$argon2id$v=19$m=8192,t=1,p=1$AAECAwQFBgcICQoLDA0ODw".into(),
            "looks like",
        ),
        (
            "$argon2id$v=19$m=8192,t=1,p=1$AAEC$mu73UxPlhfSSwzxeEtgumtJTt914Yy1Tfomc1O3deJw".into(),
            "looks like",
        ),
        (format!("{} from=x", argon2("m=8192,t=1,p=1")), "looks like"),
    ] {
        let why = ImportedHash::parse(&bad).expect_err(&bad).to_string();
        assert!(why.contains(word), "{bad}: {why}");
    }
    assert!(!format!("{:?}", ImportedHash::parse(bcrypt)).contains("$2b$"));
}
