//! Whether those whom the settings name get as far as the admin socket. The kernel asks its file and the directories
//! on the way before the server asks for a level, and says no without a word about either.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::{Gid, Group, Uid, User};

use super::{Named, group, groups_of, look_up};
use crate::{admin::level::Level, config};

/// How many members of a group are looked at.
const MEMBERS: usize = 100;
/// How long the name service may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whether somebody may pass through a directory (chmod(1)).
const ENTER: u32 = 0o1;
/// Whether somebody may connect to a socket (unix(7)).
const CONNECT: u32 = 0o2;

/// Somebody whom a setting lets use the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    /// How much of it.
    pub level: Level,
    /// As the setting names them, such as `group:adm`.
    pub text: String,
    /// Who that is on this machine: a user, or those who are listed as members of a group; or why it is nobody.
    pub people: Result<Vec<String>, String>,
    /// What keeps them away from the socket, if anything does.
    pub barrier: Option<Barrier>,
}

/// A file or directory that somebody cannot pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Who cannot: all of them when empty.
    pub who: Vec<String>,
    /// The directory, or the socket itself.
    pub path: PathBuf,
    /// Whether it is the socket.
    pub is_socket: bool,
    /// Its permissions.
    pub mode: u32,
    /// What its group is called, or its number.
    pub group: String,
    /// The command that lets them pass.
    pub mend: String,
}

/// Somebody as the kernel sees them.
struct Identity {
    name: String,
    /// None for a member of a group of whom no more is known.
    uid: Option<u32>,
    groups: Vec<u32>,
}

/// Something on the way to the socket, the socket last.
struct Step {
    path: PathBuf,
    mode: u32,
    uid: u32,
    gid: u32,
    is_socket: bool,
    /// Beside its mode there is a list of who may, which is not looked at.
    has_list: bool,
}

/// Everybody whom the settings name, and whether they get to the socket. Asks the name service, and may wait for it.
pub fn survey(admin: &config::Admin, socket: &Path) -> Vec<Invited> {
    let way = way(socket, &admin.group);
    let lists = [
        (Level::View, &admin.view),
        (Level::Operate, &admin.operate),
        (Level::Own, &admin.own),
    ];
    let each = lists
        .into_iter()
        .flat_map(|(level, list)| list.iter().map(move |text| (level, text)));
    each.map(|(level, text)| {
        let found = look_up(text);
        let people = found.clone().map(people);
        let barrier = people.as_ref().ok().and_then(|it| barrier(it, &way));
        // Of somebody who is no more than a group there is no name.
        let names =
            |it: Vec<Identity>| it.into_iter().map(|it| it.name).filter(|it| !it.is_empty());
        Invited {
            level,
            text: text.clone(),
            people: people.map(|it| names(it).collect()),
            barrier,
        }
    })
    .collect()
}

/// Says in the log who has a level and cannot get to the socket.
pub async fn warn(admin: config::Admin, socket: PathBuf) {
    let asked = tokio::task::spawn_blocking(move || survey(&admin, &socket));
    // A name service that does not answer is told of when somebody connects.
    let Ok(Ok(all)) = tokio::time::timeout(PATIENCE, asked).await else {
        return;
    };
    for Invited {
        level,
        text,
        barrier,
        ..
    } in all
    {
        if let Some(barrier) = barrier {
            let mend = &barrier.mend;
            tracing::warn!(%mend, "admin.{level} names {text}, but {barrier}");
        }
    }
}

/// What a group of the settings is called on this machine; why there is none.
pub fn find_group(text: &str) -> Result<String, String> {
    group(text).map(group_name)
}

