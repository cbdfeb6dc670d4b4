//! Every connection, by user. In parts with a lock each, so that whoever looks at all of them stops nobody for
//! long.

use std::{collections::HashMap, sync::Arc, time::Instant};

use parking_lot::Mutex;

use super::Connection;
use crate::id::UserId;

/// How many parts: with 20,000 connections a part has 600, which are copied in some microseconds.
const PARTS: usize = 32;

type Part = Mutex<HashMap<UserId, Vec<Arc<Connection>>>>;

/// Every connection, by user.
#[derive(Debug, Default)]
pub(super) struct Register {
    parts: [Part; PARTS],
}

impl Register {
    /// The part a user's connections are in. The last byte of an id is random.
    fn part(&self, user: UserId) -> &Part {
        let [.., last] = user.as_bytes();
        &self.parts[usize::from(*last) % PARTS]
    }

    pub(super) fn add(&self, connection: &Arc<Connection>) {
        let mut part = self.part(connection.user).lock();
        let of_user = part.entry(connection.user).or_default();
        of_user.push(Arc::clone(connection));
    }

    pub(super) fn remove(&self, connection: &Arc<Connection>) {
        let mut part = self.part(connection.user).lock();
        if let Some(of_user) = part.get_mut(&connection.user) {
            of_user.retain(|c| !Arc::ptr_eq(c, connection));
            if of_user.is_empty() {
                part.remove(&connection.user);
            }
        }
    }

    pub(super) fn has(&self, user: UserId) -> bool {
        self.part(user).lock().contains_key(&user)
    }

    pub(super) fn of(&self, user: UserId) -> Vec<Arc<Connection>> {
        let part = self.part(user).lock();
        part.get(&user).cloned().unwrap_or_default()
    }

    /// Whether every part's lock is to be had until then.
    pub(super) fn answers(&self, until: Instant) -> bool {
        let mut parts = self.parts.iter();
        parts.all(|part| part.try_lock_until(until).is_some())
    }

    pub(super) fn all(&self) -> Vec<Arc<Connection>> {
        let mut all = Vec::new();
        for part in &self.parts {
            all.extend(part.lock().values().flatten().cloned());
        }
        all
    }
}
