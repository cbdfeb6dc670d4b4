//! Reaching a MongoDB: reading the URL, waiting for one that is not up yet, refusing one that will not do.

use std::time::Duration;

use mongodb::{
    Client, Database,
    bson::{Document, doc},
    error::{Error as Fault, ErrorKind},
    options::{
        Acknowledgment, ClientOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
    },
};
use tokio::time::Instant;

use super::{
    fault::{code, why, within},
    presence::{Presence, SELECT},
    secret::Secrets,
};
use crate::store::Error;

/// The database, when the URL names none.
const DATABASE: &str = "chatd";
/// Between two tries to reach a server that is not up yet.
const PAUSE: Duration = Duration::from_millis(500);
/// How long the majority may take to have a write, before its outcome counts as unknown.
pub(super) const MAJORITY: Duration = Duration::from_secs(5);
/// How long a server may take to let us in, and to tell the driver that it is there. Beyond it the driver ends
/// whatever is under way, so a server that is merely busy must not take longer.
const CONNECT: Duration = Duration::from_secs(5);
/// How often the driver looks how servers are, beside being told.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// Connections at most; the readers' requests wait for one beyond it.
const CONNECTIONS: u32 = 32;
/// The oldest major version that is tested for.
const OLDEST: u32 = 6;
/// The server's codes for "who are you" and "you may not".
const REFUSED: [i32; 3] = [13, 18, 8000];

/// A server that will do, and what it is.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) client: Client,
    pub(super) database: Database,
    pub(super) presence: Presence,
    pub(super) version: String,
    /// Hosts and database, without credentials.
    pub(super) location: String,
}

/// Reaches the server, waiting so long while it is merely not up.
pub(super) async fn reach(url: &str, wait: Duration) -> Result<Reached, Error> {
    let mut patience = Patience::new(wait);
    let mut options = parse(url, &mut patience).await?;
    let name = options.default_database.clone();
    let name = name.unwrap_or_else(|| DATABASE.to_owned());
    let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
    let location = format!("mongodb://{}/{name}", hosts.join(","));
    prepare(&mut options);
    let presence = Presence::default();
    options.sdam_event_handler = Some(presence.handler());
    let secrets = Secrets::of(url);
    let unfit = |why: String| Error::Unfit {
        what: location.clone(),
        why: secrets.keep_out_of(why, "it does not take the options of store.url"),
    };
    let client = Client::with_options(options.clone()).map_err(|e| unfit(why(&e)))?;
    let version = loop {
        let reason = match probe(&client, &name).await {
            Ok(answer) => break judge(&answer).map_err(unfit)?,
            Err(fault) => reason(&fault).map_err(unfit)?,
        };
        if let Some(verdict) = ask_directly(&options).await {
            return Err(unfit(verdict));
        }
        let reason = secrets.keep_out_of(reason, "no answer");
        patience.pause(&location, &reason).await?;
    };
    Ok(Reached {
        database: client.database(&name),
        client,
        presence,
        version,
        location,
    })
}

/// The URL's options. What it is wrong about is said without what is secret in it. That the names of servers
/// cannot be looked up yet is nothing wrong.
pub(super) async fn parse(url: &str, patience: &mut Patience) -> Result<ClientOptions, Error> {
    let secrets = Secrets::of(url);
    loop {
        let fault = match ClientOptions::parse(url).await {
            Ok(options) => return Ok(options),
            Err(fault) => fault,
        };
        let says = secrets.keep_out_of(why(&fault), "it is no URL of a MongoDB");
        if matches!(&*fault.kind, ErrorKind::DnsResolve { .. }) {
            patience.pause("the servers of store.url", &says).await?;
            continue;
        }
        return Err(Error::Unfit {
            what: "store.url".into(),
            why: format!(
                "{says}; write it like mongodb://HOST/DATABASE, with the password percent-encoded"
            ),
        });
    }
}

/// How every write is acknowledged, for a command that has to say so itself.
pub(super) fn majority() -> Document {
    let patience = i32::try_from(MAJORITY.as_millis()).unwrap_or(i32::MAX);
    doc! { "w": "majority", "j": true, "wtimeout": patience }
}

/// What chatd relies on, whatever the URL says.
fn prepare(options: &mut ClientOptions) {
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(MAJORITY)
        .build();
    options.write_concern = Some(durable);
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    options.server_selection_timeout = Some(SELECT);
    options.connect_timeout.get_or_insert(CONNECT);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    options.app_name.get_or_insert_with(|| "chatd".to_owned());
}

/// How long a start still waits, and whether it has said so.
pub(super) struct Patience {
    wait: Duration,
    until: Instant,
    said: bool,
}

impl Patience {
    pub(super) fn new(wait: Duration) -> Self {
        Self {
            wait,
            until: Instant::now() + wait,
            said: false,
        }
    }

