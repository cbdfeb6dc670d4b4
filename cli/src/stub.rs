//! Stands in for what the library does not declare yet.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::pedantic
)]

pub mod tui {
    pub async fn run(_: super::admin::Client) -> std::io::Result<()> {
        Ok(())
    }
}

pub mod admin {
    #[path = "/tmp/wt/cli/src/admin/api.rs"]
    pub mod api;
    use serde::{Serialize, de::DeserializeOwned};
    use serde_json::json;
    #[derive(Debug, thiserror::Error)]
    pub enum Error {
        #[error("{}", .0.detail)]
        Refused(api::Refused),
        #[error("cannot reach chatd at {path}: {why}")]
        Unreachable { path: String, why: String },
        #[error(
            "chatd answered something unexpected ({0}); are the server and this command of one version?"
        )]
        Odd(String),
    }
    #[derive(Clone, Debug)]
    pub struct Client;
    impl Client {
        pub fn with_command(self, _: &str) -> Self {
            self
        }
        pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
            let now = chatd::clock::Clock::system().now().0;
            let user = |name: &str,
                        role: &str,
                        status: &str,
                        age: i64,
                        email: Option<&str>,
                        d: Option<&str>| json!({"id":"0197c0de-7b1c-7000-8000-000000000001","name":name,"display_name":d,"email":email,"email_login":true,"role":role,"status":status,"created_at":now-age*1000});
            let room = |name: &str, kind: &str, m: u64, n: u64, age: i64, t: Option<&str>| json!({"id":"0197c0de-7b1c-7000-8000-000000000002","name":name,"kind":kind,"title":t,"topic":null,"history":"all","owner":"ana","created_at":now-age*2000,"members":m,"head":n+3,"n":n,"last_at":now-age*1000});
            let value = match path.split('?').next().unwrap() {
                "/v1/status" => {
                    json!({"version":"0.1.0","running":true,"pid":4711,"listen":"127.0.0.1:8080","started_at":now-3*86400000,"at":now,"registration":"auto","memory_bytes":25270681,
                  "store":{"backend":"sqlite","location":"./chatd-data/chatd.db","version":"3.51.3","schema":1,"epoch":"0197c0de","bytes":123456789,"users":12,"rooms":4,"ready":true},
                  "counts":{"connections":311,"sockets":320,"channels":57,"requests":12345,"frames":987654,"messages":812345,"entries":912345,"batches":123456,"deliveries":81234567,"slow_consumers":2,"logins":400,"failed_logins":3,"rate_limited":0}})
                }
                "/v1/users" => {
                    json!({"items":[user("ana","admin","active",3*86400,Some("ana@example.org"),Some("Ana 💚 ünï")),user("bob","moderator","active",4000,None,Some("Bob \u{1b}[31m\u{202e}")),user("carla.with-a-long-name","member","invited",2,None,Some("漢字 Carla of the very long display name that does not fit")),user("dan","member","disabled",86400*100,Some("d@x.org"),None)],"next":null})
                }
                "/v1/users/ana" => {
                    let mut u = user(
                        "ana",
                        "admin",
                        "active",
                        3 * 86400,
                        Some("ana@example.org"),
                        Some("Ana 💚 ünï"),
                    );
                    u["sessions"] = json!([{"id":"x","device":"Firefox on Linux","address":"192.0.2.7","created_at":now-86400000,"used_at":now-60000}]);
                    u["rooms"] = json!([{"room":"x","name":"general","role":"owner"}]);
                    u
                }
                "/v1/rooms" => {
                    json!({"items":[room("general","public",311,812345,3,Some("General talk ﷺ 漢字")),room("plans","private",2,17,86400*3,None)],"next":null})
                }
                "/v1/rooms/general" => {
                    let mut r = room("general", "public", 311, 812345, 3, Some("General talk"));
                    r["people"] = json!([{"id":"x","name":"ana","role":"owner","at":now-86400000},{"id":"x","name":"bob","role":"moderator","at":now-4000}]);
                    r
                }
                _ => {
                    return Err(Error::Refused(api::Refused {
                        code: "not_found".into(),
                        detail: "there is no such user".into(),
                        field: None,
                    }));
                }
            };
            Ok(serde_json::from_value(value).unwrap())
        }
        pub async fn post<T: DeserializeOwned>(
            &self,
            path: &str,
            body: &(impl Serialize + Sync),
        ) -> Result<T, Error> {
            let now = chatd::clock::Clock::system().now().0;
            let body = serde_json::to_value(body).unwrap();
            let user = json!({"id":"0197c0de-7b1c-7000-8000-000000000001","name":body["name"].as_str().unwrap_or("bob"),"display_name":null,"email":null,"email_login":false,"role":body["role"].as_str().unwrap_or("member"),"status":body["status"].as_str().unwrap_or("active"),"created_at":now});
            let value = match path {
                "/v1/users" => {
                    json!({"user":user,"code":"k3fq-9x2m-7h4t-0c8w-e5ra-1d6v-yz","code_expires_at":now+3*86400000,"dry_run":body["dry_run"]})
                }
                "/v1/invites" => {
                    json!({"role":"member","code":"k3fq-9x2m-7h4t-0c8w-e5ra-1d6v-yz","expires_at":now+3*86400000,"dry_run":body["dry_run"]})
                }
                p if p.ends_with("/password") => {
                    json!({"user":user,"code":null,"code_expires_at":null,"sessions_ended":2,"dry_run":body["dry_run"]})
                }
                _ => user,
            };
            Ok(serde_json::from_value(value).unwrap())
        }
    }
}

pub mod server {
    use chatd::config::{Config, Loaded};
    use std::{net::SocketAddr, path::PathBuf};
    pub enum Mode {
        Daemon { pid: u32 },
        Offline { store: String },
    }
    pub struct Closer;
    impl Closer {
        pub async fn close(self) {}
    }
    #[derive(Debug, thiserror::Error)]
    pub enum Error {
        #[error("{0}")]
        Config(String),
        #[error("{0}")]
        Store(chatd::store::Error),
        #[error("{0}")]
        Unreachable(String),
        #[error("{0}")]
        Io(std::io::Error),
    }
    pub async fn administer(_: &Config) -> Result<(super::admin::Client, Mode, Closer), Error> {
        let mode = if std::env::var_os("STUB_OFFLINE").is_some() {
            Mode::Offline {
                store: "./chatd-data".into(),
            }
        } else {
            Mode::Daemon { pid: 1 }
        };
        Ok((super::admin::Client, mode, Closer))
    }
    pub struct Listening {
        pub address: SocketAddr,
        pub admin: PathBuf,
        pub store: String,
        pub data_dir: PathBuf,
        pub registration: &'static str,
    }
    pub async fn serve(l: Loaded, ready: impl FnOnce(Listening)) -> Result<(), Error> {
        ready(Listening {
            address: l.config.server.listen,
            admin: "./chatd-data/admin.sock".into(),
            store: "SQLite".into(),
            data_dir: l.config.server.data_dir,
            registration: "auto",
        });
        Ok(())
    }
}
