//! The store, as operators look after it.

use serde_json::json;

use super::Ops;
use crate::{
    id::Epoch,
    log::refuse,
    model::{Authority, Permission, Refusal},
    rights,
    store::{Info, Write, raw::Table},
};

/// What the store is and what it holds.
#[derive(Clone, Debug)]
pub struct Holdings {
    /// What it is.
    pub info: Info,
    /// How many records each table has.
    pub counts: Vec<(Table, u64)>,
}

impl Ops {
    /// What the store is and what it holds.
    pub async fn holdings(&self) -> Result<Holdings, Refusal> {
        let info = self.store.info().await.map_err(|e| refuse(&e))?;
        let mut counts = Vec::new();
        for &table in Table::ALL.iter().rev() {
            let count = self.store.count(table).await.map_err(|e| refuse(&e))?;
            counts.push((table, count));
        }
        Ok(Holdings { info, counts })
    }

    /// Records that the store went back to a backup. Only where no server runs.
    pub async fn note_restore(
        &self,
        by: &Authority,
        detail: serde_json::Value,
    ) -> Result<(), Refusal> {
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
            draft.act("store.restore", &by.actor(), None, detail.clone(), &[]);
            Ok(())
        });
        done.await.map(drop).map_err(Into::into)
    }

    /// Records that the search index is made anew, by somebody who may.
    pub async fn note_reindex(&self, by: &Authority, dry_run: bool) -> Result<(), Refusal> {
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                draft.act("store.reindex", &by.actor(), None, json!(null), &[]);
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// Makes the store another incarnation: which it was, and which it is. Only where no server runs, which
    /// would go on speaking of the old one.
    pub async fn new_epoch(
        &self,
        by: &Authority,
        dry_run: bool,
    ) -> Result<(Epoch, Epoch), Refusal> {
        if self.listen.is_some() {
            let why = "a server runs on this store: stop it first";
            return Err(Refusal::Conflict(why.into()));
        }
        let (before, after) = (self.store.epoch(), Epoch::new(self.clock.now()));
        let (touches, by) = (by.touching(&[]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |who| rights::may(who, Permission::ServerManage))?;
                let detail = json!({"before": before.to_string(), "after": after.to_string()});
                draft.act("store.new_epoch", &by.actor(), None, detail, &[]);
                draft.write(Write::SetEpoch(after));
                Ok(())
            });
        done.await?;
        Ok((before, after))
    }
}