/// What a user is called on this machine, or the number.
pub fn user_name(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

fn group_name(gid: u32) -> String {
    let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    group.map_or_else(|| gid.to_string(), |group| group.name)
}

/// Who is meant. Of a group without members that are listed, somebody who is in nothing else.
fn people(named: Named) -> Vec<Identity> {
    match named {
        Named::Uid(uid) => vec![Identity {
            name: user_name(uid),
            uid: Some(uid),
            groups: groups_of(uid).to_vec(),
        }],
        Named::Gid(gid) => {
            let group = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
            let listed = group.map(|group| group.mem).unwrap_or_default();
            let known = |name: String| {
                let user = User::from_name(&name).ok()??;
                let uid = user.uid.as_raw();
                let groups = groups_of(uid).to_vec();
                Some(Identity {
                    name,
                    uid: Some(uid),
                    groups,
                })
            };
            let mut found: Vec<_> = listed.into_iter().take(MEMBERS).filter_map(known).collect();
            if found.is_empty() {
                found.push(Identity {
                    name: String::new(),
                    uid: None,
                    groups: vec![gid],
                });
            }
            found
        }
    }
}

/// The directories from the root to the socket, and the socket; as it would be made where there is none yet.
fn way(socket: &Path, for_group: &str) -> Vec<Step> {
    let parent = match socket.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Where links lead to.
    let Ok(parent) = fs::canonicalize(parent) else {
        return Vec::new();
    };
    let mut steps: Vec<_> = parent
        .ancestors()
        .filter_map(|dir| Some(Step::of(dir.to_owned(), &fs::metadata(dir).ok()?, false)))
        .collect();
    steps.reverse();
    let path = parent.join(socket.file_name().unwrap_or_default());
    match fs::symlink_metadata(&path) {
        Ok(there) => steps.push(Step::of(path, &there, true)),
        Err(_) => steps.extend(group(for_group).ok().map(|gid| Step {
            path,
            mode: 0o660,
            uid: rustix::process::geteuid().as_raw(),
            gid,
            is_socket: true,
            has_list: false,
        })),
    }
    steps
}

/// The first thing on the way that some of them cannot pass.
fn barrier(people: &[Identity], way: &[Step]) -> Option<Barrier> {
    let step = way
        .iter()
        .find(|step| people.iter().any(|who| !step.lets(who)))?;
    let stopped = people.iter().filter(|who| !step.lets(who));
    let who: Vec<_> = stopped.map(|it| it.name.clone()).collect();
    let who = if who.len() == people.len() && people[0].name.is_empty() {
        Vec::new()
    } else {
        who
    };
    let meant = way.iter().find(|it| it.is_socket).map(|it| it.gid);
    Some(Barrier {
        mend: step.mend(&who, people[0].groups.first().copied(), meant),
        who,
        path: step.path.clone(),
        is_socket: step.is_socket,
        mode: step.mode,
        group: group_name(step.gid),
    })
}

impl Step {
    fn of(path: PathBuf, meta: &Metadata, is_socket: bool) -> Self {
        let mut nothing = [0_u8; 0];
        let list = rustix::fs::getxattr(&path, "system.posix_acl_access", &mut nothing[..]);
        Self {
            mode: meta.mode() & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            is_socket,
            has_list: list.is_ok_and(|size| size > 0),
            path,
        }
    }

    fn asks(&self) -> u32 {
        if self.is_socket { CONNECT } else { ENTER }
    }

    /// Whether the kernel lets somebody pass: by what the mode says of the first of owner, group and others that
    /// they are.
    fn lets(&self, who: &Identity) -> bool {
        let class = if who.uid == Some(self.uid) {
            6
        } else if who.groups.contains(&self.gid) {
            3
        } else {
            0
        };
        who.uid == Some(0) || self.has_list || self.mode >> class & self.asks() != 0
    }

    /// What lets them pass. `theirs` is a group of theirs, `meant` that of the socket.
    fn mend(&self, who: &[String], theirs: Option<u32>, meant: Option<u32>) -> String {
        let path = self.path.display();
        if self.mode >> 3 & self.asks() != 0 {
            let group = group_name(self.gid);
            let theirs = theirs.map(group_name).unwrap_or_default();
            // Into root's group nobody is put for this.
            if self.gid == 0 && self.is_socket {
                return format!("set admin.group = \"{theirs}\"");
            }
            if self.gid == 0 {
                return format!("sudo chgrp {theirs} '{path}'");
            }
            return match who {
                [] => format!(
                    "set admin.group = \"{theirs}\", or put its members into the group {group} (sudo usermod -aG {group} NAME)"
                ),
                who => format!(
                    "sudo usermod -aG {group} {}   # in force at their next login",
                    who[0]
                ),
            };
        }
        let letter = if self.is_socket { 'w' } else { 'x' };
        let to = meant.filter(|gid| *gid != 0).or(theirs);
        let to = to.unwrap_or(self.gid);
        if to == self.gid {
            format!("sudo chmod g+{letter} '{path}'")
        } else {
            let group = group_name(to);
            format!("sudo chgrp {group} '{path}' && sudo chmod g+{letter} '{path}'")
        }
    }
}

impl std::fmt::Display for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = match &self.who[..] {
            [] => "its members".to_owned(),
            [who] => who.clone(),
            [first, more @ ..] => format!("{first} and {} more", more.len()),
        };
        let (path, group, mode) = (self.path.display(), &self.group, self.mode);
        if self.is_socket {
            write!(
                f,
                "{who} may not connect to {path} (mode {mode:03o}, group {group})"
            )
        } else {
            write!(
                f,
                "{who} cannot enter {path} (mode {mode:03o}, group {group}), on the way to the admin socket"
            )
        }
    }
}

#[cfg(test)]
mod tests;
