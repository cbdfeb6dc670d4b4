//! A few maps in memory that do what a store has to do.

use super::*;

/// Who reacts with an emoji, by the `seq` of it.
pub(super) type Reacting = (Emoji, BTreeMap<u64, UserId>);

/// The contract, as simply as it can be said.
#[derive(Clone, Default)]
pub(super) struct Model {
    pub(super) logs: BTreeMap<LogId, Vec<Entry>>,
    /// The last number that was given to something that needs one of its own.
    pub(super) numbers: std::rc::Rc<std::cell::Cell<u64>>,
    pub(super) users: BTreeMap<UserId, User>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) members: BTreeMap<(RoomId, UserId), Member>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) codes: BTreeMap<[u8; 32], Code>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) sanctions: BTreeMap<(Option<RoomId>, UserId, SanctionKind), Sanction>,
    pub(super) reports: BTreeMap<ReportId, Report>,
    pub(super) deletions: BTreeMap<(RoomId, u64), Deletion>,
    /// The newest text, unless it was erased, and what edited the message.
    pub(super) edits: BTreeMap<(RoomId, u64), (Option<String>, Vec<u64>)>,
    /// What answers it.
    pub(super) replies: BTreeMap<(RoomId, u64), Vec<u64>>,
    /// By which entry it is pinned.
    pub(super) pins: BTreeMap<(RoomId, u64), u64>,
    /// Who reacts with what, by the `seq` of it, the first emoji first.
    pub(super) reactions: BTreeMap<(RoomId, u64), Vec<Reacting>>,
}

