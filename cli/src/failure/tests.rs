use std::time::Duration;

use chatd::{model::Refusal, store};

use super::*;

/// One of each. The match is here to stop the build when a refusal comes up that is not in the list.
fn refusals() -> Vec<(Refusal, Exit)> {
    let all = vec![
        (Refusal::field("name", "no"), Exit::Usage),
        (Refusal::TooLarge(String::new()), Exit::Usage),
        (Refusal::UnknownOp(String::new()), Exit::Usage),
        (Refusal::NotFound("user"), Exit::NotFound),
        (Refusal::Conflict(String::new()), Exit::Conflict),
        (Refusal::TxnReused, Exit::Conflict),
        (Refusal::Unauthorized(String::new()), Exit::Permission),
        (Refusal::SessionEnded, Exit::Permission),
        (Refusal::TokenExpired, Exit::Permission),
        (Refusal::Forbidden(String::new()), Exit::Permission),
        (Refusal::Locked, Exit::Permission),
        (
            Refusal::Muted {
                until: None,
                reason: None,
            },
            Exit::Permission,
        ),
        (
            Refusal::Banned {
                until: None,
                reason: None,
            },
            Exit::Permission,
        ),
        (
            Refusal::RateLimited {
                retry_after: Duration::ZERO,
            },
            Exit::Unreachable,
        ),
        (Refusal::Unavailable, Exit::Unreachable),
        (
            Refusal::Late {
                after: Duration::ZERO,
                acts: true,
            },
            Exit::Unreachable,
        ),
        (Refusal::Busy, Exit::Unreachable),
        (Refusal::Away("files cannot be read"), Exit::Unreachable),
        (Refusal::StorageFull, Exit::Other),
        (Refusal::Internal, Exit::Other),
    ];
    for (refusal, _) in &all {
        match refusal {
            Refusal::InvalidField { .. }
            | Refusal::TooLarge(_)
            | Refusal::UnknownOp(_)
            | Refusal::NotFound(_)
            | Refusal::Conflict(_)
            | Refusal::TxnReused
            | Refusal::Unauthorized(_)
            | Refusal::SessionEnded
            | Refusal::TokenExpired
            | Refusal::Forbidden(_)
            | Refusal::Locked
            | Refusal::Muted { .. }
            | Refusal::Banned { .. }
            | Refusal::RateLimited { .. }
            | Refusal::Unavailable
            | Refusal::Late { .. }
            | Refusal::Busy
            | Refusal::Away(_)
            | Refusal::StorageFull
            | Refusal::Internal => {}
        }
    }
    all
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::Admin(admin::Error::Refused(admin::api::Refused {
        code: refusal.code().into(),
        detail: refusal.to_string(),
        field: None,
    }))
}

#[test]
fn every_refusal_has_its_exit_code() {
    for (refusal, exit) in refusals() {
        let failure = refused(&refusal);
        assert_eq!((failure.exit(), failure.code()), (exit, refusal.code()));
    }
}

#[test]
fn a_failure_says_what_why_and_what_next() {
    let why = refused(&Refusal::NotFound("user"));
    let hint = (Exit::NotFound, "`chatd user list`".to_owned());
    let done: Result<(), Failure> = Err(why);
    let failure = done
        .explain(|| "show user `bob`".into(), hint)
        .expect_err("as above");
    assert_eq!(
        failure.to_string(),
        "cannot show user `bob` — there is no such user"
    );
    assert_eq!(failure.hint().as_deref(), Some("`chatd user list`"));
    assert_eq!(
        (failure.exit(), failure.code()),
        (Exit::NotFound, "not_found")
    );
}

#[test]
fn a_locked_store_is_out_of_reach() {
    let locked = store::Error::Locked {
        path: "data".into(),
        pid: 1,
        socket: None,
    };
    assert_eq!(Failure::Server(locked.into()).exit(), Exit::Unreachable);
}

#[test]
fn a_store_that_somebody_has_to_mend_is_a_wrong_setting() {
    let unfit = store::Error::Unfit {
        what: "mongodb://db/chatd".into(),
        why: "it is a standalone server".into(),
    };
    let newer = store::Error::Newer { found: 9, known: 2 };
    for error in [unfit, newer] {
        assert_eq!(Failure::Server(error.into()).exit(), Exit::BadConfig);
    }
    for error in [
        store::Error::Unavailable("nobody is there".into()),
        store::Error::Away("since noon".into()),
    ] {
        assert_eq!(Failure::Server(error.into()).exit(), Exit::Unreachable);
    }
}
