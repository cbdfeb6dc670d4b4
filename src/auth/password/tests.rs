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
    let passwords = Passwords { jobs };
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