impl Model {
    pub(super) fn commit(&mut self, batch: &[Change]) -> Vec<Outcome> {
        let mut stopped = HashSet::new();
        let mut outcomes = Vec::new();
        for change in batch {
            let logs = || change.entries.iter().map(|entry| entry.log);
            let outcome = if logs().any(|log| stopped.contains(&log)) {
                Outcome::Conflict
            } else {
                let mut next = self.clone();
                match next.change(change) {
                    Ok(()) => {
                        *self = next;
                        Outcome::Committed
                    }
                    Err(outcome) => outcome,
                }
            };
            if outcome != Outcome::Committed {
                stopped.extend(logs());
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(super) fn change(&mut self, change: &Change) -> Result<(), Outcome> {
        change
            .entries
            .iter()
            .try_for_each(|entry| self.append(entry))?;
        change.writes.iter().try_for_each(|write| self.write(write))
    }

    pub(super) fn append(&mut self, entry: &Entry) -> Result<(), Outcome> {
        let same =
            |old: &&Entry| old.txn.is_some() && (old.from, &old.txn) == (entry.from, &entry.txn);
        let mut known = self.logs.get(&entry.log).into_iter().flatten();
        if let Some(original) = known.find(same) {
            let original = self.shown(original);
            return Err(Outcome::Duplicate(Box::new(original)));
        }
        let log = self.logs.entry(entry.log).or_default();
        if entry.seq != log.len() as u64 + 1 {
            return Err(Outcome::Conflict);
        }
        log.push(entry.clone());
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "an arm for each write there is")]
    pub(super) fn write(&mut self, write: &Write) -> Result<(), Outcome> {
        let stale = |ok: bool| if ok { Ok(()) } else { Err(Outcome::Stale) };
        match write.clone() {
            Write::InsertUser(user) | Write::UpdateUser(user) => {
                let known = self.users.contains_key(&user.id);
                let new = matches!(write, Write::InsertUser(_));
                stale(new || known)?;
                let others = || self.users.values().filter(|other| other.id != user.id);
                if others().any(|other| other.name == user.name) {
                    return Err(Outcome::Exists("username"));
                }
                let login = |user: &User| user.email.clone().filter(|_| user.email_login);
                if login(&user).is_some() && others().any(|other| login(other) == login(&user)) {
                    return Err(Outcome::Exists("email"));
                }
                stale(new != known)?;
                self.users.insert(user.id, user);
            }
            Write::InsertRoom(room) | Write::UpdateRoom(room) => {
                let known = self.rooms.contains_key(&room.id);
                let new = matches!(write, Write::InsertRoom(_));
                stale(new || known)?;
                let found =
                    |room: &Room| room.kind == RoomKind::Public && room.deleted_at.is_none();
                let same = |o: &Room| o.id != room.id && found(o) && o.name == room.name;
                if found(&room) && self.rooms.values().any(same) {
                    return Err(Outcome::Exists("room name"));
                }
                stale(new != known)?;
                self.rooms.insert(room.id, room);
            }
            Write::PutMember(member) => {
                let key = (member.room, member.user);
                let read = self.members.get(&key).map_or(member.read, |m| m.read);
                self.members.insert(key, Member { read, ..member });
            }
            Write::Read(reads) => {
                for read in reads {
                    if let Some(member) = self.members.get_mut(&(read.room, read.user)) {
                        member.read = read.upto;
                    }
                }
            }
            Write::MoveOn(on) => {
                let members = self.members.values_mut();
                for member in members.filter(|m| m.room == on.room && on.moves(m)) {
                    member.read = on.upto;
                }
            }
            Write::DeleteMember(room, user) => {
                self.members.remove(&(room, user));
            }
            Write::InsertSession(session) => {
                stale(!self.sessions.contains_key(&session.id))?;
                self.sessions.insert(session.id, session);
            }
            Write::UpdateSession(session) => {
                let old = self.sessions.get(&session.id);
                stale(old.is_some_and(|old| old.version + 1 == session.version))?;
                self.sessions.insert(session.id, session);
            }
            Write::EndSessions { user, except, at } => {
                let mine = |s: &&mut Session| s.user == user && Some(s.id) != except;
                for session in self.sessions.values_mut().filter(mine) {
                    if session.ended_at.is_none() {
                        session.ended_at = Some(at);
                        session.version += 1;
                    }
                }
            }
            Write::InsertCode(code) => {
                stale(!self.codes.contains_key(&code.hash))?;
                self.codes.insert(code.hash, code);
            }
            Write::DeleteCodes(user) => self.codes.retain(|_, code| code.user != Some(user)),
            Write::TakeCode(hash) => {
                let code = self.codes.get_mut(&hash).ok_or(Outcome::Stale)?;
                code.uses -= 1;
                if code.uses == 0 {
                    self.codes.remove(&hash);
                }
            }
            Write::DeleteCode(hash) => stale(self.codes.remove(&hash).is_some())?,
            Write::PutSanction(s) => {
                self.sanctions.insert((s.room, s.user, s.kind), s);
            }
            Write::DeleteSanction { kind, user, room } => {
                self.sanctions.remove(&(room, user, kind));
            }
            Write::InsertReport(report) => {
                let same =
                    |r: &Report| (r.room, r.seq, r.by) == (report.room, report.seq, report.by);
                if self.reports.values().any(same) {
                    return Err(Outcome::Exists("report"));
                }
                stale(!self.reports.contains_key(&report.id))?;
                self.reports.insert(report.id, report);
            }
            Write::PutSetting(name, value) => {
                self.settings.insert(name, value);
            }
            Write::Edit(_) | Write::Delete(_) | Write::Restore { .. } | Write::Erase { .. } => {
                self.overlay(write)?;
            }
            Write::React(_) | Write::Unreact { .. } => self.react(write)?,
            Write::Reply {
                room, target, seq, ..
            } => {
                stale(!self.deletions.contains_key(&(room, target)))?;
                let known = self.replies.entry((room, target)).or_default();
                stale(!known.contains(&seq))?;
                known.push(seq);
            }
            Write::Pin(pin) => {
                let place = (pin.room, pin.target);
                stale(!self.pins.contains_key(&place) && !self.deletions.contains_key(&place))?;
                self.pins.insert(place, pin.pinned.seq);
            }
            Write::Unpin { room, target } => {
                stale(self.pins.remove(&(room, target)).is_some())?;
            }
            Write::EraseEdit { .. }
            | Write::EraseReaction { .. }
            | Write::Mention(_)
            | Write::PutKey(_)
            | Write::PutRole(_)
            | Write::DeleteRole(_)
            | Write::PutAddressBan(_)
            | Write::DeleteAddressBan(_)
            | Write::DeleteSessions(_)
            | Write::ErasePersonal(_)
            | Write::UpdateReport(_)
            | Write::InsertFile(_)
            | Write::AttachFile { .. }
            | Write::DropFile { .. }
            | Write::DeleteFile(_)
            | Write::PutRedaction(_)
            | Write::InsertSegment(..)
            | Write::RewriteSegment(..)
            | Write::UpdateSegment(_)
            | Write::DeleteSegment { .. }
            | Write::DeleteLive { .. }
            | Write::InsertLive { .. }
            | Write::PutRun(_)
            | Write::PutHold(_)
            | Write::DeleteHold(_)
            | Write::SetEpoch(_) => unreachable!("not among the steps"),
        }
        Ok(())
    }

    pub(super) fn overlay(&mut self, write: &Write) -> Result<(), Outcome> {
        let stale = |ok: bool| if ok { Ok(()) } else { Err(Outcome::Stale) };
        match *write {
            Write::Edit(ref edit) => {
                let place = (edit.room, edit.target);
                stale(!self.deletions.contains_key(&place))?;
                let (body, seqs) = self.edits.entry(place).or_default();
                *body = Some(edit.body.clone());
                seqs.push(edit.seq);
            }
            Write::Delete(deletion) => {
                let place = (deletion.room, deletion.target);
                stale(!self.deletions.contains_key(&place))?;
                self.deletions.insert(place, deletion);
                self.pins.remove(&place);
            }
            Write::Restore {
                room,
                target,
                redaction,
            } => {
                let found = self.deletions.get(&(room, target));
                let whole = |d: &Deletion| d.redaction == redaction && d.erased_at.is_none();
                stale(found.is_some_and(whole))?;
                self.deletions.remove(&(room, target));
            }
            Write::Erase {
                room,
                target,
                at,
                edits,
                ..
            } => {
                let made = self.edits.get_mut(&(room, target));
                let deleted = self.deletions.contains_key(&(room, target));
                let known = made.as_ref().map_or(0, |(_, seqs)| seqs.len());
                stale(!deleted || known == edits)?;
                if let Some((body, _)) = made.filter(|_| deleted) {
                    *body = None;
                }
                let found = self.deletions.get_mut(&(room, target));
                if let Some(deletion) = found.filter(|d| d.erased_at.is_none()) {
                    deletion.erased_at = Some(at);
                    self.reactions.remove(&(room, target));
                    let log = self.logs.entry(room.into()).or_default();
                    if let Some(entry) = log.iter_mut().find(|e| e.seq == target) {
                        entry.payload = Payload::Tombstone;
                        entry.digest = None;
                    }
                }
            }
            _ => unreachable!("not about the overlay"),
        }
        Ok(())
    }

    fn react(&mut self, write: &Write) -> Result<(), Outcome> {
        match write {
            Write::React(new) => {
                let place = (new.room, new.target);
                let all = self.reactions.entry(place).or_default();
                let known = all.iter().position(|(emoji, _)| *emoji == new.emoji);
                let at = known.unwrap_or(all.len());
                if known.is_none() {
                    all.push((new.emoji.clone(), BTreeMap::new()));
                }
                let again = all[at].1.values().any(|user| *user == new.user);
                if again || self.deletions.contains_key(&place) {
                    return Err(Outcome::Stale);
                }
                all[at].1.insert(new.seq, new.user);
            }
            Write::Unreact {
                room,
                target,
                user,
                emoji,
            } => {
                let all = self.reactions.entry((*room, *target)).or_default();
                let count =
                    |all: &[Reacting]| -> usize { all.iter().map(|(_, who)| who.len()).sum() };
                let before = count(all);
                for (with, who) in all.iter_mut() {
                    if emoji.as_ref().is_none_or(|emoji| emoji == with) {
                        who.retain(|_, one| one != user);
                    }
                }
                all.retain(|(_, who)| !who.is_empty());
                if count(all) == before {
                    return Err(Outcome::Stale);
                }
            }
            _ => unreachable!("not about reactions"),
        }
        Ok(())
    }

    /// The sums that lie over a message.
    pub(super) fn sums(&self, place: (RoomId, u64)) -> Vec<Tally> {
        let all = self.reactions.get(&place).into_iter().flatten();
        let sum = |(emoji, who): &Reacting| Tally {
            emoji: emoji.clone(),
            count: who.len() as u64,
            first: who.values().take(Reaction::SHOWN).copied().collect(),
        };
        all.map(sum).collect()
    }

    /// An entry as it is read.
    pub(super) fn shown(&self, entry: &Entry) -> Entry {
        let mut shown = entry.clone();
        if let LogId::Room(room) = entry.log
            && self.deletions.contains_key(&(room, entry.seq))
        {
            shown.payload = Payload::Tombstone;
        }
        shown
    }

    /// What the steps of a change mean, for somebody who knows this state and what they `plan`ned since.
    pub(super) fn plan(&self, steps: &[Step], planned: &mut BTreeMap<LogId, u64>) -> Change {
        let mut change = Change::default();
        for step in steps {
            if let Step::Append {
                log,
                off,
                from,
                txn,
            } = step
            {
                let log = log_id(*log);
                // Repeating one's own txn within one change would make no sense.
                let txn = txn.map(|i| format!("t{i}")).filter(|name| {
                    change
                        .entries
                        .iter()
                        .all(|e| e.txn.as_ref().map(Txn::as_str) != Some(name))
                });
                let head = self.logs.get(&log).map_or(0, |log| log.len() as u64);
                let seq = planned.entry(log).or_insert(head);
                *seq += 1;
                let seq = *seq + u64::from(*off);
                let from = UserId::from_bytes([*from; 16]);
                change.entries.push(match txn {
                    Some(name) => said(log, seq, from, &name),
                    None => message(log, seq, "anonymous"),
                });
            } else {
                self.numbers.set(self.numbers.get() + 1);
                change.writes.extend(write_of(step, self.numbers.get()));
            }
        }
        change
    }
}
