//! The JSON of REST: one type for each thing that is shown, and the list envelope.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::{
    chat::{
        FileView, Listed, MemberView, MessageView, PersonView, PinnedView, RoomView, TallyView,
    },
    clock::Millis,
    model::{Edited, Refusal, RoomKind, RoomRole, Session, Thread, User},
};

/// How many items a page has when nobody says.
pub(super) const USUAL: usize = 50;
/// How many it has at most.
pub(super) const MOST: usize = 200;

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UserBody {
    id: String,
    name: String,
    display_name: Option<String>,
    /// Only one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    role: String,
    /// Whether others may be told that I am there.
    presence: bool,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    created_at: Millis,
}

impl From<User> for UserBody {
    fn from(u: User) -> Self {
        Self {
            id: u.id.to_string(),
            name: u.name.into(),
            display_name: u.display_name.map(Into::into),
            email: u.email.map(Into::into),
            role: u.role.into(),
            presence: u.presence,
            created_at: u.created_at,
        }
    }
}

/// A room.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RoomBody {
    id: String,
    name: String,
    kind: RoomKind,
    title: Option<String>,
    topic: Option<String>,
    history: crate::model::History,
    /// Who may do what in it.
    rules: crate::model::RoomRules,
    /// The owner's id.
    owner: String,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    created_at: Millis,
    /// My role here, if I am in.
    role: Option<RoomRole>,
    /// How many are in.
    members: u64,
    /// The `seq` of the last entry.
    head: u64,
    /// How many messages there are.
    n: u64,
    /// The `seq` up to which I have read, if I am in.
    read: Option<u64>,
    /// How many messages there are up to there.
    read_n: Option<u64>,
    /// How many came since: `n` less `read_n`.
    unread: Option<u64>,
    /// How many of those mention me, by name or with everyone; 100 means 100 and more.
    unread_mentions: Option<u64>,
    /// Whose direct conversation it is, those who left it too. Only there for one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    people: Vec<PersonBody>,
}

/// Somebody in a direct conversation.
#[derive(Debug, Serialize, ToSchema)]
struct PersonBody {
    id: String,
    /// Null when there is no such account any more.
    name: Option<String>,
}

impl From<PersonView> for PersonBody {
    fn from(p: PersonView) -> Self {
        Self {
            id: p.user.to_string(),
            name: p.name.map(Into::into),
        }
    }
}

impl From<RoomView> for RoomBody {
    fn from(v: RoomView) -> Self {
        Self {
            id: v.room.id.to_string(),
            name: v.room.name.into(),
            kind: v.room.kind,
            title: v.room.title.map(Into::into),
            topic: v.room.topic.map(Into::into),
            history: v.room.history,
            rules: v.room.rules,
            owner: v.room.owner.to_string(),
            created_at: v.room.created_at,
            role: v.role,
            members: v.members,
            head: v.head.seq,
            n: v.head.n,
            read: v.read.map(|read| read.seq),
            read_n: v.read.map(|read| read.n),
            unread: v.read.map(|read| read.unread(v.head.n)),
            unread_mentions: v.unread_mentions,
            people: v.people.into_iter().map(Into::into).collect(),
        }
    }
}

/// A member of a room.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberBody {
    user: MemberUser,
    role: RoomRole,
    /// The `seq` by which they came in.
    since: u64,
    /// When, in milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
}

/// Who a member is.
#[derive(Debug, Serialize, ToSchema)]
struct MemberUser {
    id: String,
    name: String,
    display_name: Option<String>,
}

impl From<MemberView> for MemberBody {
    fn from(m: MemberView) -> Self {
        let (id, name) = (m.user.to_string(), m.name.into());
        let user = MemberUser {
            id,
            name,
            display_name: m.display_name.map(Into::into),
        };
        Self {
            user,
            role: m.role,
            since: m.since,
            at: m.at,
        }
    }
}

/// A message.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MessageBody {
    seq: u64,
    /// The number of messages up to and with this one.
    n: u64,
    id: String,
    /// The sender's id.
    from: Option<String>,
    /// The sender's name.
    name: Option<String>,
    /// The text; empty when it was deleted.
    body: String,
    /// Only there, and true, when it was deleted.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<u64>,
    /// Only there when it was edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    edited: Option<EditedBody>,
    /// Only there when people react to it: for each emoji how many, the first one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reactions: Vec<TallyBody>,
    /// Only there when it is pinned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pinned: Option<PinnedBody>,
    /// Only there when something was said in answer to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    replies: Option<RepliesBody>,
    /// Only there when it mentions somebody by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<NamedBody>,
    /// Only there, and true, when it mentions everyone in the room.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    everyone: bool,
    /// Only there when files came with it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<AttachedBody>,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// The `txn` it was sent under, on one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    txn: Option<String>,
}

