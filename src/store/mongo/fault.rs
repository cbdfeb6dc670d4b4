//! What the driver's errors mean to us, in few words and without credentials.

use std::time::Duration;

use mongodb::error::{
    Error as Fault, ErrorKind, TRANSIENT_TRANSACTION_ERROR, UNKNOWN_TRANSACTION_COMMIT_RESULT,
    WriteFailure,
};

use crate::store::Error;

/// How long one request may take, all of the driver's own tries together. A connection that is open and
/// says nothing is otherwise never given up: the driver has no socket time-out.
const PATIENCE: Duration = Duration::from_secs(8);

/// The code for a key that is there already.
const DUPLICATE_KEY: i32 = 11_000;
/// Its code for a write that the majority did not have in time.
const MAJORITY_LATE: i32 = 64;
/// Its code for a disk that is full.
const OUT_OF_DISK: i32 = 14_031;

/// Runs one request of the driver, but not for ever.
pub(super) async fn within<T, F>(request: F) -> Result<T, Fault>
where
    F: IntoFuture<Output = Result<T, Fault>>,
{
    match tokio::time::timeout(PATIENCE, request.into_future()).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::custom(format!(
            "no answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// What an error means for the store as a whole.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err(store_error)`")]
pub(super) fn store_error(fault: Fault) -> Error {
    match &*fault.kind {
        ErrorKind::Bson(_) => Error::Damaged(why(&fault)),
        _ if code(&fault) == Some(OUT_OF_DISK) => Error::Full,
        _ => Error::Unavailable(why(&fault)),
    }
}

/// The driver's message without its labels, sources and the server's whole answer.
pub(super) fn why(fault: &Fault) -> String {
    match &*fault.kind {
        ErrorKind::Io(e) => e.to_string(),
        ErrorKind::Command(e) => e.message.clone(),
        ErrorKind::Write(WriteFailure::WriteError(e)) => e.message.clone(),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => e.message.clone(),
        ErrorKind::ServerSelection { message, .. } => shorten(message),
        ErrorKind::InvalidArgument { message, .. } | ErrorKind::DnsResolve { message, .. } => {
            message.clone()
        }
        ErrorKind::Custom(_) => fault.get_custom::<String>().cloned().unwrap_or_default(),
        ErrorKind::InsertMany(e) => match (&e.write_concern_error, &e.write_errors) {
            (Some(e), _) => e.message.clone(),
            (None, Some(errors)) if !errors.is_empty() => errors[0].message.clone(),
            _ => "an insert failed".to_owned(),
        },
        kind => kind.to_string(),
    }
}

/// Of a description of the whole topology, what went wrong with each server.
fn shorten(message: &str) -> String {
    let marks = ["I/O error: ", "Error: Kind: "];
    let causes = message.split("Address: ").skip(1).filter_map(|server| {
        let address = server.split(',').next()?;
        let cause = marks.iter().find_map(|mark| server.split_once(mark))?.1;
        let end = cause.find(", labels").unwrap_or(cause.len());
        Some(format!("{address}: {}", &cause[..end]))
    });
    let causes: Vec<_> = causes.collect();
    if causes.is_empty() {
        "no server takes writes".to_owned()
    } else {
        causes.join("; ")
    }
}

/// The server's error code, where it gave one.
pub(super) fn code(fault: &Fault) -> Option<i32> {
    match &*fault.kind {
        ErrorKind::Command(e) => Some(e.code),
        ErrorKind::Write(WriteFailure::WriteError(e)) => Some(e.code),
        ErrorKind::InsertMany(e) => Some(e.write_errors.as_ref()?.first()?.code),
        _ => None,
    }
}

/// Whether something that must be unique was there already. Which index it was, the driver does not tell.
pub(super) fn is_duplicate(fault: &Fault) -> bool {
    code(fault) == Some(DUPLICATE_KEY)
}

/// The same, also for one of several that were put at once.
pub(super) fn is_any_duplicate(fault: &Fault) -> bool {
    is_duplicate(fault) || first_duplicate(fault).is_some()
}

/// Whether the transaction did not happen and may be tried again.
pub(super) fn is_transient(fault: &Fault) -> bool {
    fault.contains_label(TRANSIENT_TRANSACTION_ERROR)
}

/// Whether a commit may have happened and may be asked for again.
pub(super) fn is_unknown_commit(fault: &Fault) -> bool {
    fault.contains_label(UNKNOWN_TRANSACTION_COMMIT_RESULT)
}

/// Whether nothing was sent, since there was nobody to send it to.
pub(super) fn is_nobody_there(fault: &Fault) -> bool {
    matches!(&*fault.kind, ErrorKind::ServerSelection { .. })
}

/// Whether it is written, and the majority did not have it in time. To ask for another write of the majority
/// would take as long.
pub(super) fn is_majority_late(fault: &Fault) -> bool {
    let concern = match &*fault.kind {
        ErrorKind::InsertMany(e) => e.write_concern_error.as_ref(),
        ErrorKind::Write(WriteFailure::WriteConcernError(e)) => Some(e),
        _ => None,
    };
    concern.is_some_and(|e| e.code == MAJORITY_LATE)
}

/// Whether asking once more would only take as long once more: nobody was there for as long as we wait, or
/// somebody was and did not answer, or the majority was away.
pub(super) fn is_patience_gone(fault: &Fault) -> bool {
    is_nobody_there(fault) || is_majority_late(fault) || fault.get_custom::<String>().is_some()
}

/// Which document of an ordered insert was the first that could not be, as its key is taken. The ones
/// before it are in, the ones after were not tried. None for every other error.
pub(super) fn first_duplicate(fault: &Fault) -> Option<usize> {
    let ErrorKind::InsertMany(e) = &*fault.kind else {
        return None;
    };
    let first = e.write_errors.as_ref()?.first()?;
    let settled = first.code == DUPLICATE_KEY && e.write_concern_error.is_none();
    settled.then_some(first.index)
}
