//! Reading and loading all of it: documents made and read by each collection's description.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::{
    Collection, Database,
    bson::{Binary, Bson, DateTime, Document, Uuid, doc, spec::BinarySubtype},
    error::Error as Fault,
};
use tokio::time::timeout;

use super::{
    Mongo,
    connect::{majority, reach},
    documents::{binary, log_key},
    fault::{is_any_duplicate, store_error, within},
    logs::by,
    schema::{self, Collections},
};
use crate::{
    id::{Epoch, LogId},
    store::{
        Error,
        raw::{self, Absent, Field, Glance, Kind, Load, PAGE_BYTES, Row, Scan, Table, Value},
    },
};

/// How long something may take that goes through a whole collection.
const LONG: Duration = Duration::from_mins(30);

/// How many records one command puts. What it takes on the server must fit into [`within`].
const BATCH: usize = 500;

#[async_trait]
impl Scan for Mongo {
    async fn scan(
        &self,
        table: Table,
        after: Option<&[Value]>,
        limit: usize,
    ) -> Result<Vec<Row>, Error> {
        let db = self.db()?;
        let collection = all(&db.database, table);
        let (mut rows, mut size) = (Vec::new(), 0);
        for filter in beyond(table, after) {
            let left = i64::try_from(limit - rows.len()).unwrap_or(i64::MAX);
            let find = collection
                .find(filter)
                .sort(order(table, 1))
                .limit(left)
                .hint(by(table.spec().index));
            let mut cursor = within(find).await.map_err(store_error)?;
            while within(cursor.advance()).await.map_err(store_error)? {
                let doc = cursor.deserialize_current().map_err(store_error)?;
                let row = read(table, doc)?;
                size += row.size();
                rows.push(row);
                if size > PAGE_BYTES {
                    return Ok(rows);
                }
            }
            if rows.len() >= limit {
                break;
            }
        }
        Ok(rows)
    }

    async fn count(&self, table: Table) -> Result<u64, Error> {
        count(self.db()?, table).await
    }

    async fn faults(&self) -> Result<Vec<String>, Error> {
        schema::missing(self.db()?).await.map_err(store_error)
    }
}

#[async_trait]
impl Load for Mongo {
    async fn load(&self, table: Table, rows: Vec<Row>) -> Result<(), Error> {
        let db = self.db()?;
        let collection = all(&db.database, table);
        for rows in rows.chunks(BATCH) {
            let docs = rows.iter().map(|row| write(table, row));
            let docs = docs.collect::<Result<Vec<_>, _>>()?;
            let insert = collection.insert_many(docs.clone()).ordered(true);
            match within(insert).await {
                Ok(_) => {}
                // Some are there from a try before: all go in again, each in the place of its like.
                Err(fault) if is_any_duplicate(&fault) => replace(db, table, docs).await?,
                Err(fault) => return Err(store_error(fault)),
            }
        }
        Ok(())
    }

    async fn last(&self, table: Table) -> Result<Option<Row>, Error> {
        let collection = all(&self.db()?.database, table);
        let find = collection
            .find_one(doc! {})
            .sort(order(table, -1))
            .hint(by(table.spec().index));
        let last = within(find).await.map_err(store_error)?;
        last.map(|doc| read(table, doc)).transpose()
    }

    async fn clear(&self, table: Table) -> Result<(), Error> {
        long(all(&self.db()?.database, table).delete_many(doc! {}))
            .await
            .map(drop)
    }

    async fn identify(&self, epoch: Epoch, secret: [u8; 32]) -> Result<(), Error> {
        let set = doc! { "$set": {
            "epoch": Uuid::from_bytes(*epoch.as_bytes()),
            "secret": binary(&secret),
        } };
        let identity = doc! { "_id": "identity" };
        within(self.db()?.meta.update_one(identity, set).upsert(true))
            .await
            .map(drop)
            .map_err(store_error)
    }

    async fn mark(&self) -> Result<Option<String>, Error> {
        mark(self.db()?).await
    }

    async fn set_mark(&self, mark: Option<&str>) -> Result<(), Error> {
        let (db, copy) = (self.db()?, doc! { "_id": "copy" });
        let done = match mark {
            Some(mark) => {
                let set = doc! { "$set": { "mark": mark } };
                within(db.meta.update_one(copy, set).upsert(true))
                    .await
                    .map(drop)
            }
            None => within(db.meta.delete_one(copy)).await.map(drop),
        };
        done.map_err(store_error)
    }
}

