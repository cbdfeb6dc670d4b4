//! What is another in a backup than in the store that is there: who may what, and who may not.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    id::UserId,
    model::Status,
    store::{
        Error,
        raw::{Row, Scan, Table, Value},
    },
};

/// How many records are read at a time.
const PAGE: usize = 1_000;

/// What going back changes for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// Whose role or status is another then, who is not there then, and who is.
    pub people: Vec<PersonChange>,
    /// Mutes and bans that begin or end.
    pub sanctions: Vec<SanctionChange>,
    /// Banned addresses that begin or end to be.
    pub addresses: Vec<AddressChange>,
    /// How many entries of all logs there are now, and then.
    pub entries: (u64, u64),
    /// How many deleted or edited messages there are now, and then.
    pub overlay: (u64, u64),
    /// Who is erased now, and not then.
    #[serde(skip)]
    pub erased: Vec<UserId>,
}

/// Somebody who may other things then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PersonChange {
    /// Who.
    pub user: String,
    /// What they are called, now or then.
    pub name: String,
    /// Role and status now; none where there is no such account.
    pub now: Option<String>,
    /// Role and status then.
    pub then: Option<String>,
}

/// A mute or a ban that holds only now, or only then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SanctionChange {
    /// `mute` or `ban`.
    pub kind: String,
    /// Whom.
    pub user: String,
    /// What they are called.
    pub name: String,
    /// In which room; none for everywhere.
    pub room: Option<String>,
    /// Whether it holds now.
    pub now: bool,
    /// Whether it holds then.
    pub then: bool,
}

/// An address that is banned only now, or only then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressChange {
    /// Which.
    pub network: String,
    /// Whether it is banned now.
    pub now: bool,
    /// Whether it is then.
    pub then: bool,
}

/// Somebody, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Person {
    name: String,
    role: String,
    status: String,
}

/// Compares the store that is there with the one that is to take its place.
pub(super) async fn compare(now: &dyn Scan, then: &dyn Scan) -> Result<Changes, Error> {
    let (people_now, people_then) = (people(now).await?, people(then).await?);
    let mut changes = Changes {
        entries: both(now, then, Table::Entries).await?,
        overlay: both(now, then, Table::Overlay).await?,
        ..Changes::default()
    };
    let ids: BTreeSet<_> = people_now.keys().chain(people_then.keys()).collect();
    for id in ids {
        let (now, then) = (people_now.get(id), people_then.get(id));
        let is_erased = |p: &Person| p.status == Status::Erased.as_str();
        if now.is_some_and(is_erased) && then.is_some_and(|then| !is_erased(then)) {
            changes.erased.push(UserId::from_bytes(*id));
            continue;
        }
        let told = |p: &Person| format!("{}, {}", p.role, p.status);
        let (told_now, told_then) = (now.map(told), then.map(told));
        if told_now != told_then {
            changes.people.push(PersonChange {
                user: Uuid::from_bytes(*id).to_string(),
                name: now.or(then).map_or_else(String::new, |p| p.name.clone()),
                now: told_now,
                then: told_then,
            });
        }
    }
    let (sanctions_now, sanctions_then) = (sanctions(now).await?, sanctions(then).await?);
    for key in sanctions_now.symmetric_difference(&sanctions_then) {
        let (room, user, kind) = key;
        let person = people_now.get(user).or(people_then.get(user));
        changes.sanctions.push(SanctionChange {
            kind: kind.clone(),
            user: Uuid::from_bytes(*user).to_string(),
            name: person.map_or_else(String::new, |p| p.name.clone()),
            room: room.map(|room| Uuid::from_bytes(room).to_string()),
            now: sanctions_now.contains(key),
            then: sanctions_then.contains(key),
        });
    }
    let (banned_now, banned_then) = (addresses(now).await?, addresses(then).await?);
    for network in banned_now.symmetric_difference(&banned_then) {
        changes.addresses.push(AddressChange {
            network: network.clone(),
            now: banned_now.contains(network),
            then: banned_then.contains(network),
        });
    }
    Ok(changes)
}

async fn both(now: &dyn Scan, then: &dyn Scan, table: Table) -> Result<(u64, u64), Error> {
    Ok((now.count(table).await?, then.count(table).await?))
}

async fn people(store: &dyn Scan) -> Result<BTreeMap<[u8; 16], Person>, Error> {
    let mut people = BTreeMap::new();
    each(store, Table::Users, |row| {
        let text = |field| row.get(Table::Users, field).text().unwrap_or_default();
        if let Some(id) = row.key(Table::Users)[0].id() {
            people.insert(
                id,
                Person {
                    name: text("name").to_owned(),
                    role: text("role").to_owned(),
                    status: text("status").to_owned(),
                },
            );
        }
    })
    .await?;
    Ok(people)
}

type SanctionKey = (Option<[u8; 16]>, [u8; 16], String);

async fn sanctions(store: &dyn Scan) -> Result<BTreeSet<SanctionKey>, Error> {
    let mut sanctions = BTreeSet::new();
    each(store, Table::Sanctions, |row| {
        let of = |field| row.get(Table::Sanctions, field);
        if let (Some(user), Some(kind)) = (of("user").id(), of("kind").text()) {
            sanctions.insert((of("room").id(), user, kind.to_owned()));
        }
    })
    .await?;
    Ok(sanctions)
}

async fn addresses(store: &dyn Scan) -> Result<BTreeSet<String>, Error> {
    let mut addresses = BTreeSet::new();
    each(store, Table::AddressBans, |row| {
        if let Some(network) = row.key(Table::AddressBans)[0].text() {
            addresses.insert(network.to_owned());
        }
    })
    .await?;
    Ok(addresses)
}

async fn each(
    store: &dyn Scan,
    table: Table,
    mut take: impl FnMut(&Row) + Send,
) -> Result<(), Error> {
    let mut after: Option<Vec<Value>> = None;
    loop {
        let page = store.scan(table, after.as_deref(), PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.key(table).to_vec());
        page.iter().for_each(&mut take);
    }
}
