//! Forgetting a person: what names them leaves the store, and only the id is left.
//!
//! The steps can be taken again from the start at any time, and the name goes last: so a run that was broken
//! off is gone on with by asking for the same again. The audit log keeps every act; of its particulars that
//! name people only their salted digests stay, so the chain is whole.

use serde_json::json;

use super::{Ops, only_operators};
use crate::{
    clock::Millis,
    id::{LogId, UserId},
    log::{Error, refuse},
    model::{
        Act, Authority, Builtin, Email, Origin, Payload, Reason, Refusal, Status, User, UserRef,
        Username,
    },
    store::{Write, erasures::Erasure},
};

/// How often another name is tried.
const TRIES: u8 = 4;
/// How the appender says that a name is taken.
const NAME_TAKEN: &str = "this username is taken";
/// How many acts are looked at at a time.
const SCAN: usize = 500;
/// How many bytes of them.
const SCAN_BYTES: usize = 1 << 20;

impl Ops {
    /// Begins to forget somebody: from here on nobody logs in as them. Answers the account.
    pub async fn begin_erasure(
        &self,
        by: &Authority,
        user: &UserRef,
        messages: &'static str,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<User, Refusal> {
        let _one_at_a_time = self.admins.lock().await;
        let user = self.find_user(user).await?;
        if user.status == Status::Erased {
            return Err(Refusal::Conflict("this account was erased already".into()));
        }
        if user.role == Builtin::Admin {
            self.keep_an_admin(&user).await?;
        }
        self.begin_erasing(by, user.id, messages, reason.clone(), true)
            .await?;
        if dry_run {
            return Ok(user);
        }
        let listed = Erasure::Person {
            user: user.id,
            messages: messages == "delete",
        };
        let noted = self.erasures.note(&[listed], self.clock.now()).await;
        noted.map_err(|e| refuse(&e))?;
        self.begin_erasing(by, user.id, messages, reason, false)
            .await?;
        Ok(user)
    }

    async fn begin_erasing(
        &self,
        by: &Authority,
        id: UserId,
        messages: &'static str,
        reason: Option<Reason>,
        dry_run: bool,
    ) -> Result<(), Refusal> {
        let (touches, by) = (by.touching(&[id.into()]), by.clone());
        let done = self
            .log
            .append_or_rehearse(dry_run, &touches, None, move |draft| {
                draft.authorise(&by, |_| Err(only_operators()))?;
                let mut user = draft.user(id)?.user();
                if user.status == Status::Erased {
                    return Err(Refusal::Conflict("this account was erased already".into()));
                }
                if let Some(hold) = draft.policy().hold_on_user(id) {
                    return Err(hold.refusal("this person"));
                }
                let detail = json!({"messages": messages, "reason": reason});
                let target = Some(id.to_string());
                draft.act("user.erase", &by.actor(), target, detail, &[]);
                user.status = Status::Disabled;
                user.password = None;
                draft.write(Write::UpdateUser(user));
                draft.write(Write::DeleteCodes(id));
                draft.write(Write::DeleteSessions(id));
                Ok(())
            });
        done.await.map(drop).map_err(Into::into)
    }

    /// Takes the particulars that name somebody out of a piece of the audit log; answers how many acts had
    /// some, which rows do not read, and where the next piece begins.
    pub async fn erase_traces(
        &self,
        by: &Authority,
        id: UserId,
        after: u64,
        dry_run: bool,
    ) -> Result<(u64, Vec<u64>, Option<u64>), Refusal> {
        let control = LogId::Control;
        let read = self
            .store
            .readable(control, after, u64::MAX, SCAN, SCAN_BYTES)
            .await;
        let read = read.map_err(|e| refuse(&e))?;
        let user = self.find_user(&UserRef::Id(id)).await?;
        let about = read.entries.iter().filter(|entry| match &entry.payload {
            Payload::Act(act) => names(act, &user),
            _ => false,
        });
        let seqs: Vec<u64> = about.map(|e| e.seq).collect();
        let count = seqs.len() as u64;
        if count > 0 {
            let (touches, by) = (by.touching(&[id.into()]), by.clone());
            let done = self
                .log
                .append_or_rehearse(dry_run, &touches, None, move |draft| {
                    draft.authorise(&by, |_| Err(only_operators()))?;
                    for seq in &seqs {
                        draft.write(Write::ErasePersonal(*seq));
                    }
                    Ok(())
                });
            done.await?;
        }
        Ok((count, read.damaged, read.next))
    }

    /// Ends it: the account loses its name, and what else it says of the person.
    pub async fn finish_erasure(&self, by: &Authority, id: UserId) -> Result<User, Refusal> {
        self.drop_uploads(by, id).await?;
        for _ in 0..TRIES {
            match self.lose_name(by, id, nobody(self.clock.now())?).await {
                // Somebody is called so already.
                Err(Refusal::Conflict(what)) if what == NAME_TAKEN => {}
                done => return done,
            }
        }
        Err(Refusal::Busy)
    }

