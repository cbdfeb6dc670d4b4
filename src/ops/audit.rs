//! The control log, as operators read it.

use std::{collections::HashMap, fmt, str::FromStr};

use serde_json::Value;

use super::Ops;
use crate::{
    clock::Millis,
    id::{LogId, RoomId, UserId},
    log::refuse,
    model::{Act, Authority, Invalid, Permission, Refusal, RoomName, UserRef, Username},
    store::{RawEntry, Span},
};

/// How many rows are read at a time.
const SLICE: usize = 500;
/// How many bytes of them.
const SLICE_BYTES: usize = 1 << 20;
/// How many rows one request looks at: with a filter that hardly anything passes, the page is short, and the
/// next one goes on from there.
const SCAN: usize = 5000;

/// Which acts to list.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Those of this account.
    pub user: Option<UserRef>,
    /// Those called so.
    pub act: Option<ActPattern>,
    /// Those done to this: an id, or the name of a user or room.
    pub target: Option<String>,
    /// Not before this.
    pub since: Option<Millis>,
    /// Before this.
    pub until: Option<Millis>,
}

/// Which part of a list: from which end, after which `seq`, and how many.
#[derive(Clone, Copy, Debug)]
pub struct AuditPage {
    /// The last ones first.
    pub newest_first: bool,
    /// The `seq` of the last row of the page before.
    pub cursor: Option<u64>,
    /// How many.
    pub limit: usize,
}

/// A page of acts.
#[derive(Clone, Debug, Default)]
pub struct Audited {
    /// Each row, with the act in it if it reads.
    pub rows: Vec<(RawEntry, Option<Act>)>,
    /// Where the next page begins.
    pub next: Option<u64>,
    /// What those are called whose ids are in them, as far as they are known.
    pub names: HashMap<String, Known>,
}

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A user.
    User(Username),
    /// A room.
    Room(RoomName),
}

/// What acts are called: `user.role`, or `user.*` for all about users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActPattern(String);

impl FromStr for ActPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let word =
            |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        match text.split_once('.') {
            Some((noun, verb)) if word(noun) && (verb == "*" || word(verb)) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(Invalid(
                "an act is written like user.role, or user.* for all about users".into(),
            )),
        }
    }
}

impl fmt::Display for ActPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ActPattern {
    fn fits(&self, act: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(noun) => act.starts_with(noun),
            None => act == self.0,
        }
    }
}

/// A filter whose names were looked up.
struct Sieve {
    user: Option<UserId>,
    act: Option<ActPattern>,
    target: Option<Vec<String>>,
}

impl Sieve {
    fn is_open(&self) -> bool {
        self.user.is_none() && self.act.is_none() && self.target.is_none()
    }

    fn passes(&self, act: Option<&Act>) -> bool {
        let Some(act) = act else {
            // What does not read is shown unless something is asked about its content.
            return self.is_open();
        };
        let by = self.user.is_none_or(|user| act.actor.user == Some(user));
        let called = self.act.as_ref().is_none_or(|p| p.fits(&act.act));
        let meant = |ids: &Vec<String>| {
            let of = |field: &str| act.detail[field].as_str().map(ToOwned::to_owned);
            let named = [act.target.clone(), of("user"), of("name")];
            named.into_iter().flatten().any(|name| ids.contains(&name))
        };
        by && called && self.target.as_ref().is_none_or(meant)
    }
}

