//! The indexes, by the schema that brought them.

use mongodb::{
    IndexModel,
    bson::{Bson, DateTime, Document, doc},
    options::IndexOptions,
};

use super::{Collections, index};
use crate::store::mongo::fault::{code, within};

/// The server's code for a collection that is not there.
const NO_COLLECTION: i32 = 26;

/// A collection, and indexes of it.
type Indexes = (&'static str, Vec<IndexModel>);

/// Every index there is.
fn all() -> impl Iterator<Item = Indexes> {
    let later = order().into_iter().chain(overlay()).chain(archive());
    let later = later
        .chain(reactions())
        .chain(pins())
        .chain(replies())
        .chain(mentions())
        .chain(files())
        .chain(mention_places())
        .chain(file_sizes());
    first().into_iter().chain(later)
}

/// Makes these. It may take as long as it takes.
pub(super) async fn create(db: &Collections, all: Vec<Indexes>) -> mongodb::error::Result<()> {
    for (collection, indexes) in all {
        let collection = db.database.collection::<Document>(collection);
        collection.create_indexes(indexes).await?;
    }
    Ok(())
}

/// The indexes of the first schema, collection by collection.
pub(super) fn first() -> Vec<Indexes> {
    let there = |field: &str| doc! { field: { "$gt": "" } };
    let ended = doc! { "ended_at": { "$gt": DateTime::from_millis(0) } };
    let deleted = doc! { "deleted_at": { "$gt": DateTime::from_millis(0) } };
    vec![
        (
            "entries",
            vec![
                unique(index::ENTRY_SEQ, doc! { "log": 1, "seq": 1 }, None),
                unique(
                    index::ENTRY_TXN,
                    doc! { "log": 1, "from": 1, "txn": 1 },
                    Some(there("txn")),
                ),
            ],
        ),
        (
            "users",
            vec![
                unique(index::USER_NAME, doc! { "name": 1 }, None),
                unique(
                    index::LOGIN_EMAIL,
                    doc! { "login_email": 1 },
                    Some(there("login_email")),
                ),
            ],
        ),
        (
            "rooms",
            vec![
                unique(
                    index::PUBLIC_NAME,
                    doc! { "public_name": 1 },
                    Some(there("public_name")),
                ),
                plain(index::ROOM_NAME, doc! { "name": 1, "_id": 1 }, None),
                plain(index::ROOM_DELETED, doc! { "deleted_at": 1 }, Some(deleted)),
            ],
        ),
        (
            "members",
            vec![
                unique(index::MEMBER_ROOM, doc! { "room": 1, "user": 1 }, None),
                plain(index::MEMBER_USER, doc! { "user": 1, "room": 1 }, None),
            ],
        ),
        (
            "sessions",
            vec![
                plain(
                    index::SESSION_USER,
                    doc! { "user": 1, "created_at": -1, "_id": -1 },
                    None,
                ),
                plain(index::SESSION_ENDED, doc! { "ended_at": 1 }, Some(ended)),
            ],
        ),
        (
            "codes",
            vec![plain(index::CODE_USER, doc! { "user": 1 }, None)],
        ),
        (
            "keys",
            vec![plain(
                index::KEY_AGE,
                doc! { "created_at": 1, "_id": 1 },
                None,
            )],
        ),
    ]
}

/// The indexes of what keeps order.
pub(super) fn order() -> Vec<Indexes> {
    vec![
        (
            "users",
            vec![plain(
                index::USER_ROLE,
                doc! { "role": 1, "status": 1 },
                None,
            )],
        ),
        (
            "codes",
            vec![plain(
                index::CODE_KIND,
                doc! { "kind": 1, "room": 1, "created_at": -1 },
                None,
            )],
        ),
        (
            "sanctions",
            vec![unique(
                index::SANCTION,
                doc! { "room": 1, "user": 1, "kind": 1 },
                None,
            )],
        ),
        (
            "reports",
            vec![
                unique(
                    index::REPORT_ONCE,
                    doc! { "room": 1, "seq": 1, "by": 1 },
                    None,
                ),
                plain(index::REPORT_STATE, doc! { "state": 1, "_id": -1 }, None),
                plain(
                    index::REPORT_ROOM,
                    doc! { "room": 1, "state": 1, "_id": -1 },
                    None,
                ),
            ],
        ),
    ]
}

/// The indexes of what lies over messages.
pub(super) fn overlay() -> Vec<Indexes> {
    let unerased = doc! { "unerased": { "$gt": DateTime::from_millis(0) } };
    let redacted = doc! { "redaction": { "$exists": true } };
    vec![(
        "overlay",
        vec![
            unique(index::OVERLAY_TARGET, doc! { "room": 1, "target": 1 }, None),
            plain(
                index::OVERLAY_UNERASED,
                doc! { "unerased": 1 },
                Some(unerased),
            ),
            plain(
                index::OVERLAY_REDACTION,
                doc! { "redaction": 1, "room": 1, "target": 1 },
                Some(redacted),
            ),
        ],
    )]
}

/// The indexes of the archive.
pub(super) fn archive() -> Vec<Indexes> {
    vec![(
        "segments",
        vec![unique(index::SEGMENT, doc! { "room": 1, "last": 1 }, None)],
    )]
}

/// The indexes of reactions.
pub(super) fn reactions() -> Vec<Indexes> {
    let by_message = doc! { "room": 1, "target": 1, "emoji": 1, "seq": 1 };
    let by_user = doc! { "room": 1, "user": 1, "target": 1, "emoji": 1 };
    vec![(
        "reactions",
        vec![
            unique(index::REACTION, by_message, None),
            unique(index::REACTION_USER, by_user, None),
        ],
    )]
}

/// The index of what is pinned.
pub(super) fn pins() -> Vec<Indexes> {
    let pinned = doc! { "pin_seq": { "$gt": 0_i64 } };
    let keys = doc! { "room": 1, "pin_seq": 1 };
    vec![(
        "overlay",
        vec![plain(index::OVERLAY_PIN, keys, Some(pinned))],
    )]
}

/// The index of what answers which message.
pub(super) fn replies() -> Vec<Indexes> {
    let keys = doc! { "room": 1, "target": 1, "seq": 1 };
    vec![("replies", vec![unique(index::REPLY, keys, None)])]
}

/// The index of mentions.
pub(super) fn mentions() -> Vec<Indexes> {
    let keys = doc! { "whom": 1, "message": 1 };
    vec![("mentions", vec![unique(index::MENTION, keys, None)])]
}

/// The index of mentions by room.
pub(super) fn mention_places() -> Vec<Indexes> {
    let keys = doc! { "whom": 1, "room": 1, "seq": 1 };
    vec![("mentions", vec![plain(index::MENTION_PLACE, keys, None)])]
}

/// The indexes of files.
pub(super) fn files() -> Vec<Indexes> {
    let there = |field: &str| doc! { field: { "$exists": true } };
    let gone = doc! { "gone_at": { "$gt": DateTime::from_millis(0) } };
    vec![(
        "files",
        vec![
            plain(index::FILE_OWNER, doc! { "owner": 1, "_id": 1 }, None),
            plain(
                index::FILE_PLACE,
                doc! { "room": 1, "seq": 1 },
                Some(there("room")),
            ),
            plain(
                index::FILE_UNUSED,
                doc! { "unused": 1 },
                Some(there("unused")),
            ),
            plain(
                index::FILE_GONE,
                doc! { "gone_at": 1, "_id": 1 },
                Some(gone),
            ),
        ],
    )]
}

/// The index of how large files are.
pub(super) fn file_sizes() -> Vec<Indexes> {
    let keys = doc! { "size": 1, "_id": 1 };
    vec![("files", vec![plain(index::FILE_SIZE, keys, None)])]
}

/// The indexes that should be there and are not, or are others.
pub(in super::super) async fn missing(db: &Collections) -> mongodb::error::Result<Vec<String>> {
    let mut missing = Vec::new();
    for (name, indexes) in all() {
        let collection = db.database.collection::<Document>(name);
        let mut there = Vec::new();
        match within(collection.list_indexes()).await {
            Ok(mut cursor) => {
                while within(cursor.advance()).await? {
                    there.push(cursor.deserialize_current()?);
                }
            }
            Err(fault) if code(&fault) == Some(NO_COLLECTION) => {}
            Err(fault) => return Err(fault),
        }
        for wanted in indexes {
            let of = |index: &IndexModel| index.options.as_ref().and_then(|o| o.name.clone());
            let unique = |index: &IndexModel| index.options.as_ref().and_then(|o| o.unique);
            let found = there.iter().any(|index| {
                of(index) == of(&wanted)
                    && same_keys(&index.keys, &wanted.keys)
                    && unique(index).unwrap_or(false) == unique(&wanted).unwrap_or(false)
            });
            if !found {
                let index = of(&wanted).unwrap_or_default();
                missing.push(format!(
                    "the index {name}.{index} is missing, or is another"
                ));
            }
        }
    }
    Ok(missing)
}

/// Whether two lists of keys are one; the server may answer a direction as another kind of number.
fn same_keys(one: &Document, other: &Document) -> bool {
    let direction = |value: &Bson| match value {
        Bson::Int32(n) => Some(i64::from(*n)),
        Bson::Int64(n) => Some(*n),
        #[expect(clippy::cast_possible_truncation, reason = "a direction is 1 or -1")]
        Bson::Double(n) => Some(*n as i64),
        _ => None,
    };
    let plain = |keys: &Document| -> Vec<_> {
        let each = keys.iter();
        each.map(|(field, value)| (field.clone(), direction(value)))
            .collect()
    };
    plain(one) == plain(other)
}

fn unique(name: &str, keys: Document, filter: Option<Document>) -> IndexModel {
    let mut index = plain(name, keys, filter);
    if let Some(options) = &mut index.options {
        options.unique = Some(true);
    }
    index
}

fn plain(name: &str, keys: Document, filter: Option<Document>) -> IndexModel {
    let mut options = IndexOptions::default();
    options.name = Some(name.to_owned());
    options.partial_filter_expression = filter;
    IndexModel::builder().keys(keys).options(options).build()
}
