//! How the members of a replica set stand, as they tell it themselves; for whoever looks after them. Changes nothing,
//! and opens no store.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::join_all;
use mongodb::{
    Client,
    bson::{DateTime, Document, doc},
    error::Error as Fault,
    options::{ClientOptions, ReadPreference, SelectionCriteria, ServerAddress},
};
use tokio::time::timeout;

use super::{
    connect::{Patience, parse},
    fault::why,
    secret::Secrets,
};
use crate::store::Error;

/// How long one member may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of a replica set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaSet {
    /// Its name; empty for what is none.
    pub name: String,
    /// Whether it is reached through a router of a sharded cluster, which does not tell of members.
    pub router: bool,
    /// Its members.
    pub members: Vec<SetMember>,
    /// How many members have to have a write before it is acknowledged.
    pub majority: usize,
    /// Why `replSetGetStatus` was not answered; the members were asked one by one then.
    pub untold: Option<String>,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetMember {
    /// Host and port.
    pub host: String,
    /// As MongoDB calls it: `PRIMARY`, `SECONDARY`, `ARBITER`, `RECOVERING` …; `DOWN` when it does not answer.
    pub state: String,
    /// How far it is behind the primary, if that is known.
    pub lag: Option<Duration>,
    /// Why it does not answer.
    pub trouble: Option<String>,
}

impl SetMember {
    /// Whether it is the one that takes writes.
    pub fn is_primary(&self) -> bool {
        self.state == "PRIMARY"
    }

    /// Whether it takes in what is written, and counts for the majority.
    pub fn has_data(&self) -> bool {
        self.is_primary() || self.state == "SECONDARY"
    }
}

/// Asks the servers of a URL.
pub async fn look(url: &str) -> Result<ReplicaSet, Error> {
    let secrets = Secrets::of(url);
    let mut options = parse(url, &mut Patience::new(Duration::ZERO)).await?;
    options.server_selection_timeout = Some(PATIENCE);
    options.connect_timeout = Some(PATIENCE);
    let unavailable = |fault: &Fault| {
        let why = secrets.keep_out_of(why(fault), "no answer");
        Error::Unavailable(why)
    };
    let client = Client::with_options(options.clone()).map_err(|e| unavailable(&e))?;
    let hello = ask(&client, "hello").await;
    let status = match &hello {
        Ok(_) => Some(ask(&client, "replSetGetStatus").await),
        Err(_) => None,
    };
    client.shutdown().immediate(true).await;
    let hello = hello.map_err(|e| unavailable(&e))?;
    let mut set = of_hello(&hello);
    if set.name.is_empty() {
        return Ok(set);
    }
    match status {
        Some(Ok(status)) => of_status(&mut set, &status),
        Some(Err(fault)) => {
            set.untold = Some(secrets.keep_out_of(why(&fault), "no answer"));
            let hosts: Vec<_> = set.members.drain(..).map(|it| it.host).collect();
            let asked = join_all(hosts.iter().map(|host| ask_member(&options, host))).await;
            set.members = one_by_one(hosts, asked);
        }
        None => {}
    }
    Ok(set)
}

