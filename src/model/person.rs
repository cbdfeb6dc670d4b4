//! A person as rights are decided by: the account, what its role gives, what sanctions take.

use std::{collections::HashMap, ops::Deref};

use super::{
    archive::{ArchivePolicy, Hold},
    permission::Permissions,
    record::{Registration, Status, User},
    role::{Builtin, Role},
    sanction::{AddressBan, Sanction, SanctionKind},
    text::RoleName,
};
use crate::clock::Millis;

/// A person as they stand.
#[derive(Clone, Debug)]
pub struct Person {
    /// The account.
    pub user: User,
    /// What the role gives.
    pub permissions: Permissions,
    /// What is taken from them everywhere, also what has run out.
    pub sanctions: Vec<Sanction>,
}

impl Person {
    /// The person at this moment, by means of something that lets them do only what is in `scopes`.
    pub fn who(&self, scopes: Permissions, now: Millis) -> Who<'_> {
        Who {
            person: self,
            permissions: self.permissions.and(scopes),
            now,
        }
    }

    /// The sanction of this kind that holds everywhere, if one does.
    pub fn sanction(&self, kind: SanctionKind, now: Millis) -> Option<&Sanction> {
        self.sanctions
            .iter()
            .find(|s| s.kind == kind && s.holds(now))
    }

    /// Whether somebody can log in and act: for counting on them.
    pub fn can_log_in(&self, now: Millis) -> bool {
        self.user.status == Status::Active
            && !self.user.bot
            && self.sanction(SanctionKind::Ban, now).is_none()
    }
}

/// A person who asks something, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    person: &'a Person,
    /// What they may do, by what they came with.
    pub permissions: Permissions,
    /// When.
    pub now: Millis,
}

impl Who<'_> {
    /// Whether they have this permission themselves, whatever they came with.
    pub fn person_has(&self, permission: super::permission::Permission) -> bool {
        self.person.permissions.has(permission)
    }
}

impl Deref for Who<'_> {
    type Target = Person;

    fn deref(&self) -> &Person {
        self.person
    }
}

/// What holds for the whole server, kept in memory: roles, who may register, banned addresses,
/// holds, how the archive runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The roles that operators made.
    pub roles: HashMap<RoleName, Role>,
    /// Who may register, where it was decided at run time; else the settings say.
    pub registration: Option<Registration>,
    /// Whose addresses are not let in.
    pub address_bans: Vec<AddressBan>,
    /// What must not be taken out of the store.
    pub holds: Vec<Hold>,
    /// How the archive runs, where it was decided at run time; else the settings say.
    pub archive: ArchivePolicy,
}

impl Policy {
    /// What a role gives; nothing when there is none of that name.
    pub fn permissions(&self, role: &RoleName) -> Permissions {
        self.known(role).unwrap_or(Permissions::NONE)
    }

    /// What a role gives; none when there is none of that name.
    pub fn known(&self, role: &RoleName) -> Option<Permissions> {
        let builtin = Builtin::named(role.as_str()).map(Builtin::permissions);
        builtin.or_else(|| self.roles.get(role).map(|r| r.permissions))
    }
}
