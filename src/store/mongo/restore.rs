//! Setting aside what a database holds, to fill it anew from a backup.

use std::time::Duration;

use mongodb::bson::{Document, doc};

use super::{
    Mongo,
    connect::reach,
    fault::{store_error, within},
    raw,
    schema::Collections,
};
use crate::store::{Error, copy::RESTORE, raw::Table};

/// The document in `meta` that says under which names it is set aside.
const ASIDE: &str = "restore";

impl Mongo {
    /// The mark of a database that is being restored from there.
    pub fn restoring(from: &str) -> String {
        format!("{RESTORE}{from}")
    }

    /// Gives every collection another name, that begins with `prefix`, or with what an interrupted restore has
    /// begun with. From before the first the database is not served. Answers with what the names begin; none
    /// where there was nothing. `each` is called after every step.
    pub async fn set_aside(
        url: &str,
        wait: Duration,
        from: &str,
        prefix: &str,
        each: fn(&str),
    ) -> Result<Option<String>, Error> {
        let reached = reach(url, wait).await?;
        let db = Collections::new(reached.client, reached.database, reached.presence);
        let set = |id: &'static str, fields: Document| {
            let (meta, fields) = (db.meta.clone(), doc! { "$set": fields });
            async move {
                let put = meta.update_one(doc! { "_id": id }, fields).upsert(true);
                within(put).await.map(drop).map_err(store_error)
            }
        };
        let marked = raw::mark(&db).await?.is_some();
        let begun = within(db.meta.find_one(doc! { "_id": ASIDE })).await;
        let begun = begun.map_err(store_error)?.filter(|_| marked);
        let begun = begun.and_then(|doc| doc.get_str("prefix").map(str::to_owned).ok());
        let prefix = if let Some(begun) = begun {
            begun
        } else {
            set(ASIDE, doc! { "prefix": prefix }).await?;
            prefix.to_owned()
        };
        set("copy", doc! { "mark": Self::restoring(from) }).await?;
        each("restore-marked");
        let names = within(db.database.list_collection_names()).await;
        let names = names.map_err(store_error)?;
        let has = |name: &str| names.iter().any(|known| known == name);
        let mut any = names.iter().any(|name| name.starts_with(&prefix));
        for table in Table::ALL.iter().map(|table| table.as_str()) {
            let aside = format!("{prefix}{table}");
            if has(table) && !has(&aside) {
                rename(&db, table, &aside).await?;
                any = true;
                each("restore-renamed");
            }
        }
        // What the collections were; the next to open the database makes them anew.
        let meta = db.database.collection::<Document>(&format!("{prefix}meta"));
        for id in ["identity", "schema"] {
            let found = within(db.meta.find_one(doc! { "_id": id })).await;
            let Some(found) = found.map_err(store_error)? else {
                continue;
            };
            let known = within(meta.find_one(doc! { "_id": id })).await;
            if known.map_err(store_error)?.is_none() {
                within(meta.insert_one(found)).await.map_err(store_error)?;
            }
        }
        let forget = db.meta.delete_one(doc! { "_id": "schema" });
        within(forget).await.map_err(store_error)?;
        Ok(any.then_some(prefix))
    }

    /// What is set aside is no part of a restore any more.
    pub async fn forget_aside(&self) -> Result<(), Error> {
        let forget = self.db()?.meta.delete_one(doc! { "_id": ASIDE });
        within(forget).await.map(drop).map_err(store_error)
    }
}

async fn rename(db: &Collections, from: &str, to: &str) -> Result<(), Error> {
    let base = db.database.name();
    let command = doc! {
        "renameCollection": format!("{base}.{from}"),
        "to": format!("{base}.{to}"),
    };
    let admin = db.client.database("admin");
    let renamed = within(admin.run_command(command)).await;
    renamed.map(drop).map_err(store_error)
}
