//! From records to what is shown of them: with names where a record has ids.

use std::collections::{HashMap, hash_map::Entry};

use super::{Desk, api};
use crate::{
    clock::Millis,
    id::UserId,
    model::{AddressBan, Code, CodeKind, Refusal, Report, Sanction, Session, User, Username},
    ops::{RoleRow, runs_out},
};

/// Names of people, by id; the id where there is no name.
struct Names(HashMap<UserId, Username>);

impl Names {
    async fn of(desk: &Desk, ids: Vec<UserId>) -> Result<Self, Refusal> {
        Ok(Self(desk.ops.log.names(ids).await?))
    }

    fn name(&self, id: UserId) -> String {
        match self.0.get(&id) {
            Some(name) => name.to_string(),
            None => id.to_string(),
        }
    }
}

pub(super) fn user(u: User) -> api::User {
    api::User {
        id: u.id.to_string(),
        name: u.name.into(),
        display_name: u.display_name.map(Into::into),
        email: u.email.map(Into::into),
        email_login: u.email_login,
        role: u.role.into(),
        status: u.status,
        bot: u.bot,
        created_at: u.created_at,
    }
}

pub(super) fn session(s: Session) -> api::Session {
    api::Session {
        id: s.id.to_string(),
        expires_at: runs_out(&s),
        device: s.device.map(Into::into),
        address: s.address,
        created_at: s.created_at,
        used_at: s.used_at,
        scopes: s.scopes,
    }
}

pub(super) fn role(r: RoleRow) -> api::Role {
    api::Role {
        name: r.name.into(),
        description: r.description,
        permissions: r.permissions,
        builtin: r.builtin,
        users: r.users,
    }
}

pub(super) async fn sanctions(
    desk: &Desk,
    all: Vec<Sanction>,
) -> Result<Vec<api::Sanction>, Refusal> {
    let mut people: Vec<UserId> = all.iter().map(|s| s.user).collect();
    people.extend(all.iter().filter_map(|s| s.by));
    let names = Names::of(desk, people).await?;
    let body = |s: Sanction| api::Sanction {
        kind: s.kind,
        user: s.user.to_string(),
        name: Some(names.name(s.user)),
        room: s.room.map(|id| id.to_string()),
        until: s.until,
        reason: s.reason.map(Into::into),
        by: s.by.map(|id| names.name(id)),
        at: s.at,
    };
    Ok(all.into_iter().map(body).collect())
}

/// The sanctions of `all` that hold at this moment.
pub(super) fn holding(mut all: Vec<Sanction>, now: Millis) -> Vec<Sanction> {
    all.retain(|s| s.holds(now));
    all
}

pub(super) async fn address_bans(
    desk: &Desk,
    all: Vec<AddressBan>,
) -> Result<Vec<api::AddressBan>, Refusal> {
    let names = Names::of(desk, all.iter().filter_map(|b| b.by).collect()).await?;
    let body = |b: AddressBan| api::AddressBan {
        network: b.network.to_string(),
        until: b.until,
        reason: b.reason.map(Into::into),
        by: b.by.map(|id| names.name(id)),
        at: b.at,
    };
    Ok(all.into_iter().map(body).collect())
}

pub(super) async fn invites(desk: &Desk, all: Vec<Code>) -> Result<Vec<api::Invite>, Refusal> {
    let names = Names::of(desk, all.iter().filter_map(|c| c.by).collect()).await?;
    Ok(all.into_iter().map(|c| invite(&names, c)).collect())
}

fn invite(names: &Names, c: Code) -> api::Invite {
    api::Invite {
        id: c.id(),
        code: None,
        room: c
            .room
            .filter(|_| c.kind == CodeKind::Room)
            .map(|id| id.to_string()),
        role: c.role.into(),
        uses: c.uses,
        by: c.by.map(|id| names.name(id)),
        created_at: c.created_at,
        expires_at: c.expires_at,
        dry_run: false,
    }
}

pub(super) async fn reports(desk: &Desk, all: Vec<Report>) -> Result<Vec<api::Report>, Refusal> {
    let mut people: Vec<UserId> = all.iter().map(|r| r.by).collect();
    people.extend(all.iter().filter_map(|r| r.author));
    people.extend(all.iter().filter_map(|r| r.resolved_by));
    let names = Names::of(desk, people).await?;
    let mut rooms = HashMap::new();
    for report in &all {
        if let Entry::Vacant(unknown) = rooms.entry(report.room) {
            let live = desk.ops.log.room(report.room).await?;
            unknown.insert(live.map(|r| r.facts().room.name.to_string()));
        }
    }
    let body = |r: Report| api::Report {
        id: r.id.to_string(),
        room_name: rooms.get(&r.room).cloned().flatten(),
        room: r.room.to_string(),
        seq: r.seq,
        message: r.message.to_string(),
        author: r.author.map(|id| names.name(id)),
        by: names.name(r.by),
        reason: r.reason.into(),
        at: r.at,
        state: r.state,
        resolution: r.resolution.map(Into::into),
        resolved_by: r.resolved_by.map(|id| names.name(id)),
        resolved_at: r.resolved_at,
    };
    Ok(all.into_iter().map(body).collect())
}