    /// Waits a little, unless it was long enough. That it waits is said once.
    async fn pause(&mut self, whom: &str, reason: &str) -> Result<(), Error> {
        let wait = self.wait.as_secs_f32();
        if !self.wait.is_zero() && !std::mem::replace(&mut self.said, true) {
            tracing::warn!("waiting up to {wait} s for {whom}: {reason}");
        }
        if Instant::now() >= self.until {
            return Err(Error::Unavailable(format!(
                "nobody at {whom} after {wait} s ({reason}); start MongoDB, or correct store.url"
            )));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

/// Why nobody answers, if it may be that the server is merely not up; or why it will not do.
fn reason(fault: &Fault) -> Result<String, String> {
    match &*fault.kind {
        ErrorKind::Authentication { .. } => Err(refused(fault)),
        ErrorKind::IncompatibleServer { message, .. } => Err(too_old(message)),
        // The driver itself does not speak to servers that are far too old.
        ErrorKind::ServerSelection { message, .. } if message.contains("reports wire version") => {
            Err(too_old("it speaks the protocol of an old MongoDB"))
        }
        ErrorKind::InvalidTlsConfig { message, .. } => Err(message.clone()),
        _ if code(fault).is_some_and(|code| REFUSED.contains(&code)) => Err(refused(fault)),
        _ => Ok(why(fault)),
    }
}

/// What the server says it is.
struct Answer {
    hello: Document,
    version: String,
}

async fn probe(client: &Client, database: &str) -> Result<Answer, Fault> {
    let admin = client.database("admin");
    let hello = within(admin.run_command(doc! { "hello": 1 })).await?;
    let build = within(admin.run_command(doc! { "buildInfo": 1 })).await?;
    let version = build.get_str("version").unwrap_or("?").to_owned();
    // Both are answered to anybody; this is not.
    let meta = doc! { "find": "meta", "filter": { "_id": "schema" }, "limit": 1 };
    within(client.database(database).run_command(meta)).await?;
    Ok(Answer { hello, version })
}

/// Whether a server that answers will do.
fn judge(answer: &Answer) -> Result<String, String> {
    let Answer { hello, version } = answer;
    let major = version
        .split('.')
        .next()
        .and_then(|v| v.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        return Err(too_old(&format!("it is MongoDB {version}")));
    }
    let router = hello.get_str("msg").is_ok_and(|msg| msg == "isdbgrid");
    if !router && hello.get_str("setName").is_err() {
        return Err(standalone());
    }
    Ok(version.clone())
}

/// A member of a replica set that was never initiated is not selected for anything: asked by itself, it
/// says so.
async fn ask_directly(options: &ClientOptions) -> Option<String> {
    let mut options = options.clone();
    options.direct_connection = Some(true);
    options.repl_set_name = None;
    options.sdam_event_handler = None;
    // Such a member knows nobody's password.
    options.credential = None;
    options.hosts.truncate(1);
    let client = Client::with_options(options).ok()?;
    let answer = within(client.database("admin").run_command(doc! { "hello": 1 })).await;
    client.shutdown().immediate(true).await;
    let ghost = answer.is_ok_and(|hello| hello.get_bool("isreplicaset").unwrap_or(false));
    ghost.then(|| {
        "it is a member of a replica set that was not initiated: run \
         mongosh --eval 'rs.initiate()' once"
            .to_owned()
    })
}

fn too_old(what: &str) -> String {
    format!("{what}, which is too old: chatd needs MongoDB {OLDEST}.0 or newer")
}

fn standalone() -> String {
    "it is a standalone server, which has no transactions: start mongod with --replSet rs0, then run \
     mongosh --eval 'rs.initiate()' once (a set of one member is enough)"
        .to_owned()
}

fn refused(fault: &Fault) -> String {
    format!(
        "it refuses the credentials of store.url ({}): check user, password and authSource",
        why(fault)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(version: &str, hello: Document) -> Result<String, String> {
        let version = version.to_owned();
        judge(&Answer { hello, version })
    }

    #[test]
    fn only_a_replica_set_that_is_new_enough_will_do() {
        let set = || doc! { "setName": "rs0" };
        assert_eq!(judged("6.0.19", set()), Ok("6.0.19".into()));
        assert_eq!(
            judged("8.2.1", doc! { "msg": "isdbgrid" }),
            Ok("8.2.1".into())
        );
        assert!(judged("5.0.31", set()).unwrap_err().contains("too old"));
        let alone = judged("8.0.0", doc! { "isWritablePrimary": true });
        assert!(alone.unwrap_err().contains("rs.initiate()"));
    }

    #[tokio::test]
    async fn a_wrong_url_is_refused_without_its_secret() {
        for url in [
            "mongodb://ana:s3cr/et@db/chat",
            "mongodb://ana:s3cret@db:port/chat",
            "mongodb://ana:s3cret@db/chat?tls=s3cret",
            "mongodb://",
        ] {
            let mut patience = Patience::new(Duration::ZERO);
            let refusal = parse(url, &mut patience).await.unwrap_err();
            assert!(matches!(refusal, Error::Unfit { .. }), "{refusal:?}");
            let refusal = refusal.to_string();
            assert!(refusal.contains("store.url"), "{refusal}");
            assert!(!refusal.contains("s3c"), "{refusal}");
        }
    }
}