impl Mongo {
    /// What the database is, without making or changing anything, and where, without credentials.
    pub async fn glance(url: &str, wait: Duration) -> Result<(Glance, String), Error> {
        let reached = reach(url, wait).await?;
        let db = Collections::new(reached.client, reached.database, reached.presence);
        let mut counts = Vec::new();
        for table in Table::ALL {
            counts.push((*table, count(&db, *table).await?));
        }
        let glance = Glance {
            schema: schema::found(&db).await?,
            epoch: schema::epoch(&db).await?,
            mark: mark(&db).await?,
            counts,
        };
        Ok((glance, reached.location))
    }
}

pub(super) async fn mark(db: &Collections) -> Result<Option<String>, Error> {
    let found = within(db.meta.find_one(doc! { "_id": "copy" })).await;
    let found = found.map_err(store_error)?;
    // A mark that does not read is one all the same.
    Ok(found.map(|doc| doc.get_str("mark").unwrap_or_default().to_owned()))
}

pub(super) fn all(database: &Database, table: Table) -> Collection<Document> {
    database.collection(table.spec().name)
}

async fn count(db: &Collections, table: Table) -> Result<u64, Error> {
    long(
        all(&db.database, table)
            .count_documents(doc! {})
            .hint(by("_id_")),
    )
    .await
}

async fn long<T, F>(request: F) -> Result<T, Error>
where
    F: IntoFuture<Output = Result<T, Fault>>,
{
    match timeout(LONG, request.into_future()).await {
        Ok(answer) => answer.map_err(store_error),
        Err(_) => Err(Error::Unavailable(format!(
            "no answer within {} min",
            LONG.as_secs() / 60
        ))),
    }
}

/// Each in the place of the one with its key, one after the other.
async fn replace(db: &Collections, table: Table, docs: Vec<Document>) -> Result<(), Error> {
    let key = &table.spec().fields[..table.spec().key];
    let updates = docs.into_iter().map(|doc| {
        let of = key
            .iter()
            .map(|f| (f.mongo.to_owned(), doc[f.mongo].clone()));
        let of: Document = of.collect();
        Bson::from(doc! { "q": of, "u": doc, "upsert": true })
    });
    let command = doc! {
        "update": table.spec().name,
        "updates": updates.collect::<Vec<_>>(),
        "ordered": true,
        "writeConcern": majority(),
    };
    let answer = within(db.database.run_command(command))
        .await
        .map_err(store_error)?;
    for wrong in ["writeErrors", "writeConcernError"] {
        if let Some(why) = answer.get(wrong) {
            return Err(Error::Unavailable(format!("{table} do not go in: {why}")));
        }
    }
    Ok(())
}

pub(super) fn order(table: Table, direction: i32) -> Document {
    let key = &table.spec().fields[..table.spec().key];
    key.iter()
        .map(|field| (field.mongo.to_owned(), Bson::from(direction)))
        .collect()
}

/// Filters that find, one after the other, all that comes after a key: first what has all of it but the
/// last part in common, then what has less. Each is one range of the index.
pub(super) fn beyond(table: Table, after: Option<&[Value]>) -> Vec<Document> {
    let Some(after) = after else {
        return vec![doc! {}];
    };
    let key: Vec<_> = table.spec().fields.iter().zip(after).collect();
    let range = |common: usize| {
        let mut filter = Document::new();
        for (field, value) in &key[..common] {
            filter.insert(field.mongo, bson(field, value).unwrap_or(Bson::Null));
        }
        let (field, value) = key[common];
        let than = match bson(field, value) {
            // Nothing compares with null but null; every id comes after it.
            None | Some(Bson::Null) => doc! { "$gte": Uuid::from_bytes([0; 16]) },
            Some(than) => doc! { "$gt": than },
        };
        filter.insert(field.mongo, than);
        filter
    };
    (0..key.len()).rev().map(range).collect()
}

/// The document of a row. What is not there is absent.
fn write(table: Table, row: &Row) -> Result<Document, Error> {
    let spec = table.spec();
    let mut doc = Document::new();
    for (field, value) in spec.fields.iter().zip(&row.0) {
        if *value == Value::Null {
            if field.absent == Absent::Null {
                doc.insert(field.mongo, Bson::Null);
            }
            continue;
        }
        let value = bson(field, value).ok_or_else(|| {
            let (place, name) = (row.place(table), field.sqlite);
            Error::Damaged(format!("{place}: {name} is not what belongs there"))
        })?;
        doc.insert(field.mongo, value);
    }
    for derived in spec.derived {
        let value = (derived.of)(row).and_then(|value| bson_as(derived.kind, value));
        if let Some(value) = value {
            doc.insert(derived.mongo, value);
        }
    }
    Ok(doc)
}

