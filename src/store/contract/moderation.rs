//! Roles, sanctions, reports, codes for several, bots.

use super::*;
use crate::{
    id::{ReportId, SessionId},
    model::{
        AddressBan, Code, CodeKind, Permission, Permissions, Report, ReportState, Role, Sanction,
        SanctionKind, Session,
    },
};

pub(super) fn sanction(kind: SanctionKind, user: UserId, room: Option<RoomId>) -> Sanction {
    Sanction {
        kind,
        user,
        room,
        until: None,
        reason: None,
        by: None,
        at: NOW,
    }
}

pub(super) fn report(room: RoomId, seq: u64, by: UserId) -> Report {
    Report {
        id: ReportId::new(NOW),
        room,
        seq,
        message: EntryId::from_bytes([7; 16]),
        author: Some(UserId::from_bytes([8; 16])),
        by,
        reason: "rude".parse().unwrap(),
        at: NOW,
        state: ReportState::Open,
        resolution: None,
        resolved_by: None,
        resolved_at: None,
    }
}

fn code(hash: u8, room: Option<RoomId>, uses: u32) -> Code {
    Code {
        hash: [hash; 32],
        kind: if room.is_some() {
            CodeKind::Room
        } else {
            CodeKind::Invite
        },
        user: None,
        role: Builtin::Member.into(),
        room,
        uses,
        by: Some(UserId::from_bytes([3; 16])),
        created_at: Millis(NOW.0 + i64::from(hash)),
        expires_at: NOW,
    }
}

pub(in crate::store) async fn uses_a_code_as_often_as_it_is_good_for(place: &impl Place) {
    let store = place.open().await;
    let room = RoomId::new(NOW);
    let (twice, other) = (code(1, Some(room), 2), code(2, Some(room), 1));
    let invite = code(3, None, 1);
    for code in [&twice, &other, &invite] {
        put(&*store, [Write::InsertCode(code.clone())]).await;
    }
    let of_room = store.codes(CodeKind::Room, Some(room)).await.unwrap();
    assert_eq!(of_room, [other.clone(), twice.clone()], "the newest first");
    let invites = store.codes(CodeKind::Invite, None).await.unwrap();
    assert_eq!(invites, [invite]);
    put(&*store, [Write::TakeCode(twice.hash)]).await;
    let left = store.code(&twice.hash).await.unwrap();
    assert_eq!(left.map(|c| c.uses), Some(1));
    put(&*store, [Write::TakeCode(twice.hash)]).await;
    assert_eq!(store.code(&twice.hash).await.unwrap(), None);
    let again = writes([Write::TakeCode(twice.hash)]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale);
    put(&*store, [Write::DeleteCode(other.hash)]).await;
    let again = writes([Write::DeleteCode(other.hash)]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale);
}

pub(in crate::store) async fn keeps_rules_bots_and_scopes(place: &impl Place) {
    let store = place.open().await;
    let bot = User {
        bot: true,
        ..user("robot")
    };
    let mut hall = room("hall", RoomKind::Public);
    hall.rules = RoomRules {
        post: RoomRole::Moderator,
        slow_mode: 30,
        locked: true,
        ..RoomRules::default()
    };
    let token = Session {
        id: SessionId::new(NOW),
        user: bot.id,
        device: Some("ci".parse().unwrap()),
        address: None,
        created_at: NOW,
        used_at: NOW,
        expires_at: Millis(253_402_300_799_000),
        ended_at: None,
        anchor: [1; 32],
        current: [1; 32],
        previous: None,
        seed: [0; 32],
        rotated_at: NOW,
        version: 1,
        scopes: Some(Permissions::of(&[Permission::MessageSend])),
    };
    put(
        &*store,
        [
            Write::InsertUser(bot.clone()),
            Write::InsertRoom(hall.clone()),
            Write::InsertSession(token.clone()),
        ],
    )
    .await;
    assert_eq!(store.load_user(bot.id).await.unwrap().unwrap().user, bot);
    assert_eq!(store.load_room(hall.id).await.unwrap().unwrap().room, hall);
    assert_eq!(store.sessions_of(bot.id, NOW).await.unwrap(), [token]);
    let member = Builtin::Member.into();
    assert_eq!(store.count_role(&member).await.unwrap(), 1);
    let active = store.role_holders(&member, Status::Active, 10).await;
    assert_eq!(active.unwrap(), [bot]);
    let disabled = store.role_holders(&member, Status::Disabled, 10).await;
    assert_eq!(disabled.unwrap(), []);
}

pub(in crate::store) async fn keeps_roles_and_banned_addresses(place: &impl Place) {
    let store = place.open().await;
    let role = |name: &str, permissions: &[Permission]| Role {
        name: name.parse().unwrap(),
        description: Some("for a test".parse().unwrap()),
        permissions: Permissions::of(permissions),
        created_at: NOW,
    };
    let (keeper, other) = (role("keeper", &[Permission::UserMute]), role("other", &[]));
    let wider = role("keeper", &[Permission::UserMute, Permission::UserBan]);
    let ban = AddressBan {
        network: "2001:db8::/32".parse().unwrap(),
        until: Some(NOW),
        reason: Some("spam".parse().unwrap()),
        by: Some(UserId::new(NOW)),
        at: NOW,
    };
    put(
        &*store,
        [
            Write::PutRole(keeper),
            Write::PutRole(other.clone()),
            Write::PutRole(wider.clone()),
            Write::PutAddressBan(ban.clone()),
            Write::PutSetting("registration".into(), "\"closed\"".into()),
        ],
    )
    .await;
    let policy = store.load_control().await.unwrap().policy;
    assert_eq!(policy.roles, [wider.clone(), other.clone()]);
    assert_eq!(policy.address_bans, [ban.clone()].as_slice());
    let setting = ("registration".to_owned(), "\"closed\"".to_owned());
    assert_eq!(policy.settings, [setting]);
    put(
        &*store,
        [
            Write::DeleteRole(other.name),
            Write::DeleteAddressBan(ban.network),
        ],
    )
    .await;
    let policy = store.load_control().await.unwrap().policy;
    assert_eq!((policy.roles, policy.address_bans.len()), (vec![wider], 0));
}

