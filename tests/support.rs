//! The words the tests speak.

mod admin;
mod archive;
mod cli;
mod database;
mod disk;
mod fake;
pub(crate) mod files;
mod history;
mod lines;
mod meddler;
mod message;
mod mongo;
mod process;
#[allow(dead_code, reason = "the tests of the store use the rest")]
mod proxy;
mod raw;
mod receiver;
mod rest;
mod s3;
mod screen;
mod server;
mod sheet;
mod supervisor;
mod tamper;
mod terminal;
mod tls;
mod user;
mod ws;

use std::{future::Future, time::Duration};

pub(crate) use admin::{Admin, COMMAND};
pub(crate) use archive::told;
pub(crate) use cli::{Output, Somebody, chatd, may_be_others, run, run_with};
pub(crate) use database::{Database, variable};
pub(crate) use disk::may_mount;
pub(crate) use fake::{Fake, Kind as FakeKind};
pub(crate) use history::{Subscribed, assert_consecutive, history, messages};
pub(crate) use lines::Lines;
pub(crate) use meddler::{Meddler, Meddling};
pub(crate) use mongo::{Base, mongodb_uri, on_both, on_mongodb};
pub(crate) use process::Process;
pub(crate) use proxy::{Fault, Proxy};
pub(crate) use raw::Raw;
pub(crate) use receiver::{Came, Manner, Receiver, SECRET};
pub(crate) use rest::{Reply, Rest};
pub(crate) use s3::S3;
pub(crate) use screen::Screen;
pub(crate) use server::{Builder, Server};
pub(crate) use supervisor::Supervisor;
pub(crate) use tamper::{Field, Shell};
pub(crate) use terminal::Terminal;
pub(crate) use tls::{Authority, Certificates, Secure, write_secret};
pub(crate) use user::{Kind, PASSWORD, Room, User};
pub(crate) use ws::{End, WireError, Ws};

/// How long anything may take before a test gives up: far longer than it takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The result of `wait`, or a failed test that says what did not happen.
#[track_caller]
pub(crate) fn within<T>(what: &str, wait: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        let Ok(done) = tokio::time::timeout(PATIENCE, wait).await else {
            panic!("{caller}: waited {PATIENCE:?} for {what}");
        };
        done
    }
}

/// An id that names nothing.
pub(crate) fn random_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
