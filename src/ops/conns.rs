//! Connections, as those who administer see and close them.

use ipnet::IpNet;
use serde_json::json;

use super::{Asked, ConnRow, Found, Ops};
use crate::{
    hub::{Close, CloseCode, Connection},
    id::{ConnId, UserId},
    model::{Authority, Facts, Permission, Reason, Refusal, RoomKind},
    rights,
};

/// How many rooms of a connection are told.
const ROOMS: usize = 500;

/// Which connections are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whom {
    /// This one.
    Conn(ConnId),
    /// All of this user.
    User(UserId),
    /// All that come from these addresses.
    Addresses(IpNet),
}

impl Ops {
    /// Connections, sorted, filtered and cut; their rates are since they came.
    pub async fn conns(&self, by: &Authority, asked: Asked<'_>) -> Result<Found<ConnRow>, Refusal> {
        self.check(by, Permission::ConnList).await?;
        self.watch_conns(by, asked, None)
    }

    /// One connection, and the names of the rooms it listens to, of those that the asker sees.
    pub async fn conn(
        &self,
        by: &Authority,
        id: ConnId,
    ) -> Result<(ConnRow, Vec<String>), Refusal> {
        self.check(by, Permission::ConnList).await?;
        let found = self.hub.connection(id);
        let connection = found.ok_or(Refusal::NotFound("connection"))?;
        let rooms = self.hub.rooms_of(&connection).into_iter();
        let mut names: Vec<String> = rooms
            .filter_map(|id| match self.log.room_in_memory(id) {
                Some(live) => {
                    let facts = live.facts();
                    Self::sees(by, &facts).then(|| facts.room.name.as_str().to_owned())
                }
                None => matches!(by, Authority::Operator(_)).then(|| id.to_string()),
            })
            .collect();
        names.sort_unstable();
        names.truncate(ROOMS);
        Ok((self.read_conn(connection), names))
    }

    /// Whether a room is there for an authority: operators see all, others public rooms and their own.
    pub(super) fn sees(by: &Authority, facts: &Facts) -> bool {
        match by.user() {
            Some(user) => facts.room.kind == RoomKind::Public || facts.members.contains_key(&user),
            None => true,
        }
    }

    /// Closes connections, whose clients may come back; answers how many.
    pub async fn kick(
        &self,
        by: &Authority,
        whom: Whom,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<u64, Refusal> {
        self.check(by, Permission::ConnKick).await?;
        let meant = self.meant_by(whom);
        if meant.is_empty()
            && let Whom::Conn(_) = whom
        {
            return Err(Refusal::NotFound("connection"));
        }
        let closed = meant.len() as u64;
        // Whoever is no operator needs to be above each of them.
        let mut people: Vec<UserId> = meant.iter().map(|c| c.user).collect();
        people.sort_unstable();
        people.dedup();
        let logs = people.iter().map(|user| (*user).into()).collect::<Vec<_>>();
        let (touches, asker) = match by {
            Authority::Operator(_) => (by.touching(&[]), by.clone()),
            Authority::Caller(_) => (by.touching(&logs), by.clone()),
        };
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&asker, |who| rights::may(who, Permission::ConnKick))?;
                if let Authority::Caller(_) = asker {
                    for user in &people {
                        // A copy: one does not look at somebody while looking at them.
                        let other = draft.user(*user)?.person();
                        draft.authorise(&asker, |who| rights::may_kick(who, &other))?;
                    }
                }
                let of = people.first().filter(|_| matches!(whom, Whom::Conn(_)));
                let detail = json!({"closed": closed, "reason": reason, "user": of});
                let (target, network) = match whom {
                    Whom::Conn(id) => (Some(id.to_string()), None),
                    Whom::User(user) => (Some(user.to_string()), None),
                    Whom::Addresses(network) => (None, Some(network.to_string())),
                };
                let personal: Vec<_> = network.iter().map(|n| ("network", n.as_str())).collect();
                draft.act("conn.kick", &asker.actor(), target, detail, &personal);
                Ok(())
            });
        done.await?;
        if dry_run {
            return Ok(closed);
        }
        // Those who were looked at: who came meanwhile was not, and came after it.
        let spread = self.config.get().server.reconnect_spread.get();
        for connection in &meant {
            let close = Close::spread(CloseCode::Kicked, spread);
            connection.outbox.close(close);
        }
        Ok(closed)
    }

    fn meant_by(&self, whom: Whom) -> Vec<std::sync::Arc<Connection>> {
        match whom {
            Whom::Conn(id) => self.hub.connection(id).into_iter().collect(),
            Whom::User(user) => self.hub.connections_of(user),
            Whom::Addresses(network) => {
                let mut all = self.hub.connections();
                all.retain(|c| network.contains(&c.address.to_canonical()));
                all
            }
        }
    }
}
