//! The account behind a hook: a bot that is made with it, and is switched off with it. It is not erased: what it said
//! stays what it said, and its name stays its own.

use serde_json::json;

use super::{HOOK_SCOPES, TOKEN};
use crate::{
    auth::{Secret, bot},
    clock::Millis,
    id::UserId,
    log::Draft,
    model::{Actor, Builtin, DeviceName, Refusal, Session, Status, User, Username},
    store::Write,
};

/// A new one; no hook has it yet.
pub(super) fn new_bot(name: Username, now: Millis) -> User {
    User {
        id: UserId::new(now),
        name,
        display_name: None,
        email: None,
        email_login: false,
        role: Builtin::Member.into(),
        status: Status::Active,
        bot: true,
        presence: false,
        password: None,
        created_at: now,
    }
}

/// A token for it.
pub(super) fn issue(user: UserId, now: Millis) -> Result<(Session, Secret), Refusal> {
    let name = DeviceName::parse(TOKEN).map_err(|_| Refusal::Internal)?;
    Ok(bot::issue(user, name, HOOK_SCOPES, (now, Session::NEVER)))
}

/// Switches it off, and ends every token it has; answers whether it was on.
pub(super) fn switch_off(
    draft: &mut Draft<'_>,
    actor: &Actor,
    bot: UserId,
) -> Result<bool, Refusal> {
    let user = draft.user(bot)?.user();
    draft.write(Write::EndSessions {
        user: bot,
        except: None,
        at: draft.now(),
    });
    let was_on = user.status == Status::Active;
    if was_on {
        set_status(draft, actor, user, Status::Disabled);
    }
    Ok(was_on)
}

/// Switches it on, which was switched off with its hook.
pub(super) fn switch_on(draft: &mut Draft<'_>, actor: &Actor, user: User) {
    set_status(draft, actor, user, Status::Active);
}

fn set_status(draft: &mut Draft<'_>, actor: &Actor, mut user: User, after: Status) {
    let detail = json!({"before": user.status, "after": after, "by": "hook"});
    user.status = after;
    draft.act("user.status", actor, Some(user.id.to_string()), detail, &[]);
    draft.write(Write::UpdateUser(user));
}
