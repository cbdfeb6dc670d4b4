//! Reports of messages.

use serde_json::json;

use super::Moderation;
use crate::{
    id::{ReportId, RoomId},
    log::refuse,
    model::{Authority, Caller, Permission, Reason, Refusal, Report, ReportState},
    rights::{self, InRoom},
    store::Write,
};

impl Moderation {
    /// Reports a message that one can read to those who moderate.
    pub async fn report(
        &self,
        caller: &Caller,
        room: RoomId,
        seq: u64,
        reason: Reason,
    ) -> Result<Report, Refusal> {
        let by = Authority::from(caller);
        let live = self.check_in_room(&by, room, InRoom::Report).await?;
        self.limits.check_send(caller.user)?;
        let floor = {
            let facts = live.facts();
            let member = facts.members.get(&caller.user);
            member.map_or(u64::MAX, |m| rights::floor(&facts.room, *m))
        };
        let entry = self.store.entry(room.into(), seq).await;
        let entry = entry
            .map_err(|e| refuse(&e))?
            .filter(|e| e.seq >= floor && e.payload.is_message())
            .ok_or(Refusal::NotFound("message"))?;
        let at = self.clock.now();
        let report = Report {
            id: ReportId::new(at),
            room,
            seq,
            message: entry.id,
            author: entry.from,
            by: caller.user,
            reason,
            at,
            state: ReportState::Open,
            resolution: None,
            resolved_by: None,
            resolved_at: None,
        };
        let (touches, made) = (by.touching(&[room.into()]), report.clone());
        let done = self.log.append(&touches, None, move |draft| {
            let live = draft.room(room)?;
            let facts = live.facts();
            draft.authorise(&by, |who| {
                let member = rights::may_in_room(who, &facts, InRoom::Report)?;
                match member.map(|m| rights::floor(&facts.room, m)) {
                    Some(floor) if floor <= seq => Ok(()),
                    _ => Err(Refusal::NotFound("message")),
                }
            })?;
            drop(facts);
            let detail = json!({"room": room, "seq": seq});
            let target = Some(made.id.to_string());
            draft.act("report.create", &by.actor(), target, detail, &[]);
            draft.write(Write::InsertReport(made.clone()));
            Ok(())
        });
        match done.await {
            Ok(_) => Ok(report),
            Err(e) => Err(match e.into() {
                Refusal::Conflict(_) => {
                    Refusal::Conflict("you have reported this message already".into())
                }
                refusal => refusal,
            }),
        }
    }

    /// Reports in a state, the newest first: of a room, for its moderators, or of all, for those whose role
    /// includes it.
    pub async fn reports(
        &self,
        by: &Authority,
        state: ReportState,
        room: Option<RoomId>,
        before: Option<ReportId>,
        limit: usize,
    ) -> Result<(Vec<Report>, Option<ReportId>), Refusal> {
        match room {
            Some(room) => drop(self.check_in_room(by, room, InRoom::Moderate).await?),
            None => self.check_permission(by, Permission::ReportManage).await?,
        }
        let reports = self.store.reports(state, room, before, limit + 1).await;
        let mut reports = reports.map_err(|e| refuse(&e))?;
        let more = reports.len() > limit;
        reports.truncate(limit);
        let next = reports.last().filter(|_| more).map(|r| r.id);
        Ok((reports, next))
    }

    /// Resolves a report: says what came of it.
    pub async fn resolve(
        &self,
        by: &Authority,
        id: ReportId,
        resolution: Reason,
        dry_run: bool,
    ) -> Result<Report, Refusal> {
        let found = self.store.report(id).await.map_err(|e| refuse(&e))?;
        let report = found.ok_or(Refusal::NotFound("report"))?;
        let room = report.room;
        // Whoever may not see it is told nothing of it.
        let everywhere = self.check_permission(by, Permission::ReportManage).await;
        if let Err(refusal) = &everywhere
            && self
                .check_in_room(by, room, InRoom::Moderate)
                .await
                .is_err()
        {
            return Err(match refusal {
                Refusal::Forbidden(_) => Refusal::NotFound("report"),
                other => other.clone(),
            });
        }
        if report.state == ReportState::Resolved {
            return Err(Refusal::Conflict("this report is resolved already".into()));
        }
        let resolved = Report {
            state: ReportState::Resolved,
            resolution: Some(resolution),
            resolved_by: by.user(),
            resolved_at: Some(self.clock.now()),
            ..report
        };
        let (touches, by, made) = (by.touching(&[room.into()]), by.clone(), resolved.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                let live = draft.room(room)?;
                draft.authorise(&by, |who| {
                    rights::may(who, Permission::ReportManage).or_else(|_| {
                        rights::may_in_room(who, &live.facts(), InRoom::Moderate).map(drop)
                    })
                })?;
                let detail = json!({"room": room, "seq": made.seq, "reason": made.resolution});
                let target = Some(made.id.to_string());
                draft.act("report.resolve", &by.actor(), target, detail, &[]);
                draft.write(Write::UpdateReport(made.clone()));
                Ok(())
            });
        done.await?;
        Ok(resolved)
    }
}
