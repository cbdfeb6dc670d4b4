//! Who may use the admin socket, and how much of it: by what the kernel says of whoever connects, and by the
//! groups that the name service says its user is in.
//!
//! The kernel tells user, main group and process. It knows the other groups of a process, too, but reading them
//! by the process's number is a race, and hidden from a service with `ProtectProc=`. So they are those of the
//! user's account. To reach a socket with a group, the kernel wants that group of the process itself.

pub mod reach;

use std::{
    collections::HashMap,
    ffi::CString,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use parking_lot::{Mutex, RwLock};

use super::level::Level;
use crate::config;

/// The kernel's word for somebody whom this namespace does not know.
const OVERFLOW: u32 = 65534;
/// How long what the name service said is believed.
const FRESH: Duration = Duration::from_mins(1);
/// How long the name service may take; then whoever connects has no groups but the kernel's.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many users are remembered.
const REMEMBERED: usize = 1024;

/// The other end of the socket, as the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The operating system's user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The process, where it can be told.
    pub pid: Option<i32>,
    /// What it may.
    pub level: Option<Level>,
}

impl Peer {
    /// This process itself, which holds the store: it may do everything.
    pub fn this() -> Self {
        Self {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
            pid: i32::try_from(std::process::id()).ok(),
            level: Some(Level::Own),
        }
    }

    /// Why it may not, what would be needed, and what gives it.
    pub(super) fn refusal(&self, needed: Level) -> String {
        let Self {
            uid, gid, level, ..
        } = self;
        if *uid == OVERFLOW {
            return "the kernel does not know you here (uid 65534): you are in another user namespace, or the \
                    server runs with PrivateUsers=; run the command as root or as a user that both know"
                .into();
        }
        let have = level.map_or("nothing".to_owned(), |level| format!("`{level}`"));
        format!(
            "this needs the level `{needed}` on the admin socket; uid {uid}, gid {gid} has {have}. Run it as root \
             or as the user the server runs as, or name the user or a group in the setting admin.{needed}, such \
             as [\"group:chatd-{needed}\"]"
        )
    }
}

/// Somebody whom a setting names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Uid(u32),
    Gid(u32),
}

/// Whom the settings name, and what they give each.
#[derive(Clone, Debug, Default)]
pub struct Granted(Arc<[(Level, Named)]>);

/// What the name service said of a user's groups, and when.
type Known = (Instant, Arc<[u32]>);

/// Who may how much.
#[derive(Clone, Debug, Default)]
pub struct Access {
    named: Arc<RwLock<Granted>>,
    /// What the name service said of users, and when.
    groups: Arc<Mutex<HashMap<u32, Known>>>,
}

impl Granted {
    /// What the settings say. A name that nobody has is an error: it would silently let nobody in.
    pub fn resolve(admin: &config::Admin) -> Result<Self, String> {
        let mut named = Vec::new();
        let lists = [
            (Level::View, &admin.view),
            (Level::Operate, &admin.operate),
            (Level::Own, &admin.own),
        ];
        for (level, list) in lists {
            for text in list {
                let found = look_up(text).map_err(|why| format!("admin.{level}: {why}"))?;
                named.push((level, found));
            }
        }
        Ok(Self(named.into()))
    }
}

impl Access {
    /// Gives these.
    pub fn new(granted: Granted) -> Self {
        Self {
            named: Arc::new(RwLock::new(granted)),
            groups: Arc::default(),
        }
    }

    /// Gives others from now on; whoever is at the socket keeps the level they came with.
    pub fn replace(&self, granted: Granted) {
        *self.named.write() = granted;
    }

    /// What a user with a main group may. Asks the name service, where a group decides.
    pub async fn level(&self, uid: u32, gid: u32) -> Option<Level> {
        if uid == OVERFLOW {
            return None;
        }
        if uid == 0 || uid == rustix::process::geteuid().as_raw() {
            return Some(Level::Own);
        }
        let named = Arc::clone(&self.named.read().0);
        let by_group = named.iter().any(|(_, who)| matches!(who, Named::Gid(_)));
        let groups = if by_group {
            self.groups(uid).await
        } else {
            Arc::default()
        };
        let fits = |who: &Named| match who {
            Named::Uid(named) => *named == uid,
            Named::Gid(named) => *named == gid || groups.contains(named),
        };
        named
            .iter()
            .filter(|(_, who)| fits(who))
            .map(|(level, _)| *level)
            .max()
    }

