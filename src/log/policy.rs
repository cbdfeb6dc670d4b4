//! What holds for the whole server, out of what the store has of it, and how a write changes it.

use crate::{
    model::{ArchivePolicy, Policy, RoleName},
    store::{PolicyState, Write},
};

/// The setting under which it is kept who may register.
pub const REGISTRATION: &str = "registration";
/// The setting under which it is kept how the archive runs.
pub const ARCHIVE: &str = "archive";

/// Whether anybody decides by this setting.
pub(super) fn decides(name: &str) -> bool {
    matches!(name, REGISTRATION | ARCHIVE)
}

/// From what the store has.
pub(super) fn of(state: PolicyState) -> Policy {
    let PolicyState {
        roles,
        settings,
        address_bans,
        holds,
    } = state;
    let mut policy = Policy {
        roles: roles.into_iter().map(|r| (r.name.clone(), r)).collect(),
        registration: None,
        address_bans,
        holds,
        archive: ArchivePolicy::default(),
    };
    for (name, value) in settings {
        set(&mut policy, &name, &value);
    }
    policy
}

/// Takes in a write; answers the role whose holders may do something else now.
pub(super) fn apply(policy: &mut Policy, write: Write) -> Option<RoleName> {
    match write {
        Write::PutRole(role) => {
            let name = role.name.clone();
            policy.roles.insert(name.clone(), role);
            Some(name)
        }
        Write::DeleteRole(name) => {
            policy.roles.remove(&name);
            Some(name)
        }
        Write::PutSetting(name, value) => {
            set(policy, &name, &value);
            None
        }
        Write::PutAddressBan(ban) => {
            policy.address_bans.retain(|b| b.network != ban.network);
            policy.address_bans.push(ban);
            None
        }
        Write::DeleteAddressBan(network) => {
            policy.address_bans.retain(|b| b.network != network);
            None
        }
        Write::PutHold(hold) => {
            policy.holds.retain(|h| h.id != hold.id);
            policy.holds.push(hold);
            None
        }
        Write::DeleteHold(id) => {
            policy.holds.retain(|h| h.id != id);
            None
        }
        _ => None,
    }
}

/// A setting that does not read, or that this version does not know, is as if it were not set.
fn set(policy: &mut Policy, name: &str, value: &str) {
    match name {
        REGISTRATION => policy.registration = serde_json::from_str(value).unwrap_or(None),
        ARCHIVE => policy.archive = serde_json::from_str(value).unwrap_or_default(),
        _ => {}
    }
}
