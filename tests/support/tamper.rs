//! Somebody with a database shell: changes rows of the control log behind chatd's back.

use mongodb::bson::{Bson, Document, doc};
use rusqlite::{Connection, params, types::Value};

use super::Server;

/// Where the entries of the control log lie in SQLite, as an expression; the `seq` comes on top of it.
const CONTROL: &str = "(SELECT no << 38 FROM log WHERE key = x'63')";
/// Which entries those are.
const IN_CONTROL: &str = "pos >> 38 = (SELECT no FROM log WHERE key = x'63')";

/// A way into the store beside chatd.
pub(crate) enum Shell {
    Sqlite(Connection),
    Mongo(mongodb::Client, mongodb::Collection<Document>),
}

/// What is changed of a row.
#[derive(Clone, Copy)]
pub(crate) enum Field<'a> {
    Data(&'a str),
    At(i64),
    Kind(&'a str),
}

impl Shell {
    /// Into the store of this server, whether it runs or not.
    pub(crate) async fn open(server: &Server) -> Self {
        let Some(url) = server.store_url() else {
            let db = Connection::open(server.data_dir().join("chatd.db")).expect("a database");
            return Self::Sqlite(db);
        };
        let client = mongodb::Client::with_uri_str(url).await.expect("a URL");
        let base = client.default_database().expect("it is named");
        let entries = base.collection("entries");
        Self::Mongo(client, entries)
    }

    /// The content of a row.
    pub(crate) async fn data(&self, seq: i64) -> String {
        match self {
            Self::Sqlite(db) => {
                let sql = format!("SELECT data FROM entry WHERE pos = {CONTROL} + ?1");
                db.query_row(&sql, [seq], |row| row.get(0)).expect("a row")
            }
            Self::Mongo(_, entries) => {
                let found = entries.find_one(of(seq)).await.expect("an answer");
                found
                    .expect("a row")
                    .get_str("data")
                    .expect("text")
                    .to_owned()
            }
        }
    }

    pub(crate) async fn set(&self, seq: i64, field: Field<'_>) {
        match self {
            Self::Sqlite(db) => {
                let (column, value) = match field {
                    Field::Data(text) => ("data", Value::from(text.to_owned())),
                    Field::At(at) => ("at", Value::from(at)),
                    Field::Kind(kind) => ("kind", Value::from(kind.to_owned())),
                };
                let sql = format!("UPDATE entry SET {column} = ?2 WHERE pos = {CONTROL} + ?1");
                assert_eq!(db.execute(&sql, params![seq, value]).expect("SQL"), 1);
            }
            Self::Mongo(_, entries) => {
                let (name, value) = match field {
                    Field::Data(text) => ("data", Bson::from(text)),
                    Field::At(at) => ("at", mongodb::bson::DateTime::from_millis(at).into()),
                    Field::Kind(kind) => ("kind", Bson::from(kind)),
                };
                let change = doc! { "$set": { name: value } };
                let done = entries
                    .update_one(of(seq), change)
                    .await
                    .expect("an answer");
                assert_eq!(done.matched_count, 1);
            }
        }
    }

    /// Makes of a message with this text one that does not read.
    pub(crate) async fn damage_message(&self, body: &str) {
        match self {
            Self::Sqlite(db) => {
                let sql =
                    "UPDATE entry SET data = '{' WHERE kind = 'message' AND instr(data, ?1) > 0";
                assert_eq!(db.execute(sql, [body]).expect("SQL"), 1);
            }
            Self::Mongo(_, entries) => {
                let of = doc! { "kind": "message", "data": { "$regex": body } };
                let change = doc! { "$set": { "data": "{" } };
                let done = entries.update_many(of, change).await.expect("an answer");
                assert_eq!(done.modified_count, 1);
            }
        }
    }

    /// Changes a byte of the segment whose last entry this is.
    pub(crate) async fn damage_segment(&self, last: i64) {
        match self {
            Self::Sqlite(db) => {
                let sql = "SELECT data FROM segment WHERE last = ?1";
                let mut data: Vec<u8> = db.query_row(sql, [last], |row| row.get(0)).expect("a row");
                let at = data.len() / 2;
                data[at] ^= 1;
                let sql = "UPDATE segment SET data = ?2 WHERE last = ?1";
                assert_eq!(db.execute(sql, params![last, data]).expect("SQL"), 1);
            }
            Self::Mongo(client, _) => {
                let base = client.default_database().expect("it is named");
                let segments = base.collection::<Document>("segments");
                let of = doc! { "last": last };
                let found = segments.find_one(of.clone()).await.expect("an answer");
                let found = found.expect("a document");
                let mut data = found.get_binary_generic("data").expect("bytes").clone();
                let at = data.len() / 2;
                data[at] ^= 1;
                let subtype = mongodb::bson::spec::BinarySubtype::Generic;
                let data = mongodb::bson::Binary {
                    subtype,
                    bytes: data,
                };
                let change = doc! { "$set": { "data": data } };
                segments.update_one(of, change).await.expect("an answer");
            }
        }
    }

    /// Takes rows away, from the first to the last.
    pub(crate) async fn delete(&self, first: i64, last: i64) {
        match self {
            Self::Sqlite(db) => {
                let sql = format!(
                    "DELETE FROM entry WHERE pos BETWEEN {CONTROL} + ?1 AND {CONTROL} + ?2"
                );
                db.execute(&sql, [first, last]).expect("SQL");
            }
            Self::Mongo(_, entries) => {
                let of = doc! { "log": "control", "seq": { "$gte": first, "$lte": last } };
                entries.delete_many(of).await.expect("an answer");
            }
        }
    }

    /// Gives a row another number.
    pub(crate) async fn renumber(&self, from: i64, to: i64) {
        match self {
            Self::Sqlite(db) => {
                let sql =
                    format!("UPDATE entry SET pos = {CONTROL} + ?2 WHERE pos = {CONTROL} + ?1");
                assert_eq!(db.execute(&sql, [from, to]).expect("SQL"), 1);
            }
            Self::Mongo(_, entries) => {
                let change = doc! { "$set": { "seq": to } };
                entries
                    .update_one(of(from), change)
                    .await
                    .expect("an answer");
            }
        }
    }

    /// All rows, to put back later.
    pub(crate) async fn keep(&self) -> Kept {
        match self {
            Self::Sqlite(db) => {
                let copy =
                    format!("CREATE TEMP TABLE kept AS SELECT * FROM entry WHERE {IN_CONTROL}");
                db.execute_batch(&copy).expect("SQL");
                Kept::Here
            }
            Self::Mongo(_, entries) => {
                let mut found = entries
                    .find(doc! { "log": "control" })
                    .await
                    .expect("an answer");
                let mut rows = Vec::new();
                while found.advance().await.expect("an answer") {
                    rows.push(found.deserialize_current().expect("a document"));
                }
                Kept::Rows(rows)
            }
        }
    }

    /// Puts everything back.
    pub(crate) async fn restore(&self, kept: &Kept) {
        match (self, kept) {
            (Self::Sqlite(db), _) => db
                .execute_batch(&format!(
                    "BEGIN; DELETE FROM entry WHERE {IN_CONTROL};
                     INSERT INTO entry SELECT * FROM kept; COMMIT;"
                ))
                .expect("SQL"),
            (Self::Mongo(_, entries), Kept::Rows(rows)) => {
                let all = doc! { "log": "control" };
                entries.delete_many(all).await.expect("an answer");
                entries.insert_many(rows).await.expect("an answer");
            }
            (Self::Mongo(..), Kept::Here) => panic!("kept of another store"),
        }
    }

    pub(crate) async fn close(self) {
        if let Self::Mongo(client, _) = self {
            client.shutdown().immediate(true).await;
        }
    }
}

/// What [`Shell::keep`] kept.
pub(crate) enum Kept {
    /// In a table of the connection's own.
    Here,
    Rows(Vec<Document>),
}

fn of(seq: i64) -> Document {
    doc! { "log": "control", "seq": seq }
}