    /// Files that are part of no message go; the others go with their messages, or stay with them.
    async fn drop_uploads(&self, by: &Authority, id: UserId) -> Result<(), Refusal> {
        let mut after = None;
        loop {
            let files = self.store.files_of(id, after, SCAN).await;
            let files = files.map_err(|e| refuse(&e))?;
            let Some(last) = files.last() else {
                return Ok(());
            };
            after = Some(last.id);
            for file in files.iter().filter(|f| f.place.is_none()) {
                let (file, by) = (file.id, by.clone());
                let touches = by.touching(&[id.into()]);
                let done = self.log.append(&touches, None, move |draft| {
                    draft.authorise(&by, |_| Err(only_operators()))?;
                    let at = draft.now();
                    draft.write(Write::DropFile {
                        id: file,
                        place: None,
                        at,
                    });
                    Ok(())
                });
                match done.await {
                    // It went by itself meanwhile.
                    Ok(_) | Err(Error::Stale) => {}
                    Err(e) => return Err(e.into()),
                }
            }
        }
    }

    async fn lose_name(&self, by: &Authority, id: UserId, name: Username) -> Result<User, Refusal> {
        let (touches, by) = (by.touching(&[id.into()]), by.clone());
        let done = self.log.append(&touches, None, move |draft| {
            draft.authorise(&by, |_| Err(only_operators()))?;
            let mut user = draft.user(id)?.user();
            if user.status != Status::Disabled || user.password.is_some() {
                let what = "this account was switched on meanwhile; begin again";
                return Err(Refusal::Conflict(what.into()));
            }
            user.name = name.clone();
            user.display_name = None;
            user.email = None;
            user.email_login = false;
            user.password = None;
            user.status = Status::Erased;
            draft.write(Write::UpdateUser(user));
            let target = Some(id.to_string());
            // What the operator typed says the name that goes.
            let mut actor = by.actor();
            if let Origin::Admin { command, .. } = &mut actor.origin {
                *command = None;
            }
            draft.act("user.erased", &actor, target, json!(null), &[]);
            Ok(())
        });
        done.await?;
        self.find_user(&UserRef::Id(id)).await
    }
}

/// Whether an act has particulars that may name somebody: it is by them or about them, or what somebody typed
/// says their name.
fn names(act: &Act, user: &User) -> bool {
    let Some(personal) = &act.personal else {
        return false;
    };
    let id = user.id.to_string();
    let email = user.email.as_ref().map(Email::as_str);
    let told =
        |text: &String| says(text, user.name.as_str()) || email.is_some_and(|e| says(text, e));
    act.actor.user == Some(user.id)
        || act.target.as_ref() == Some(&id)
        || act.detail.to_string().contains(&id)
        || personal.fields.values().any(told)
}

/// Whether a text says a name as a word of its own, in whatever case, however it was quoted or put behind a
/// flag: `ana`, `'ana'`, `--user=ana`, `ana,bob`, `@ana`, `ana's`, `ana.` at the end of a sentence. A part of
/// another name (`ana.smith`, `ana-2`), of an address (`ana@…`) or of a path (`/home/ana`, `ana.csv`) is not it.
fn says(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let of_name = |c: char| c.is_alphanumeric() || "_-".contains(c);
    text.match_indices(&name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + name.len()..].chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(of_name),
            Some(c) => of_name(c) || "/@".contains(c),
            None => false,
        };
        !goes_on && !before.is_some_and(|c| of_name(c) || "./".contains(c))
    })
}

/// A name for an erased account, made of what is random in a new id: nobody can have taken it on purpose.
fn nobody(now: Millis) -> Result<Username, Refusal> {
    let id = UserId::new(now);
    let random = u64::from_be_bytes(std::array::from_fn(|i| id.as_bytes()[i + 8]));
    Username::parse(&format!("erased-{random:016x}")).map_err(|_| Refusal::Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_word_in_whatever_a_shell_takes() {
        for text in [
            "chatd user show ana",
            "chatd message redact --user=ana --since 2h",
            "chatd message redact --user=\"ana\"",
            "chatd room add general 'ana' $'ana'",
            "chatd room add general ana,bob",
            "chatd user show ANA",
            "chatd ban add dora --reason ask @ana.",
            "chatd report resolve 7 --reason (ana's)",
            "chatd x --to bob;ana|cat <ana>",
            "ana",
        ] {
            assert!(says(text, "ana"), "{text}");
        }
        for text in [
            "chatd user show anabel",
            "chatd user show diana",
            "chatd user show ana-2",
            "chatd user show ana_2",
            "chatd user show ana.smith",
            "chatd user show dr.ana",
            "chatd user import ana.csv",
            "chatd user export bob /home/ana/x",
            "chatd user export bob out/ana",
            "chatd user edit bob --email ana@example.org",
            "chatd user show \u{e4}ana",
            "",
        ] {
            assert!(!says(text, "ana"), "{text}");
        }
        assert!(says("--email=Ana@Example.org", "ana@example.org"));
        assert!(says("x ana.smith.", "ana.smith"));
    }
}
