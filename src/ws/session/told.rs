//! What those who watch are told of a session.

use super::Session;
use crate::{
    feed::{Happening, Kind},
    hub::Connection,
};

impl Session {
    /// Tells that a connection came or went, and why.
    pub(super) fn tell(&self, connection: &Connection, what: &str, why: Option<&str>) {
        let user = self.app.chat.log.user_in_memory(connection.user);
        let address = connection.address.to_canonical();
        self.app.feeds.tell(Happening {
            at: self.app.clock.now(),
            kind: Kind::Connection,
            what: what.into(),
            who: Some(user.map_or_else(|| connection.user.to_string(), |u| u.name().into())),
            target: Some(connection.id.to_string()),
            detail: Some(match why {
                Some(why) => format!("{why}, from {address}"),
                None => format!("from {address}"),
            }),
        });
    }
}
