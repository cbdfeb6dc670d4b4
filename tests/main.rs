//! Black-box tests: the built binary, driven over real sockets, on a port and in a directory of its own.
//!
//! Each module guards one promise of the server and says which. `support` holds the words the tests
//! speak: a server, its users, their rooms and sockets. Nothing here sleeps: a test waits for the thing
//! itself, and gives up after [`support::PATIENCE`]. A server that a test started is stopped with SIGTERM
//! when the test ends, and has to leave with exit code 0.

mod support;

mod accounts;
mod acts;
mod archive;
mod archive_crash;
mod archive_policy;
mod audit;
mod backup;
mod bad_http;
mod bad_input;
mod bench;
mod cli;
mod cli_access;
mod cli_archive;
mod cli_changes;
mod cli_config;
mod cli_hostile;
mod cli_live;
mod cli_moderation;
mod cli_output;
mod cli_rooms;
mod completion;
mod confirming;
mod conns;
mod container;
mod conversation;
mod credentials;
mod damage;
mod dashboard;
mod deleting;
mod direct;
mod doctor;
mod durability;
mod edits;
mod erasure;
mod escalation;
mod events;
mod export;
mod floors;
mod generated;
mod idempotency;
mod immediate;
mod import;
mod limits;
mod liveness;
mod logs;
mod metrics;
mod mongodb;
mod origin;
mod outage;
mod overload;
mod packaging;
mod passwords;
mod peers;
mod permissions;
mod pins;
mod privacy;
mod races;
mod reactions;
mod reading;
mod redactions;
mod registration;
mod reload;
mod replies;
mod restore;
mod resume;
mod rights;
mod rooms;
mod service;
mod socket;
mod starting;
mod stopping;
mod store_check;
mod store_copy;
mod supervised;
mod sync;
mod tasks;
mod tokens;
mod typing;
mod watch;