    async fn groups(&self, uid: u32) -> Arc<[u32]> {
        let now = Instant::now();
        if let Some((at, groups)) = self.groups.lock().get(&uid)
            && now.duration_since(*at) < FRESH
        {
            return Arc::clone(groups);
        }
        let asked = tokio::task::spawn_blocking(move || groups_of(uid));
        let Ok(Ok(groups)) = tokio::time::timeout(PATIENCE, asked).await else {
            tracing::warn!(
                uid,
                "the name service does not say in which groups a user is"
            );
            return Arc::default();
        };
        let mut remembered = self.groups.lock();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(uid, (now, Arc::clone(&groups)));
        groups
    }
}

/// What a user is called on this machine, if that is known.
pub(super) async fn name_of(uid: u32) -> Option<String> {
    let asked = tokio::task::spawn_blocking(move || User::from_uid(Uid::from_raw(uid)));
    let user = tokio::time::timeout(PATIENCE, asked).await.ok()?;
    Some(user.ok()?.ok()??.name)
}

/// The group that the socket is to have.
pub(super) fn group(text: &str) -> Result<u32, String> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    let found =
        Group::from_name(text).map_err(|e| format!("cannot look up the group {text:?}: {e}"))?;
    let found = found.ok_or_else(|| format!("there is no group {text:?} on this machine"))?;
    Ok(found.gid.as_raw())
}

fn look_up(text: &str) -> Result<Named, String> {
    let (what, name) = text.split_once(':').unwrap_or(("", text));
    let number = || {
        name.parse::<u32>()
            .map_err(|_| format!("{text:?} has no number after the colon"))
    };
    match what {
        "uid" => number().map(Named::Uid),
        "gid" => number().map(Named::Gid),
        "group" => group(name).map(Named::Gid),
        "user" => {
            let found = User::from_name(name)
                .map_err(|e| format!("cannot look up the user {name:?}: {e}"))?;
            let found =
                found.ok_or_else(|| format!("there is no user {name:?} on this machine"))?;
            Ok(Named::Uid(found.uid.as_raw()))
        }
        _ => Err(format!(
            "{text:?} names nobody; write \"user:NAME\", \"group:NAME\", \"uid:NUMBER\" or \"gid:NUMBER\""
        )),
    }
}

/// The groups of an account; none for a user without one.
fn groups_of(uid: u32) -> Arc<[u32]> {
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else {
        return Arc::default();
    };
    let Ok(name) = CString::new(user.name) else {
        return Arc::default();
    };
    let groups: Vec<Gid> = getgrouplist(&name, user.gid).unwrap_or_default();
    groups.into_iter().map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admin(view: &[&str], operate: &[&str], own: &[&str]) -> config::Admin {
        let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        config::Admin {
            view: list(view),
            operate: list(operate),
            own: list(own),
            ..config::Admin::default()
        }
    }

    #[tokio::test]
    async fn the_highest_level_that_fits_counts() {
        let settings = admin(&["gid:4001", "uid:4002"], &["uid:4002"], &["uid:4003"]);
        let access = Access::new(Granted::resolve(&settings).unwrap());
        let level = async |uid, gid| access.level(uid, gid).await;
        assert_eq!(level(4001, 4001).await, Some(Level::View));
        assert_eq!(level(4002, 4001).await, Some(Level::Operate));
        assert_eq!(level(4003, 4003).await, Some(Level::Own));
        assert_eq!(level(4004, 4004).await, None);
        assert_eq!(level(0, 0).await, Some(Level::Own));
    }

    #[tokio::test]
    async fn nobody_knows_the_overflow_user() {
        let nobodies = admin(&[], &[], &["uid:65534", "gid:65534"]);
        let access = Access::new(Granted::resolve(&nobodies).unwrap());
        assert_eq!(access.level(OVERFLOW, 65534).await, None);
    }

    #[test]
    fn a_name_that_nobody_has_is_an_error() {
        for (text, why) in [
            ("group:no-such-group-x", "no group \"no-such-group-x\""),
            ("user:no-such-user-x", "no user \"no-such-user-x\""),
            ("uid:many", "no number"),
            ("ana", "names nobody"),
        ] {
            let refused = Granted::resolve(&admin(&[], &[text], &[])).unwrap_err();
            assert!(
                refused.starts_with("admin.operate: ") && refused.contains(why),
                "{refused}"
            );
        }
    }

    #[test]
    fn the_name_service_knows_the_groups_of_root() {
        assert!(groups_of(0).contains(&0));
        assert!(groups_of(3_999_999_999).is_empty());
    }
}
