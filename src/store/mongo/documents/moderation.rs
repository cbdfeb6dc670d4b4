//! Roles, sanctions, banned addresses and reports.

use mongodb::bson::{DateTime, Uuid};
use serde::{Deserialize, Serialize};

use super::{date, int, millis, number, parsed, parsed_optional, room_uuid, user_uuid};
use crate::{
    id::{EntryId, ReportId, RoomId, UserId},
    model::{AddressBan, Permission, Permissions, Report, Role, Sanction},
    store::Error,
};

/// A role that operators made, by its name.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct RoleDoc {
    #[serde(rename = "_id")]
    pub(in super::super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    permissions: Vec<String>,
    created_at: DateTime,
}

/// A set of permissions, as a list of their names.
pub(super) fn permissions(names: &[String]) -> Result<Permissions, Error> {
    names
        .iter()
        .map(|name| parsed::<Permission>(name))
        .collect()
}

impl From<&Role> for RoleDoc {
    fn from(role: &Role) -> Self {
        Self {
            name: role.name.as_str().to_owned(),
            description: role.description.as_ref().map(|d| d.as_str().to_owned()),
            permissions: role.permissions.names(),
            created_at: date(role.created_at),
        }
    }
}

impl TryFrom<RoleDoc> for Role {
    type Error = Error;

    fn try_from(doc: RoleDoc) -> Result<Self, Error> {
        Ok(Self {
            name: parsed(&doc.name)?,
            description: parsed_optional(doc.description.as_ref())?,
            permissions: permissions(&doc.permissions)?,
            created_at: millis(doc.created_at),
        })
    }
}

/// That somebody is muted or banned; its `_id` means nothing. `room` is null for everywhere, and always
/// there, since the index that keeps sanctions apart has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct SanctionDoc {
    room: Option<Uuid>,
    user: Uuid,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    at: DateTime,
}

impl From<&Sanction> for SanctionDoc {
    fn from(s: &Sanction) -> Self {
        Self {
            room: s.room.map(room_uuid),
            user: user_uuid(s.user),
            kind: s.kind.as_str().to_owned(),
            until: s.until.map(date),
            reason: s.reason.as_ref().map(|r| r.as_str().to_owned()),
            by: s.by.map(user_uuid),
            at: date(s.at),
        }
    }
}

impl TryFrom<SanctionDoc> for Sanction {
    type Error = Error;

    fn try_from(doc: SanctionDoc) -> Result<Self, Error> {
        Ok(Self {
            room: doc.room.map(|id| RoomId::from_bytes(id.bytes())),
            user: UserId::from_bytes(doc.user.bytes()),
            kind: parsed(&doc.kind)?,
            until: doc.until.map(millis),
            reason: parsed_optional(doc.reason.as_ref())?,
            by: doc.by.map(|id| UserId::from_bytes(id.bytes())),
            at: millis(doc.at),
        })
    }
}

/// Addresses that are banned, by their network as text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct AddressBanDoc {
    #[serde(rename = "_id")]
    pub(in super::super) network: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<DateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<Uuid>,
    at: DateTime,
}

impl From<&AddressBan> for AddressBanDoc {
    fn from(ban: &AddressBan) -> Self {
        Self {
            network: ban.network.to_string(),
            until: ban.until.map(date),
            reason: ban.reason.as_ref().map(|r| r.as_str().to_owned()),
            by: ban.by.map(user_uuid),
            at: date(ban.at),
        }
    }
}

impl TryFrom<AddressBanDoc> for AddressBan {
    type Error = Error;

    fn try_from(doc: AddressBanDoc) -> Result<Self, Error> {
        Ok(Self {
            network: parsed(&doc.network)?,
            until: doc.until.map(millis),
            reason: parsed_optional(doc.reason.as_ref())?,
            by: doc.by.map(|id| UserId::from_bytes(id.bytes())),
            at: millis(doc.at),
        })
    }
}

/// A report of a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in super::super) struct ReportDoc {
    #[serde(rename = "_id")]
    pub(in super::super) id: Uuid,
    pub(in super::super) room: Uuid,
    pub(in super::super) seq: i64,
    message: Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    author: Option<Uuid>,
    pub(in super::super) by: Uuid,
    reason: String,
    at: DateTime,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolution: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved_by: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolved_at: Option<DateTime>,
}

/// A report's id as BSON has it.
pub(in super::super) fn report_uuid(id: ReportId) -> Uuid {
    Uuid::from_bytes(*id.as_bytes())
}

impl From<&Report> for ReportDoc {
    fn from(r: &Report) -> Self {
        Self {
            id: report_uuid(r.id),
            room: room_uuid(r.room),
            seq: int(r.seq),
            message: Uuid::from_bytes(*r.message.as_bytes()),
            author: r.author.map(user_uuid),
            by: user_uuid(r.by),
            reason: r.reason.as_str().to_owned(),
            at: date(r.at),
            state: r.state.as_str().to_owned(),
            resolution: r.resolution.as_ref().map(|t| t.as_str().to_owned()),
            resolved_by: r.resolved_by.map(user_uuid),
            resolved_at: r.resolved_at.map(date),
        }
    }
}

impl TryFrom<ReportDoc> for Report {
    type Error = Error;

    fn try_from(doc: ReportDoc) -> Result<Self, Error> {
        let user = |id: Uuid| UserId::from_bytes(id.bytes());
        Ok(Self {
            id: ReportId::from_bytes(doc.id.bytes()),
            room: RoomId::from_bytes(doc.room.bytes()),
            seq: number(doc.seq)?,
            message: EntryId::from_bytes(doc.message.bytes()),
            author: doc.author.map(user),
            by: user(doc.by),
            reason: parsed(&doc.reason)?,
            at: millis(doc.at),
            state: parsed(&doc.state)?,
            resolution: parsed_optional(doc.resolution.as_ref())?,
            resolved_by: doc.resolved_by.map(user),
            resolved_at: doc.resolved_at.map(millis),
        })
    }
}