/// Runs a command on whichever member answers first.
async fn ask(client: &Client, command: &str) -> Result<Document, Fault> {
    let whoever = SelectionCriteria::ReadPreference(ReadPreference::Nearest {
        options: Option::default(),
    });
    let admin = client.database("admin");
    let asking = admin
        .run_command(doc! { command: 1 })
        .selection_criteria(whoever);
    match timeout(PATIENCE, asking.into_future()).await {
        Ok(answer) => answer,
        Err(_) => Err(Fault::custom(format!(
            "no answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// `hello` of one member, which it answers to anybody.
async fn ask_member(options: &ClientOptions, host: &str) -> Result<Document, String> {
    let mut options = options.clone();
    options.hosts = vec![ServerAddress::parse(host).map_err(|e| why(&e))?];
    options.direct_connection = Some(true);
    options.repl_set_name = None;
    options.credential = None;
    let client = Client::with_options(options).map_err(|e| why(&e))?;
    let answer = ask(&client, "hello").await;
    client.shutdown().immediate(true).await;
    answer.map_err(|e| why(&e))
}

/// The set as one member knows it: who is in it, but not how they are.
fn of_hello(hello: &Document) -> ReplicaSet {
    let hosts = |key: &str| -> Vec<String> {
        let list = hello.get_array(key).ok();
        let names = list.into_iter().flatten().filter_map(|it| it.as_str());
        names.map(str::to_owned).collect()
    };
    let mut all = hosts("hosts");
    all.extend(hosts("passives"));
    all.extend(hosts("arbiters"));
    let voters = all.len();
    let member = |host| SetMember {
        host,
        ..SetMember::default()
    };
    ReplicaSet {
        name: hello.get_str("setName").unwrap_or_default().to_owned(),
        router: hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid"),
        members: all.into_iter().map(member).collect(),
        majority: voters / 2 + 1,
        untold: None,
    }
}

/// The members as the server that was asked sees them.
fn of_status(set: &mut ReplicaSet, status: &Document) {
    let list = status.get_array("members").ok();
    let members = list.into_iter().flatten().filter_map(|it| it.as_document());
    let mut times = BTreeMap::new();
    set.members = members
        .map(|it| {
            let host = it.get_str("name").unwrap_or("?").to_owned();
            let state = it.get_str("stateStr").unwrap_or("UNKNOWN");
            // "(not reachable/healthy)" is the word for one that is away.
            let up = it.get("health").and_then(number) != Some(0) && !state.starts_with('(');
            if let Ok(at) = it.get_datetime("optimeDate") {
                times.insert(host.clone(), *at);
            }
            let said = it.get_str("lastHeartbeatMessage").unwrap_or_default();
            let trouble = (!up).then(|| said.to_owned()).filter(|it| !it.is_empty());
            SetMember {
                state: if up { state } else { "DOWN" }.to_owned(),
                lag: None,
                trouble,
                host,
            }
        })
        .collect();
    if let Some(needed) = status.get("writeMajorityCount").and_then(number) {
        set.majority = needed;
    } else {
        set.majority = set.members.len() / 2 + 1;
    }
    lags(&mut set.members, &times);
}

/// The members as each says it is.
fn one_by_one(hosts: Vec<String>, asked: Vec<Result<Document, String>>) -> Vec<SetMember> {
    let mut times = BTreeMap::new();
    let is = |hello: &Document, key: &str| hello.get_bool(key).unwrap_or(false);
    let each = hosts.into_iter().zip(asked).map(|(host, asked)| {
        let (state, trouble) = match &asked {
            Err(why) => ("DOWN", Some(why.clone())),
            Ok(hello) if is(hello, "isWritablePrimary") => ("PRIMARY", None),
            Ok(hello) if is(hello, "secondary") => ("SECONDARY", None),
            Ok(hello) if is(hello, "arbiterOnly") => ("ARBITER", None),
            Ok(_) => ("RECOVERING", None),
        };
        let wrote = asked.ok().and_then(|hello| {
            let last = hello.get_document("lastWrite").ok()?;
            last.get_datetime("lastWriteDate").ok().copied()
        });
        times.extend(wrote.map(|at| (host.clone(), at)));
        SetMember {
            host,
            state: state.to_owned(),
            lag: None,
            trouble,
        }
    });
    let mut members: Vec<_> = each.collect();
    lags(&mut members, &times);
    members
}

/// How far those with data are behind the primary.
fn lags(members: &mut [SetMember], times: &BTreeMap<String, DateTime>) {
    let primary = members.iter().find(|it| it.is_primary());
    let Some(newest) = primary.and_then(|it| times.get(&it.host)).copied() else {
        return;
    };
    for member in members.iter_mut().filter(|it| it.state == "SECONDARY") {
        member.lag = times.get(&member.host).map(|at| {
            let behind = newest.timestamp_millis() - at.timestamp_millis();
            Duration::from_millis(u64::try_from(behind).unwrap_or(0))
        });
    }
}

/// A number, in whichever of the types that the server writes numbers in.
fn number(value: &mongodb::bson::Bson) -> Option<usize> {
    let small = || value.as_i32().map(i64::from);
    // `health` comes as 0.0 or 1.0.
    let real = || value.as_f64().map(|it| i64::from(it >= 1.0));
    usize::try_from(value.as_i64().or_else(small).or_else(real)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(state: &str, at: i64) -> Document {
        doc! {
            "setName": "rs0", state: true, "hosts": ["a:1", "b:1"], "arbiters": ["c:1"],
            "lastWrite": { "lastWriteDate": DateTime::from_millis(at) },
        }
    }

    #[test]
    fn the_status_says_how_each_member_is() {
        let at = DateTime::from_millis;
        let status = doc! { "writeMajorityCount": 2, "members": [
            { "name": "a:1", "health": 1.0, "stateStr": "PRIMARY", "optimeDate": at(90_000) },
            { "name": "b:1", "health": 1.0, "stateStr": "SECONDARY", "optimeDate": at(20_000) },
            { "name": "c:1", "health": 0.0, "stateStr": "(not reachable/healthy)", "lastHeartbeatMessage": "refused" },
        ] };
        let mut set = of_hello(&hello("isWritablePrimary", 0));
        of_status(&mut set, &status);
        assert_eq!(set.majority, 2);
        let [a, b, c] = &set.members[..] else {
            panic!("{set:?}")
        };
        assert!(a.is_primary() && a.lag.is_none());
        assert_eq!(b.lag, Some(Duration::from_secs(70)));
        assert_eq!(
            (c.state.as_str(), c.trouble.as_deref()),
            ("DOWN", Some("refused"))
        );
        assert!(!c.has_data());
    }

    #[test]
    fn members_that_are_asked_one_by_one_say_the_same() {
        let set = of_hello(&hello("isWritablePrimary", 0));
        assert_eq!(
            (set.name.as_str(), set.members.len(), set.majority),
            ("rs0", 3, 2)
        );
        let hosts = set.members.into_iter().map(|it| it.host).collect();
        let asked = vec![
            Ok(hello("isWritablePrimary", 5_000)),
            Ok(hello("secondary", 4_000)),
            Err("refused".to_owned()),
        ];
        let members = one_by_one(hosts, asked);
        let states: Vec<_> = members.iter().map(|it| it.state.as_str()).collect();
        assert_eq!(states, ["PRIMARY", "SECONDARY", "DOWN"]);
        assert_eq!(members[1].lag, Some(Duration::from_secs(1)));
        let router = of_hello(&doc! { "msg": "isdbgrid" });
        assert!(router.router && router.name.is_empty());
    }

    #[tokio::test]
    async fn nobody_there_is_said_without_secrets() {
        let fault = look("mongodb://ana:s3cret@127.0.0.1:1/chat").await;
        let fault = fault.expect_err("nobody").to_string();
        assert!(!fault.contains("s3cret"), "{fault}");
    }
}
