//! Runs of the archive, through the admin socket.

use serde_json::{Value, json};

use super::{Admin, Builder, Room, Server, User, within};

impl Server {
    /// A server on which a message may be archived a millisecond after it was said.
    pub(crate) async fn archiving() -> Self {
        Self::archiving_builder().start().await
    }

    /// The same, to be.
    pub(crate) fn archiving_builder() -> Builder {
        let eager = Self::builder().set("archive.min_age", "0s");
        eager.set("archive.rate", "0")
    }

    /// Takes what is archived out for good. What is due is looked for at the start, so it is started again.
    pub(crate) async fn purge(&mut self) {
        self.admin().prune().await;
        self.restart().await;
        self.purged().await;
    }

    /// What is to be purged has been, and the run that did it is over.
    pub(crate) async fn purged(&self) {
        let due = |s: &Value| s["purge_at"].is_number() && !s["purged_at"].is_number();
        within("the purge", async {
            while self.admin().segments().await.iter().any(due) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.admin().idle().await;
    }
}

impl Admin {
    /// No run is under way.
    pub(crate) async fn idle(&self) {
        within("runs to end", async {
            loop {
                let runs = self.get("/v1/archive/runs").await;
                let mut runs = runs["items"].as_array().expect("items").iter();
                if runs.all(|run| run["state"] != "running") {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Marks what is archived, and not held, to be purged at once.
    pub(crate) async fn prune(&self) {
        let body = json!({"before": "1ms", "grace": 0});
        let begun = self.request("POST", "/v1/archive/prune", body).await;
        let run = self.ended(&begun.body).await;
        assert_eq!(run["state"], "done", "{run:#}");
    }

    /// Archives what there is, in all rooms: how it ended.
    pub(crate) async fn archive(&self) -> Value {
        let run = self.begin_run(&[]).await;
        self.ended(&run).await
    }

    /// Begins to archive what there is, in these rooms, or in all.
    pub(crate) async fn begin_run(&self, rooms: &[&Room]) -> Value {
        let rooms: Vec<_> = rooms.iter().map(|r| &r.id).collect();
        let body = json!({"before": "1ms", "rooms": rooms});
        let reply = self.request("POST", "/v1/archive/runs", body).await;
        assert_eq!(reply.status, 202, "{reply:#?}");
        reply.body
    }

    /// Waits for the end of a run.
    pub(crate) async fn ended(&self, run: &Value) -> Value {
        let id = run["id"].as_str().expect("an id");
        let path = format!("/v1/archive/runs/{id}");
        within("a run to end", async {
            loop {
                let run = self.get(&path).await;
                if run["state"] != "running" {
                    return run;
                }
                tokio::task::yield_now().await;
            }
        })
        .await
    }

    /// Makes live again what a run archived, or takes back what it pruned.
    pub(crate) async fn restore(&self, run: &Value) -> Value {
        let id = run["id"].as_str().expect("an id");
        let path = format!("/v1/archive/runs/{id}/restore");
        let begun = self.post(&path, Value::Null).await;
        self.ended(&begun).await
    }

    /// Every segment there is.
    pub(crate) async fn segments(&self) -> Vec<Value> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/archive/segments?limit=200{cursor}");
            let page = self.get(&path).await;
            all.extend(page["items"].as_array().expect("items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    }

    /// What checking the whole archive finds.
    pub(crate) async fn verify(&self) -> Vec<Value> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("/v1/archive/verify{cursor}")).await;
            found.extend(page["problems"].as_array().expect("a list").iter().cloned());
            match page["next"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => return found,
            }
        }
    }

    /// All entries of a room, archived or live, as operators see them.
    pub(crate) async fn entries(&self, room: &Room) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let path = room.path(&format!("/entries?after={after}"));
            let page = self.get(&path).await;
            let items = page["items"].as_array().expect("items");
            let Some(last) = items.last() else { return all };
            after = last["seq"].as_u64().expect("a seq");
            all.extend(items.iter().cloned());
        }
    }
}

/// Every message of a room, without the names that only their sender gave them: those are not archived.
pub(crate) async fn told(user: &User, room: &Room) -> Vec<Value> {
    let mut items = super::history(user, room).await;
    for item in &mut items {
        item.as_object_mut().expect("an object").remove("txn");
    }
    items
}