impl From<MessageView> for MessageBody {
    fn from(m: MessageView) -> Self {
        Self {
            seq: m.seq,
            n: m.n,
            id: m.id.to_string(),
            from: m.from.map(|id| id.to_string()),
            name: m.name.map(Into::into),
            body: m.body,
            deleted: m.deleted,
            reply_to: m.reply_to,
            edited: m.edited.map(Into::into),
            reactions: m.reactions.into_iter().map(Into::into).collect(),
            pinned: m.pinned.map(Into::into),
            replies: m.thread.map(Into::into),
            mentions: m.mentions.into_iter().map(NamedBody::of).collect(),
            everyone: m.everyone,
            files: m.files.into_iter().map(Into::into).collect(),
            at: m.at,
            txn: m.txn.map(Into::into),
        }
    }
}

/// A file of a message.
#[derive(Debug, Serialize, ToSchema)]
struct AttachedBody {
    id: String,
    name: String,
    /// What is in it, by its bytes: a media type.
    #[serde(rename = "type")]
    media: String,
    /// How many bytes it has.
    size: u64,
    /// Only there for an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Only there for an image, in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Only there, and true, when its bytes are gone: nobody can read it any more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    gone: bool,
}

impl From<FileView> for AttachedBody {
    fn from(view: FileView) -> Self {
        let FileView { file, gone } = view;
        Self {
            id: file.id.to_string(),
            name: file.name.into(),
            media: file.media,
            size: file.size,
            width: file.width,
            height: file.height,
            gone,
        }
    }
}

/// That a message was edited.
#[derive(Debug, Serialize, ToSchema)]
struct EditedBody {
    /// When, the last time, in milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
    /// The `seq` of the entry that edited it last.
    seq: u64,
    /// How often.
    count: u64,
}

impl From<Edited> for EditedBody {
    fn from(e: Edited) -> Self {
        Self {
            at: e.at,
            seq: e.seq,
            count: e.count,
        }
    }
}

/// How many people react to a message with one emoji.
#[derive(Debug, Serialize, ToSchema)]
struct TallyBody {
    #[schema(example = "\u{1f44d}")]
    emoji: String,
    count: u64,
    /// The first of them, at most three.
    first: Vec<NamedBody>,
    /// Whether I am one of them.
    mine: bool,
}

impl From<TallyView> for TallyBody {
    fn from(t: TallyView) -> Self {
        Self {
            emoji: t.emoji.into(),
            count: t.count,
            first: t.first.into_iter().map(NamedBody::of).collect(),
            mine: t.mine,
        }
    }
}

/// That a message is pinned.
#[derive(Debug, Serialize, ToSchema)]
struct PinnedBody {
    by: NamedBody,
    /// The `seq` of the entry that pinned it.
    seq: u64,
    /// Milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<PinnedView> for PinnedBody {
    fn from(p: PinnedView) -> Self {
        Self {
            by: NamedBody {
                id: p.by.to_string(),
                name: p.name.map(Into::into),
            },
            seq: p.seq,
            at: p.at,
        }
    }
}

/// That a message was answered.
#[derive(Debug, Serialize, ToSchema)]
struct RepliesBody {
    /// How often; answers that were deleted since count, too.
    count: u64,
    /// The `seq` of the last answer.
    last: u64,
    /// When that was said, in milliseconds since 1970.
    #[schema(value_type = i64)]
    at: Millis,
}

impl From<Thread> for RepliesBody {
    fn from(t: Thread) -> Self {
        Self {
            count: t.count,
            last: t.last,
            at: t.at,
        }
    }
}

/// Somebody, by id and name.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NamedBody {
    pub(super) id: String,
    pub(super) name: Option<String>,
}

impl NamedBody {
    fn of((id, name): (crate::id::UserId, Option<crate::model::Username>)) -> Self {
        Self {
            id: id.to_string(),
            name: name.map(Into::into),
        }
    }
}

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionBody {
    pub(super) id: String,
    device: Option<String>,
    address: Option<String>,
    #[schema(value_type = i64)]
    created_at: Millis,
    #[schema(value_type = i64)]
    used_at: Millis,
    #[schema(value_type = i64)]
    expires_at: Millis,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionBody {
    pub(super) fn new(s: Session, current: bool) -> Self {
        Self {
            id: s.id.to_string(),
            device: s.device.map(Into::into),
            address: s.address,
            created_at: s.created_at,
            used_at: s.used_at,
            expires_at: s.expires_at,
            current,
        }
    }
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    /// Give it as `cursor` for the next page; null on the last.
    pub(super) next: Option<String>,
}

impl<T> List<T> {
    pub(super) fn of<U: Into<T>>(listed: Listed<U>) -> Self {
        Self {
            items: listed.items.into_iter().map(Into::into).collect(),
            next: listed.next,
        }
    }
}

/// How much of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// The `next` of the page before.
    pub(super) cursor: Option<String>,
    /// How many items, 1 to 200; 50 when not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<usize>,
}

impl PageQuery {
    pub(super) fn limit(&self) -> Result<usize, Refusal> {
        check_limit(self.limit)
    }
}

pub(super) fn check_limit(limit: Option<usize>) -> Result<usize, Refusal> {
    match limit.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Refusal::field("limit", format!("1 to {MOST}"))),
    }
}

/// Tells a field that is `null` from one that is not there.
pub(super) fn present<'de, D, T>(d: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(d).map(Some)
}
