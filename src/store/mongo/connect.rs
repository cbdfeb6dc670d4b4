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
};
use crate::store::Error;

/// The database, when the URL names none.
const DATABASE: &str = "chatd";
/// How long a start waits for a server that is not up yet.
const WAIT: Duration = Duration::from_secs(30);
/// How long the majority may take to have a write, before its outcome counts as unknown.
const MAJORITY: Duration = Duration::from_secs(5);
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

/// Reaches the server, waiting while it is merely not up.
pub(super) async fn reach(url: &str) -> Result<Reached, Error> {
    let mut options = parse(url).await?;
    let name = options.default_database.clone();
    let name = name.unwrap_or_else(|| DATABASE.to_owned());
    let hosts: Vec<_> = options.hosts.iter().map(ToString::to_string).collect();
    let location = format!("mongodb://{}/{name}", hosts.join(","));
    prepare(&mut options);
    let presence = Presence::default();
    options.sdam_event_handler = Some(presence.handler());
    let open_error = |why: String| Error::Open {
        path: location.clone(),
        why,
    };
    let client = Client::with_options(options.clone()).map_err(|e| open_error(why(&e)))?;
    let version = match wait(&client, &options, &name, &location).await {
        Ok(version) => version,
        Err(Verdict::NotThere(why)) => return Err(Error::Unavailable(why)),
        Err(Verdict::Unfit(why)) => return Err(open_error(why)),
    };
    Ok(Reached {
        database: client.database(&name),
        client,
        presence,
        version,
        location,
    })
}

/// The URL's options. What it is wrong about is said without what is secret in it.
async fn parse(url: &str) -> Result<ClientOptions, Error> {
    ClientOptions::parse(url).await.map_err(|e| {
        let secret = url
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'));
        let mut why = why(&e);
        for part in secret.iter().flat_map(|(secret, _)| secret.split(':')) {
            if !part.is_empty() {
                why = why.replace(part, "***");
            }
        }
        Error::Open {
            path: "store.url".into(),
            why: format!("{why}; write it like mongodb://HOST/DATABASE"),
        }
    })
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
    options.connect_timeout.get_or_insert(SELECT);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    options.max_pool_size.get_or_insert(CONNECTIONS);
    options.app_name.get_or_insert_with(|| "chatd".to_owned());
}

/// Why a server is not used.
enum Verdict {
    /// It does not answer.
    NotThere(String),
    /// It answers, and will not do.
    Unfit(String),
}

/// Asks until it is answered, and whether the answer will do. The server's version, or why not.
async fn wait(
    client: &Client,
    options: &ClientOptions,
    database: &str,
    location: &str,
) -> Result<String, Verdict> {
    let until = Instant::now() + WAIT;
    let mut said = false;
    loop {
        let fault = match probe(client, database).await {
            Ok(answer) => return judge(&answer).map_err(Verdict::Unfit),
            Err(fault) => fault,
        };
        let reason = match &*fault.kind {
            ErrorKind::Authentication { .. } => return Err(Verdict::Unfit(refused(&fault))),
            _ if code(&fault).is_some_and(|code| REFUSED.contains(&code)) => {
                return Err(Verdict::Unfit(refused(&fault)));
            }
            ErrorKind::IncompatibleServer { message, .. }
            | ErrorKind::InvalidTlsConfig { message, .. } => {
                return Err(Verdict::Unfit(message.clone()));
            }
            _ => why(&fault),
        };
        if let Some(verdict) = ask_directly(options).await {
            return Err(Verdict::Unfit(verdict));
        }
        if Instant::now() >= until {
            let waited = WAIT.as_secs();
            return Err(Verdict::NotThere(format!(
                "nobody at {location} after {waited} s ({reason}); start MongoDB, or correct store.url"
            )));
        }
        if !std::mem::replace(&mut said, true) {
            let waits = WAIT.as_secs();
            tracing::warn!("waiting up to {waits} s for {location}: {reason}");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
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
        return Err(format!(
            "MongoDB {version} is too old: chatd needs {OLDEST}.0 or newer"
        ));
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
    options.hosts.truncate(1);
    let client = Client::with_options(options).ok()?;
    let answer = within(client.database("admin").run_command(doc! { "hello": 1 })).await;
    let ghost = answer.is_ok_and(|hello| hello.get_bool("isreplicaset").unwrap_or(false));
    ghost.then(|| {
        "it is a member of a replica set that was not initiated: run \
         mongosh --eval 'rs.initiate()' once"
            .to_owned()
    })
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
            let refusal = parse(url).await.unwrap_err().to_string();
            assert!(refusal.contains("store.url"), "{refusal}");
            assert!(!refusal.contains("s3c"), "{refusal}");
        }
    }
}
