//! How much of the admin socket somebody may use, and how much each of its URLs asks for.

use std::iter;

use hyper::Method;

pub use crate::model::Level;
use Level::{Operate, Own, View};

/// Every URL, as the router knows it, and what each of its methods asks for. A URL that is not here is for
/// owners; a test sees to it that none is forgotten.
const TABLE: &[(&str, &[(Method, Level)])] = &[
    ("/v1/status", &[(Method::GET, View)]),
    // Names no text, but reads all of them.
    ("/v1/store/check", &[(Method::GET, Operate)]),
    // All there is, password hashes included, in a file where they say.
    ("/v1/store/backup", &[(Method::POST, Own)]),
    ("/v1/store/epoch", &[(Method::POST, Own)]),
    // Reads all texts, and tells none.
    ("/v1/store/reindex", &[(Method::POST, Operate)]),
    ("/v1/store", &[(Method::GET, View)]),
    (
        "/v1/log-level",
        &[(Method::GET, View), (Method::PUT, Operate)],
    ),
    ("/v1/config/reload", &[(Method::POST, Operate)]),
    ("/v1/webhook", &[(Method::GET, View)]),
    ("/v1/webhook/test", &[(Method::POST, Operate)]),
    ("/v1/webhook/pause", &[(Method::POST, Operate)]),
    ("/v1/webhook/resume", &[(Method::POST, Operate)]),
    ("/v1/webhook/skip", &[(Method::POST, Operate)]),
    (
        "/v1/registration",
        &[(Method::GET, View), (Method::PUT, Operate)],
    ),
    // Addresses and reasons of everybody.
    ("/v1/audit", &[(Method::GET, Operate)]),
    ("/v1/audit/rows", &[(Method::GET, Operate)]),
    ("/v1/audit/position", &[(Method::GET, View)]),
    ("/v1/permissions", &[(Method::GET, View)]),
    ("/v1/roles", &[(Method::GET, View), (Method::POST, Own)]),
    (
        "/v1/roles/{role}",
        &[
            (Method::GET, View),
            (Method::PATCH, Own),
            (Method::DELETE, Own),
        ],
    ),
    ("/v1/users", &[(Method::GET, View), (Method::POST, Own)]),
    ("/v1/users/import", &[(Method::POST, Own)]),
    ("/v1/imports", &[(Method::POST, Own)]),
    ("/v1/users/{user}", &[(Method::GET, View)]),
    ("/v1/users/{user}/role", &[(Method::PUT, Own)]),
    // A code to log in with.
    ("/v1/users/{user}/password", &[(Method::POST, Own)]),
    ("/v1/users/{user}/status", &[(Method::PUT, Operate)]),
    (
        "/v1/users/{user}/sessions",
        &[(Method::GET, View), (Method::DELETE, Operate)],
    ),
    (
        "/v1/users/{user}/sessions/{id}",
        &[(Method::DELETE, Operate)],
    ),
    (
        "/v1/users/{user}/tokens",
        &[(Method::GET, View), (Method::POST, Own)],
    ),
    ("/v1/users/{user}/export/{part}", &[(Method::GET, Own)]),
    ("/v1/users/{user}/erase", &[(Method::POST, Own)]),
    // Acts with their words, targets and reasons; addresses of connections and of logins, as `/v1/conns` has them.
    ("/v1/watch", &[(Method::GET, View)]),
    ("/v1/events", &[(Method::GET, View)]),
    ("/v1/jobs", &[(Method::GET, View)]),
    ("/v1/jobs/{id}/stop", &[(Method::POST, Operate)]),
    ("/v1/conns", &[(Method::GET, View)]),
    ("/v1/conns/{id}", &[(Method::GET, View)]),
    ("/v1/conns/kick", &[(Method::POST, Operate)]),
    ("/v1/notices", &[(Method::POST, Operate)]),
    (
        "/v1/users/{user}/mute",
        &[(Method::PUT, Operate), (Method::DELETE, Operate)],
    ),
    (
        "/v1/users/{user}/ban",
        &[(Method::PUT, Operate), (Method::DELETE, Operate)],
    ),
    ("/v1/sanctions", &[(Method::GET, View)]),
    (
        "/v1/address-bans",
        &[
            (Method::GET, View),
            (Method::POST, Operate),
            (Method::DELETE, Operate),
        ],
    ),
    // An account comes of it, perhaps one of an admin.
    ("/v1/invites", &[(Method::GET, View), (Method::POST, Own)]),
    ("/v1/invites/{id}", &[(Method::DELETE, Operate)]),
    ("/v1/rooms", &[(Method::GET, View)]),
    (
        "/v1/rooms/{room}",
        &[
            (Method::GET, View),
            (Method::PATCH, Operate),
            (Method::DELETE, Own),
        ],
    ),
    ("/v1/rooms/{room}/transfer", &[(Method::POST, Own)]),
    // Whoever is in a room reads it.
    (
        "/v1/rooms/{room}/members/{user}",
        &[(Method::PUT, Own), (Method::DELETE, Operate)],
    ),
    (
        "/v1/rooms/{room}/invites",
        &[(Method::GET, View), (Method::POST, Own)],
    ),
    (
        "/v1/rooms/{room}/invites/{id}",
        &[(Method::DELETE, Operate)],
    ),
    // Whoever has the URL writes there.
    (
        "/v1/rooms/{room}/hooks",
        &[(Method::GET, View), (Method::POST, Own)],
    ),
    (
        "/v1/rooms/{room}/hooks/{hook}/rotate",
        &[(Method::POST, Own)],
    ),
    (
        "/v1/rooms/{room}/hooks/{hook}",
        &[(Method::DELETE, Operate)],
    ),
    ("/v1/rooms/{room}/sanctions", &[(Method::GET, View)]),
    (
        "/v1/rooms/{room}/mutes/{user}",
        &[(Method::PUT, Operate), (Method::DELETE, Operate)],
    ),
    (
        "/v1/rooms/{room}/bans/{user}",
        &[(Method::PUT, Operate), (Method::DELETE, Operate)],
    ),
    // What people say of each other.
    ("/v1/rooms/{room}/reports", &[(Method::GET, Operate)]),
    ("/v1/reports", &[(Method::GET, Operate)]),
    ("/v1/reports/{id}/resolve", &[(Method::POST, Operate)]),
    (
        "/v1/rooms/{room}/messages/{seq}",
        &[(Method::DELETE, Operate)],
    ),
    // Whose they are and what they are called: as much as what was said.
    ("/v1/files", &[(Method::GET, Own)]),
    (
        "/v1/files/{id}",
        &[(Method::GET, Own), (Method::DELETE, Operate)],
    ),
    ("/v1/files/{id}/bytes", &[(Method::GET, Own)]),
    ("/v1/rooms/{room}/entries", &[(Method::GET, Own)]),
    // Of all rooms, with their texts.
    ("/v1/search", &[(Method::GET, Own)]),
    (
        "/v1/redactions",
        &[(Method::GET, View), (Method::POST, Operate)],
    ),
    ("/v1/redactions/{id}", &[(Method::GET, View)]),
    ("/v1/redactions/{id}/restore", &[(Method::POST, Operate)]),
    (
        "/v1/archive/runs",
        &[(Method::GET, View), (Method::POST, Operate)],
    ),
    ("/v1/archive/runs/{id}", &[(Method::GET, View)]),
    ("/v1/archive/runs/{id}/stop", &[(Method::POST, Operate)]),
    ("/v1/archive/runs/{id}/restore", &[(Method::POST, Operate)]),
    ("/v1/archive/prune", &[(Method::POST, Own)]),
    ("/v1/archive/verify", &[(Method::GET, Operate)]),
    (
        "/v1/archive/schedule",
        &[(Method::GET, View), (Method::PATCH, Operate)],
    ),
    ("/v1/archive/schedule/run", &[(Method::POST, Operate)]),
    ("/v1/archive/segments", &[(Method::GET, View)]),
    ("/v1/archive/segments/{room}/{last}", &[(Method::GET, Own)]),
    ("/v1/archive/ranges", &[(Method::GET, View)]),
    ("/v1/holds", &[(Method::GET, View), (Method::POST, Own)]),
    ("/v1/holds/{id}", &[(Method::DELETE, Own)]),
];