/// The row of a document. A field that is not in the description is an error: it would be lost.
pub(super) fn read(table: Table, mut doc: Document) -> Result<Row, Error> {
    let spec = table.spec();
    let mut row = Vec::with_capacity(spec.fields.len());
    for field in spec.fields {
        row.push(match doc.remove(field.mongo) {
            None => match field.absent {
                Absent::Nothing | Absent::Null => Value::Null,
                Absent::Int(n) => Value::Int(n),
                Absent::Text(text) => Value::Text(text.to_owned()),
            },
            Some(bson) => value(field, bson).ok_or_else(|| {
                let name = field.mongo;
                Error::Damaged(format!("{table}: {name} is not what belongs there"))
            })?,
        });
    }
    let row = Row(row);
    for derived in spec.derived {
        doc.remove(derived.mongo);
    }
    // Where the key is another, `_id` means nothing.
    doc.remove("_id");
    match doc.keys().next() {
        Some(unknown) => Err(Error::Damaged(format!(
            "{} has a field {unknown} that this chatd does not know",
            row.place(table)
        ))),
        None => Ok(row),
    }
}

fn bson(field: &Field, value: &Value) -> Option<Bson> {
    bson_as(field.kind, value)
}

fn bson_as(kind: Kind, value: &Value) -> Option<Bson> {
    Some(match (kind, value) {
        (Kind::Bytes, Value::Bytes(bytes)) => Bson::Binary(binary(bytes)),
        (Kind::Text, Value::Text(text)) => Bson::String(text.clone()),
        (Kind::Time, Value::Int(ms)) => Bson::DateTime(DateTime::from_millis(*ms)),
        (Kind::Int, Value::Int(n)) => Bson::Int64(*n),
        (Kind::Short, Value::Int(n)) => i32::try_from(*n).map_or(Bson::Int64(*n), Bson::Int32),
        (Kind::Bool, Value::Int(n)) => Bson::Boolean(*n != 0),
        (Kind::Log, Value::Bytes(bytes)) => Bson::String(log_key(raw::log(bytes)?)),
        (Kind::Place, Value::Bytes(bytes)) if bytes.is_empty() => Bson::Null,
        (Kind::Id | Kind::Place, value) => Bson::from(Uuid::from_bytes(value.id()?)),
        (Kind::Json, Value::Text(text)) => serde_json::from_str(text).ok()?,
        _ => return None,
    })
}

fn value(field: &Field, bson: Bson) -> Option<Value> {
    Some(match (field.kind, bson) {
        (Kind::Place, Bson::Null) => Value::Bytes(Vec::new()),
        (_, Bson::Null) => Value::Null,
        (Kind::Json, bson) => Value::Text(json(&bson)?),
        (Kind::Id | Kind::Place, Bson::Binary(id)) => {
            Value::Bytes(id.to_uuid().ok()?.bytes().to_vec())
        }
        (
            Kind::Bytes,
            Bson::Binary(Binary {
                subtype: BinarySubtype::Generic,
                bytes,
            }),
        ) => Value::Bytes(bytes),
        (Kind::Text, Bson::String(text)) => Value::Text(text),
        (Kind::Time, Bson::DateTime(at)) => Value::Int(at.timestamp_millis()),
        (Kind::Int | Kind::Short, Bson::Int64(n)) => Value::Int(n),
        (Kind::Int | Kind::Short, Bson::Int32(n)) => Value::Int(n.into()),
        (Kind::Bool, Bson::Boolean(yes)) => Value::Int(yes.into()),
        (Kind::Log, Bson::String(text)) => Value::Bytes(log_bytes(&text)?),
        _ => return None,
    })
}

/// The JSON of a value, its fields in their order.
fn json(bson: &Bson) -> Option<String> {
    Some(match bson {
        Bson::Null => "null".to_owned(),
        Bson::Boolean(yes) => yes.to_string(),
        Bson::Int32(n) => n.to_string(),
        Bson::Int64(n) => n.to_string(),
        Bson::String(text) => serde_json::to_string(text).ok()?,
        Bson::Array(list) => {
            let each = list.iter().map(json).collect::<Option<Vec<_>>>()?;
            format!("[{}]", each.join(","))
        }
        Bson::Document(doc) => {
            let field = |(name, value): (&String, &Bson)| {
                let name = serde_json::to_string(name).ok()?;
                Some(format!("{name}:{}", json(value)?))
            };
            let each = doc.iter().map(field).collect::<Option<Vec<_>>>()?;
            format!("{{{}}}", each.join(","))
        }
        _ => return None,
    })
}

/// What a log's name is in SQLite.
fn log_bytes(text: &str) -> Option<Vec<u8>> {
    let (tag, id) = match text.split_once(':') {
        None if text == log_key(LogId::Control) => return Some(b"c".to_vec()),
        Some(("user", id)) => (b'u', id),
        Some(("room", id)) => (b'r', id),
        _ => return None,
    };
    let mut bytes = vec![tag];
    bytes.extend(Uuid::parse_str(id).ok()?.bytes());
    Some(bytes)
}