impl Ops {
    /// A page of the control log.
    pub async fn audit(
        &self,
        by: &Authority,
        filter: AuditFilter,
        page: AuditPage,
    ) -> Result<Audited, Refusal> {
        self.check(by, Permission::AuditRead).await?;
        let sieve = self.sieve(&filter).await?;
        let mut at = match (page.cursor, page.newest_first) {
            (Some(cursor), _) => cursor,
            (None, true) => match filter.until {
                Some(until) => self.first_since(until).await?,
                None => u64::MAX,
            },
            (None, false) => match filter.since {
                Some(since) => self.first_since(since).await? - 1,
                None => 0,
            },
        };
        let mut found = Audited::default();
        let mut looked = 0;
        'scan: loop {
            let span = if page.newest_first {
                Span::before(at)
            } else {
                Span::after(at)
            };
            let rows = self.control_rows(span, SLICE).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                let time = row.at.map(Millis);
                let over = if page.newest_first {
                    filter.since.zip(time).is_some_and(|(since, t)| t < since)
                } else {
                    filter.until.zip(time).is_some_and(|(until, t)| t >= until)
                };
                if over {
                    break 'scan;
                }
                at = row.seq;
                looked += 1;
                let act: Option<Act> = serde_json::from_str(&row.data).ok();
                let act = act.filter(|_| row.kind == "act");
                if sieve.passes(act.as_ref()) {
                    found.rows.push((row, act));
                }
                if found.rows.len() == page.limit || looked == SCAN {
                    found.next = Some(at).filter(|at| !page.newest_first || *at > 1);
                    break 'scan;
                }
            }
        }
        found.names = self.known(&found.rows).await?;
        Ok(found)
    }

    /// Rows of the control log as they lie there, after this `seq`, and the `seq` of the last one.
    pub async fn audit_rows(
        &self,
        by: &Authority,
        after: u64,
        limit: usize,
    ) -> Result<(Vec<RawEntry>, u64), Refusal> {
        self.check(by, Permission::AuditRead).await?;
        let head = self.store.head(LogId::Control).await;
        let head = head.map_err(|e| refuse(&e))?.seq;
        Ok((self.control_rows(Span::after(after), limit).await?, head))
    }

    /// The `seq` of the first act at or after a moment.
    pub async fn audit_position(&self, by: &Authority, at: Millis) -> Result<u64, Refusal> {
        self.check(by, Permission::AuditRead).await?;
        self.first_since(at).await
    }

    /// The same. Times never go back along the log.
    async fn first_since(&self, at: Millis) -> Result<u64, Refusal> {
        let head = self.store.head(LogId::Control).await;
        let (mut low, mut high) = (1, head.map_err(|e| refuse(&e))?.seq + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            let span = Span {
                after: middle - 1,
                upto: high - 1,
                newest_first: false,
            };
            match self.control_rows(span, 1).await?.first() {
                Some(row) if row.at.is_none_or(|t| Millis(t) < at) => low = row.seq + 1,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    async fn control_rows(&self, span: Span, limit: usize) -> Result<Vec<RawEntry>, Refusal> {
        let rows = self
            .store
            .raw_entries(LogId::Control, span, limit, SLICE_BYTES);
        rows.await.map_err(|e| refuse(&e))
    }

    async fn sieve(&self, filter: &AuditFilter) -> Result<Sieve, Refusal> {
        let user = match &filter.user {
            // An account that is no more has left its id.
            Some(UserRef::Id(id)) => Some(*id),
            Some(name) => Some(self.find_user(name).await?.id),
            None => None,
        };
        let target = match &filter.target {
            Some(text) => Some(self.meant(text).await?),
            None => None,
        };
        let act = filter.act.clone();
        Ok(Sieve { user, act, target })
    }

    /// What somebody may mean by the name of a target: the text itself, and the ids of who is called so.
    async fn meant(&self, text: &str) -> Result<Vec<String>, Refusal> {
        let mut meant = vec![text.to_owned()];
        if let Ok(name) = Username::parse(text) {
            let user = self.store.user_by_name(&name).await;
            meant.extend(user.map_err(|e| refuse(&e))?.map(|u| u.id.to_string()));
        }
        if let Ok(name) = RoomName::parse(text) {
            let rooms = self.store.all_rooms_named(&name).await;
            let rooms = rooms.map_err(|e| refuse(&e))?;
            meant.extend(rooms.iter().map(ToString::to_string));
        }
        Ok(meant)
    }

    async fn known(
        &self,
        rows: &[(RawEntry, Option<Act>)],
    ) -> Result<HashMap<String, Known>, Refusal> {
        let mut ids = Vec::new();
        for act in rows.iter().filter_map(|(_, act)| act.as_ref()) {
            ids.extend(act.actor.user.map(|id| id.to_string()));
            ids.extend(act.target.clone());
            collect(&act.detail, &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        let users: Vec<UserId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let rooms: Vec<RoomId> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let users = self.store.users(&users).await.map_err(|e| refuse(&e))?;
        let rooms = self.store.rooms(&rooms).await.map_err(|e| refuse(&e))?;
        let users = users
            .into_iter()
            .map(|u| (u.id.to_string(), Known::User(u.name)));
        let rooms = rooms
            .into_iter()
            .map(|r| (r.id.to_string(), Known::Room(r.name)));
        Ok(users.chain(rooms).collect())
    }
}

/// Every text of a value that is shaped like an id.
fn collect(value: &Value, ids: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() == 36 && text.parse::<UserId>().is_ok() => {
            ids.push(text.clone());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, ids)),
        Value::Object(members) => members.values().for_each(|member| collect(member, ids)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_one_act_or_all_of_a_noun() {
        let fits = |pattern: &str, act| pattern.parse::<ActPattern>().unwrap().fits(act);
        assert!(fits("user.role", "user.role"));
        assert!(!fits("user.role", "user.role_of"));
        assert!(fits("user.*", "user.role"));
        assert!(!fits("user.*", "username.role"));
        for bad in [
            "",
            "user",
            "*",
            "user.",
            ".role",
            "user.r*",
            "User.role",
            "a.b.c",
        ] {
            assert!(bad.parse::<ActPattern>().is_err(), "{bad}");
        }
    }
}
