//! What the server itself refuses to take: documents that chatd could not read again, as a hand that writes into
//! the database may make them. They say no more than what reading and the indexes rely on.

use mongodb::{
    bson::{Document, doc},
    options::ValidationLevel,
};

use super::{Collections, EXISTS};
use crate::store::{
    Error,
    mongo::fault::{code, store_error, why},
};

/// The types of the fields that must be there, by collection.
type Fields = &'static [(&'static str, &'static [(&'static str, &'static str)])];

/// Those of the first collections.
pub(super) const FIRST: Fields = &[
    (
        "entries",
        &[
            ("_id", "binData"),
            ("log", "string"),
            ("seq", "long"),
            ("n", "long"),
            ("at", "date"),
            ("v", "int"),
            ("kind", "string"),
            ("data", "string"),
        ],
    ),
    ("users", &[("_id", "binData"), ("name", "string")]),
    ("rooms", &[("_id", "binData"), ("name", "string")]),
    (
        "members",
        &[("room", "binData"), ("user", "binData"), ("since", "long")],
    ),
    (
        "sessions",
        &[
            ("_id", "binData"),
            ("user", "binData"),
            ("expires_at", "date"),
            ("version", "long"),
        ],
    ),
];

/// Those of the archive.
pub(super) const ARCHIVE: Fields = &[(
    "segments",
    &[
        ("room", "binData"),
        ("last", "long"),
        ("first", "long"),
        ("n", "long"),
        ("first_at", "date"),
        ("last_at", "date"),
        ("entries", "long"),
        ("messages", "long"),
        ("erased", "long"),
        ("bytes", "long"),
        ("size", "long"),
        ("generation", "int"),
        ("run", "binData"),
    ],
)];

/// That of what lies over messages: since they can be edited, a document need not say more than where.
pub(super) const OVERLAY: Fields = &[("overlay", &[("room", "binData"), ("target", "long")])];

/// Those of reactions.
pub(super) const REACTIONS: Fields = &[(
    "reactions",
    &[
        ("room", "binData"),
        ("target", "long"),
        ("emoji", "string"),
        ("seq", "long"),
        ("user", "binData"),
        ("at", "date"),
    ],
)];

/// Those of what answers which message.
pub(super) const REPLIES: Fields = &[(
    "replies",
    &[("room", "binData"), ("target", "long"), ("seq", "long")],
)];

/// Those of mentions.
pub(super) const MENTIONS: Fields = &[(
    "mentions",
    &[
        ("whom", "binData"),
        ("message", "binData"),
        ("room", "binData"),
        ("seq", "long"),
    ],
)];

/// Those of files.
pub(super) const FILES: Fields = &[(
    "files",
    &[
        ("_id", "binData"),
        ("owner", "binData"),
        ("name", "string"),
        ("type", "string"),
        ("size", "long"),
        ("sha256", "binData"),
        ("at", "date"),
    ],
)];

fn validator(fields: &[(&str, &str)]) -> Document {
    let required: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
    let types = fields
        .iter()
        .map(|(name, kind)| ((*name).to_owned(), doc! { "bsonType": kind }.into()));
    let types: Document = types.collect();
    doc! { "$jsonSchema": { "bsonType": "object", "required": required, "properties": types } }
}

/// Makes those of the collections that are not there, with their validators: whoever may make a collection may
/// give it one.
pub(super) async fn create(db: &Collections, all: Fields) -> Result<(), Error> {
    for (name, fields) in all {
        let made = db
            .database
            .create_collection(*name)
            .validator(validator(fields))
            .validation_level(ValidationLevel::Moderate);
        match made.await {
            Err(fault) if code(&fault) == Some(EXISTS) => {}
            // A server's answer, and not that it went away.
            Err(fault) if code(&fault).is_some() => forgo(name, &why(&fault)),
            done => done.map_err(store_error)?,
        }
    }
    Ok(())
}

/// Gives their validators to those of the collections that were made before there were any.
pub(super) async fn add(db: &Collections, all: Fields) -> Result<(), Error> {
    for (name, fields) in all {
        let of = doc! { "listCollections": 1, "filter": { "name": *name } };
        let list = db.database.run_command(of).await.map_err(store_error)?;
        if has_validator(&list) {
            continue;
        }
        let add = doc! {
            "collMod": *name, "validator": validator(fields), "validationLevel": "moderate",
        };
        match db.database.run_command(add).await {
            Err(fault) if code(&fault).is_some() => forgo(name, &why(&fault)),
            done => done.map(drop).map_err(store_error)?,
        }
    }
    Ok(())
}

fn has_validator(list: &Document) -> bool {
    let first = || {
        let batch = list
            .get_document("cursor")
            .ok()?
            .get_array("firstBatch")
            .ok()?;
        let options = batch.first()?.as_document()?.get_document("options").ok()?;
        Some(!options.get_document("validator").ok()?.is_empty())
    };
    first().unwrap_or(false)
}

/// A server that takes no validator is no reason not to start: chatd writes nothing else than it reads.
fn forgo(collection: &str, why: &str) {
    tracing::warn!(
        collection,
        why,
        "the collection gets no validator; for one, let the database's owner run what docs/mongodb.md says"
    );
}