/// What a method of a URL asks for. `path` is the URL as the router knows it, with its places for names.
pub(super) fn needed(method: &Method, path: &str) -> Level {
    find(method, path).unwrap_or(Own)
}

fn find(method: &Method, path: &str) -> Option<Level> {
    // Asked like the page it is the head of.
    let method = if *method == Method::HEAD {
        &Method::GET
    } else {
        method
    };
    let row = TABLE.iter().find(|(known, _)| *known == path)?;
    row.1
        .iter()
        .find(|(known, _)| known == method)
        .map(|(_, level)| *level)
}

/// Every method and URL with its level, for the page about it.
pub fn levels() -> impl Iterator<Item = (&'static Method, &'static str, Level)> {
    TABLE
        .iter()
        .flat_map(|(path, methods)| iter::repeat(path).zip(methods.iter()))
        .map(|(path, (method, level))| (method, *path, *level))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::desk;

    /// What the admin socket has beside the desk's tables.
    const OWN_ROUTES: [(&str, &str); 8] = [
        ("GET", "/v1/status"),
        ("GET", "/v1/watch"),
        ("GET", "/v1/events"),
        ("GET", "/v1/store"),
        ("GET", "/v1/store/check"),
        ("POST", "/v1/store/backup"),
        ("POST", "/v1/store/epoch"),
        ("POST", "/v1/store/reindex"),
    ];

    #[test]
    fn every_url_has_a_level_and_every_level_a_url() {
        let mut routes: BTreeSet<(String, String)> = BTreeSet::new();
        for table in [desk::table(), desk::operators_table()] {
            let described = serde_json::to_value(table.split_for_parts().1.paths).unwrap();
            for (path, methods) in described.as_object().unwrap() {
                let methods = methods.as_object().unwrap().keys();
                routes.extend(methods.map(|m| (m.to_uppercase(), path.clone())));
            }
        }
        assert!(routes.len() > 60, "this test no longer finds routes");
        routes.extend(OWN_ROUTES.map(|(m, p)| (m.to_owned(), p.to_owned())));
        let listed: BTreeSet<_> = levels()
            .map(|(m, p, _)| (m.to_string(), p.to_owned()))
            .collect();
        let missing: Vec<_> = routes.difference(&listed).collect();
        assert!(missing.is_empty(), "give these a level: {missing:#?}");
        let dead: Vec<_> = listed.difference(&routes).collect();
        assert!(dead.is_empty(), "there is no such URL any more: {dead:#?}");
    }

    #[test]
    fn what_is_not_known_is_for_owners() {
        assert_eq!(needed(&Method::GET, "/v1/nothing"), Own);
        assert_eq!(needed(&Method::POST, "/v1/status"), Own);
        assert_eq!(needed(&Method::HEAD, "/v1/status"), View);
        assert!(View < Operate && Operate < Own);
    }
}