pub(in crate::store) async fn keeps_one_sanction_of_a_kind_for_each_place(place: &impl Place) {
    let store = place.open().await;
    let (ana, hall) = (user("ana"), room("hall", RoomKind::Public));
    let here = sanction(SanctionKind::Mute, ana.id, Some(hall.id));
    let longer = Sanction {
        until: Some(Millis(NOW.0 + 9)),
        reason: Some("loud".parse().unwrap()),
        by: Some(ana.id),
        ..here.clone()
    };
    let (ban, everywhere) = (
        sanction(SanctionKind::Ban, ana.id, Some(hall.id)),
        sanction(SanctionKind::Mute, ana.id, None),
    );
    put(
        &*store,
        [
            Write::InsertUser(ana.clone()),
            Write::InsertRoom(hall.clone()),
            Write::PutSanction(here),
            Write::PutSanction(longer.clone()),
            Write::PutSanction(ban.clone()),
            Write::PutSanction(everywhere.clone()),
        ],
    )
    .await;
    let of_room = store.load_room(hall.id).await.unwrap().unwrap().sanctions;
    assert_eq!(of_room, [ban, longer.clone()]);
    let of_user = store.load_user(ana.id).await.unwrap().unwrap().sanctions;
    assert_eq!(of_user, [everywhere]);
    let lift = |kind, room| Write::DeleteSanction {
        kind,
        user: ana.id,
        room,
    };
    let gone = [
        lift(SanctionKind::Ban, Some(hall.id)),
        lift(SanctionKind::Mute, None),
        lift(SanctionKind::Ban, None),
    ];
    put(&*store, gone).await;
    let of_room = store.load_room(hall.id).await.unwrap().unwrap().sanctions;
    assert_eq!(of_room, [longer]);
    let of_user = store.load_user(ana.id).await.unwrap().unwrap().sanctions;
    assert_eq!(of_user, []);
}

pub(in crate::store) async fn pages_sanctions(place: &impl Place) {
    let store = place.open().await;
    let mut all = Vec::new();
    for i in 1..=4 {
        for kind in [SanctionKind::Ban, SanctionKind::Mute] {
            all.push(sanction(kind, UserId::from_bytes([i; 16]), None));
        }
    }
    let put_all: Vec<_> = all.iter().cloned().map(Write::PutSanction).collect();
    put(&*store, put_all).await;
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = store.sanctions(None, after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.user, last.kind));
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

pub(in crate::store) async fn takes_a_report_once(place: &impl Place) {
    let store = place.open().await;
    let (room, by) = (RoomId::new(NOW), UserId::new(NOW));
    let first = report(room, 5, by);
    put(&*store, [Write::InsertReport(first.clone())]).await;
    let again = writes([Write::InsertReport(report(room, 5, by))]);
    assert_eq!(commit(&*store, again).await, Outcome::Exists("report"));
    put(
        &*store,
        [Write::InsertReport(report(room, 5, UserId::new(NOW)))],
    )
    .await;
    let resolved = Report {
        state: ReportState::Resolved,
        resolution: Some("talked to".parse().unwrap()),
        resolved_by: Some(by),
        resolved_at: Some(NOW),
        ..first
    };
    put(&*store, [Write::UpdateReport(resolved.clone())]).await;
    let stored = store.report(resolved.id).await.unwrap();
    assert_eq!(stored.as_ref(), Some(&resolved));
    let again = writes([Write::UpdateReport(resolved)]);
    assert_eq!(commit(&*store, again).await, Outcome::Stale, "once");
    let unknown = writes([Write::UpdateReport(report(room, 6, by))]);
    assert_eq!(commit(&*store, unknown).await, Outcome::Stale);
}

pub(in crate::store) async fn lists_reports_by_state_and_room(place: &impl Place) {
    let store = place.open().await;
    let (hall, yard) = (RoomId::from_bytes([1; 16]), RoomId::from_bytes([2; 16]));
    let mut all: Vec<Report> = (1..=4)
        .map(|i| Report {
            id: ReportId::from_bytes([i; 16]),
            ..report(
                if i % 2 == 0 { hall } else { yard },
                1,
                UserId::from_bytes([i; 16]),
            )
        })
        .collect();
    let inserts: Vec<_> = all.iter().cloned().map(Write::InsertReport).collect();
    put(&*store, inserts).await;
    all.reverse();
    let open = ReportState::Open;
    assert_eq!(store.reports(open, None, None, 10).await.unwrap(), all);
    let second = store.reports(open, None, Some(all[0].id), 2).await;
    assert_eq!(second.unwrap(), all[1..3]);
    let in_hall = store.reports(open, Some(hall), None, 10).await.unwrap();
    assert_eq!(in_hall, [all[0].clone(), all[2].clone()]);
    let resolved = ReportState::Resolved;
    assert_eq!(store.reports(resolved, None, None, 10).await.unwrap(), []);
}
