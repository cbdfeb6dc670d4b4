//! The members of a MongoDB's replica set: one that takes writes, and enough that have them.

use std::time::Duration;

use chatd::{
    config::Config,
    server,
    store::mongo::set::{ReplicaSet, SetMember},
};
use tokio::time::timeout;

use super::finding::Finding;
use crate::{
    asking::one_thread,
    output::{count, span},
};

const CHECK: &str = "members";
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How far a member may be behind before it is worth a thought. An idle set writes something every ten seconds.
const BEHIND: Duration = Duration::from_mins(1);

/// How they stand; nothing where the store is no MongoDB.
pub(super) fn members(config: &Config) -> Vec<Finding> {
    let Ok(runtime) = one_thread() else {
        return Vec::new();
    };
    let looked =
        runtime.block_on(async { timeout(PATIENCE, server::stores::replica_set(config)).await });
    match looked {
        Ok(Ok(None)) => Vec::new(),
        Ok(Ok(Some(set))) => judge(&set),
        Ok(Err(e)) => vec![silent(&e.to_string())],
        Err(_) => vec![silent(&format!(
            "no answer within {} s",
            PATIENCE.as_secs()
        ))],
    }
}

fn silent(why: &str) -> Finding {
    let what = format!("how its members stand cannot be told: `hello` is not answered ({why})");
    Finding::problem(
        CHECK,
        what,
        "systemctl status mongod   # on the hosts of store.url",
    )
}

fn judge(set: &ReplicaSet) -> Vec<Finding> {
    if set.router {
        let what =
            "it is reached through a router of a sharded cluster, which does not tell of members";
        return vec![Finding::ok(CHECK, what)];
    }
    if set.name.is_empty() {
        let what = "it is a standalone server, which has no transactions";
        let mend = "start mongod with --replSet rs0, then once: mongosh --eval 'rs.initiate()'";
        return vec![Finding::problem(CHECK, what, mend)];
    }
    let mut found = vec![whole(set)];
    found.extend(set.members.iter().filter_map(|it| one(set, it)));
    found
}

/// The set as a whole: whether it takes writes and acknowledges them.
fn whole(set: &ReplicaSet) -> Finding {
    let name = &set.name;
    let with_data = set.members.iter().filter(|it| it.has_data()).count();
    let untold = set.untold.as_ref().map_or_else(String::new, |why| {
        format!(" (replSetGetStatus is not answered: {why}; each was asked for `hello`)")
    });
    if !set.members.iter().any(SetMember::is_primary) {
        let what = format!("the set {name} has no primary, so nothing can be written{untold}");
        return Finding::problem(CHECK, what, rs_status(set));
    }
    if with_data < set.majority {
        let what = format!(
            "{with_data} of the members of {name} take in what is written, and {} have to: nothing is \
             acknowledged{untold}",
            set.majority
        );
        return Finding::problem(CHECK, what, rs_status(set));
    }
    let primary = set.members.iter().find(|it| it.is_primary());
    let primary = primary.map_or("?", |it| it.host.as_str());
    let what = format!(
        "the set {name} has {}, {primary} is primary; {with_data} take in what is written, and {} have to{untold}",
        count(set.members.len() as u64, "member"),
        set.majority
    );
    Finding::ok(CHECK, what)
}

/// What is wrong with one member.
fn one(set: &ReplicaSet, member: &SetMember) -> Option<Finding> {
    let SetMember {
        host,
        state,
        lag,
        trouble,
    } = member;
    let (address, port) = host.rsplit_once(':').unwrap_or((host, "27017"));
    let why = trouble
        .as_ref()
        .map_or_else(String::new, |it| format!(" ({it})"));
    match state.as_str() {
        "PRIMARY" | "ARBITER" => None,
        "SECONDARY" => {
            let lag = lag.filter(|lag| *lag > BEHIND)?;
            let what = format!("{host} is {} behind the primary", span(lag));
            Some(Finding::warning(
                CHECK,
                what,
                format!(
                    "mongosh --host {address} --port {port} --eval 'rs.printSecondaryReplicationInfo()'"
                ),
            ))
        }
        "DOWN" => {
            let what = format!("{host} does not answer{why}");
            Some(Finding::warning(
                CHECK,
                what,
                format!("ssh {address} systemctl restart mongod   # after a look at its log"),
            ))
        }
        state => {
            let what = format!("{host} is {state}{why}: it does not take in what is written");
            Some(Finding::warning(CHECK, what, rs_status(set)))
        }
    }
}

/// What shows all of it, asked of a member that answers.
fn rs_status(set: &ReplicaSet) -> String {
    let answers = set.members.iter().find(|it| it.state != "DOWN");
    let host = answers.map_or("HOST", |it| it.host.as_str());
    let (address, port) = host.rsplit_once(':').unwrap_or((host, "27017"));
    format!("mongosh --host {address} --port {port} --eval 'rs.status()'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn set(states: &[&str]) -> ReplicaSet {
        let member = |(i, state): (usize, &&str)| SetMember {
            host: format!("db{}:27017", i + 1),
            state: (*state).to_owned(),
            ..SetMember::default()
        };
        ReplicaSet {
            name: "rs0".into(),
            members: states.iter().enumerate().map(member).collect(),
            majority: states.len() / 2 + 1,
            ..ReplicaSet::default()
        }
    }

    fn verdicts(set: &ReplicaSet) -> Vec<Verdict> {
        judge(set).iter().map(|it| it.verdict).collect()
    }

    #[test]
    fn a_set_needs_a_primary_and_a_majority() {
        use Verdict::{Ok, Problem, Warning};
        assert_eq!(verdicts(&set(&["PRIMARY"])), [Ok]);
        assert_eq!(verdicts(&set(&["PRIMARY", "SECONDARY", "SECONDARY"])), [Ok]);
        assert_eq!(
            verdicts(&set(&["PRIMARY", "SECONDARY", "DOWN"])),
            [Ok, Warning]
        );
        assert_eq!(
            verdicts(&set(&["PRIMARY", "ARBITER", "DOWN"])),
            [Problem, Warning]
        );
        assert_eq!(
            verdicts(&set(&["SECONDARY", "SECONDARY", "RECOVERING"])),
            [Problem, Warning]
        );
        assert_eq!(verdicts(&ReplicaSet::default()), [Problem], "a standalone");
        let router = ReplicaSet {
            router: true,
            ..ReplicaSet::default()
        };
        assert_eq!(verdicts(&router), [Ok]);
    }

    #[test]
    fn each_finding_has_a_command_for_a_member_that_answers() {
        let found = judge(&set(&["DOWN", "SECONDARY"]));
        let mend = found[0].mend.as_deref().expect("a command");
        assert_eq!(mend, "mongosh --host db2 --port 27017 --eval 'rs.status()'");
        assert!(
            found[1]
                .mend
                .as_ref()
                .is_some_and(|it| it.contains("ssh db1"))
        );
    }

    #[test]
    fn who_is_far_behind_is_told_and_what_was_not_answered() {
        let mut behind = set(&["PRIMARY", "SECONDARY"]);
        behind.members[1].lag = Some(Duration::from_mins(10));
        behind.untold = Some("not authorized".into());
        let found = judge(&behind);
        assert!(
            found[0]
                .what
                .contains("replSetGetStatus is not answered: not authorized")
        );
        assert!(found[1].what.contains("10 min behind"), "{found:?}");
    }
}
