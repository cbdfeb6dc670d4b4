//! In what an account differs from what an import says of it. What is not said does not differ.

use super::ImportedAccount;
use crate::{
    auth::password::ImportedHash,
    model::{Builtin, DisplayName, Email, Status, User},
    ops::users::status_for,
};

/// In what an account is not as it should be, by the columns' names.
pub(super) fn differences(user: &User, account: &ImportedAccount) -> Vec<&'static str> {
    let email = account.email.is_some() && (user.email != account.email || !user.email_login);
    let is_source = |hash: &ImportedHash| {
        let stored = user.password.as_deref();
        stored.is_some_and(|stored| hash.is_source_of(stored))
    };
    let enabled = user.status != Status::Disabled;
    let all = [
        (
            "display_name",
            account.display_name.is_some() && user.display_name != account.display_name,
        ),
        ("email", email),
        (
            "role",
            account.role.as_ref().is_some_and(|role| *role != user.role),
        ),
        (
            "password_hash",
            account
                .password
                .as_ref()
                .is_some_and(|hash| !is_source(hash)),
        ),
        ("status", account.enabled.is_some_and(|e| e != enabled)),
    ];
    let differs = all.into_iter().filter(|(_, differs)| *differs);
    differs.map(|(name, _)| name).collect()
}

/// Whether somebody who administers would not any more.
pub(super) fn loses_admin(user: &User, account: &ImportedAccount) -> bool {
    let administers = |user: &User| user.role == Builtin::Admin && user.status == Status::Active;
    administers(user) && !administers(&changed(user, account))
}

/// An account as it should be.
pub(super) fn changed(user: &User, account: &ImportedAccount) -> User {
    let fields = differences(user, account);
    let differs = |name| fields.contains(&name);
    let mut user = user.clone();
    if differs("display_name") {
        user.display_name.clone_from(&account.display_name);
    }
    if differs("email") {
        user.email.clone_from(&account.email);
        user.email_login = true;
    }
    if let Some(role) = &account.role {
        user.role.clone_from(role);
    }
    if differs("password_hash") {
        user.password = account.password.as_ref().map(|p| p.as_str().to_owned());
    }
    match account.enabled {
        Some(enabled) if differs("status") => user.status = status_for(&user, enabled),
        // It has a password now.
        _ if user.status == Status::Invited && user.password.is_some() => {
            user.status = Status::Active;
        }
        _ => {}
    }
    user
}

/// Their texts before and after, where they differ: particulars, which lie apart in the control log.
pub(super) fn texts<'a>(before: &'a User, after: &'a User) -> Vec<(&'static str, &'a str)> {
    let name = |user: &'a User| user.display_name.as_ref().map_or("", DisplayName::as_str);
    let email = |user: &'a User| user.email.as_ref().map_or("", Email::as_str);
    let mut texts = Vec::new();
    if before.display_name != after.display_name {
        texts.extend([
            ("display_name_before", name(before)),
            ("display_name", name(after)),
        ]);
    }
    if before.email != after.email || before.email_login != after.email_login {
        texts.extend([("email_before", email(before)), ("email", email(after))]);
    }
    texts
}
