//! The settings: names, types, defaults, bounds, documentation, and whether a reload changes them. Everything
//! else about them, from the structs to the reference in `docs/configuration.md`, is made from this list.

use std::{net::SocketAddr, path::PathBuf};

use bytesize::ByteSize;
use ipnet::IpNet;

use super::{Endpoint, LogFormat, Period, Push, Registration, Secret, Url, key::sections};

sections! {
    /// Where the server listens and keeps its data, and how it starts and stops.
    server: Server {
        /// The address and port to listen on for REST and WebSocket.
        restart listen: SocketAddr = "127.0.0.1:8080";
        /// The URL under which clients reach this server, such as `https://chat.example.org`. Empty while
        /// it is only reached from this machine.
        live public_url: String = "";
        /// The directory for everything that lasts: the embedded store, files and the signing keys.
        restart data_dir: PathBuf = "chatd-data";
        /// How many connections may be open at once; one more is closed at once.
        live max_connections: usize = 20000, "1" to "10000000";
        /// How long stopping waits for what is in flight before it cuts it off.
        live drain: Period = "10s", "0s" to "10m";
        /// Over how long clients are asked to spread their reconnects when the server stops, so that they
        /// do not all come back in one moment.
        live reconnect_spread: Period = "10s", "0s" to "10m";
    }

    /// Where messages, rooms and accounts are stored.
    store: Store {
        /// `sqlite:PATH`, or `mongodb://USER:PASSWORD@HOST/DATABASE` for a MongoDB replica set. Empty for
        /// the embedded store in `server.data_dir`.
        restart url: Url = "";
        /// A file that has `store.url` in it instead, so that a password is neither in the settings nor on
        /// the process list. Empty for none.
        restart url_file: PathBuf = "";
        /// How long a start waits for a MongoDB that does not answer yet. Commands that open the store
        /// themselves, as no server runs, wait 5 seconds at most.
        restart wait: Period = "30s", "0s" to "1h";
        /// How large the embedded store may grow; beyond it sends are refused as when the disk is full.
        /// 0 for no limit.
        restart max_size: ByteSize = 0;
        /// How much must stay free on the disk; below it sends are refused, while reading, login and
        /// archiving go on.
        restart min_free: ByteSize = "256 MiB";
        /// How many reads of the embedded store run at the same time.
        restart readers: usize = 4, "1" to "64";
    }

    /// Accounts, passwords and tokens.
    auth: Auth {
        /// Who may register: `open` everyone, `invite` those with a code, `closed` nobody. `auto` is open
        /// for requests that come straight from this machine while `server.public_url` is empty, and by
        /// invitation for all others.
        live registration: Registration = "auto";
        /// How long an access token is good; it is also how long a stolen one is.
        live access_token: Period = "15m", "1m" to "24h";
        /// How long a session lasts without being used.
        live refresh_token: Period = "30d", "1h" to "3650d";
        /// How long a one-time code for an invitation or a password reset is good.
        live code: Period = "3d", "1m" to "365d";
        /// How old a signing key gets before a new one takes its place.
        live key_rotation: Period = "90d", "1h" to "3650d";
        /// The memory for hashing one password. More is safer and slower; hashes are upgraded at the next
        /// login.
        restart hash_memory: ByteSize = "19 MiB", "8 KiB" to "4 GiB";
        /// How many passes over that memory hashing makes.
        restart hash_passes: u32 = 2, "1" to "100";
        /// How many passwords are hashed at the same time. 0 for half the cores, at least one.
        restart hash_threads: usize = 0, "0" to "256";
        /// How many passwords may wait for hashing; one more is refused as `busy`.
        restart hash_queue: usize = 512, "1" to "100000";
    }

    /// REST, and what holds for every HTTP request.
    http: Http {
        /// Origins whose web pages may use this server, such as `https://app.example.org`. Empty for its
        /// own, and for any on this machine while it listens on this machine only.
        live allowed_origins: Vec<String> = [];
        /// The networks of the reverse proxies whose `X-Forwarded-For` is believed.
        live trusted_proxies: Vec<IpNet> = ["127.0.0.0/8", "::1/128"];
        /// How long a client may take to send the head of a request.
        live header_timeout: Period = "10s", "100ms" to "5m";
        /// How long a request may take in all.
        live request_timeout: Period = "30s", "100ms" to "10m";
        /// How large the body of a request may be.
        live body: ByteSize = "256 KiB", "1 KiB" to "64 MiB";
    }

    /// TLS of the server's own, on `server.listen`. Without a certificate it speaks plain HTTP, for this machine or
    /// for a proxy in front of it.
    tls: Tls {
        /// The file with the certificate and those that lead up to its issuer, in PEM. Empty for plain HTTP. A
        /// reload reads it anew: new connections see the new certificate, and none that is open is closed.
        live cert_file: PathBuf = "";
        /// The file with its private key, in PEM; not for everyone to read.
        live key_file: PathBuf = "";
        /// How long a handshake may take.
        live handshake: Period = "10s", "100ms" to "5m";
    }

    /// WebSocket connections.
    ws: Ws {
        /// How often a silent connection is pinged; after two silent intervals it is closed.
        live ping: Period = "25s", "1s" to "10m";
        /// How long a new connection may take to say `hello`.
        live hello: Period = "10s", "100ms" to "5m";
        /// Whether people are told which of those they share a room with are there. Each can keep it to
        /// themselves.
        live presence: bool = true;
        /// How many bytes may wait for a slow connection before it is closed to resume later. A change holds
        /// for new connections.
        live outbox: ByteSize = "1 MiB", "64 KiB" to "1 GiB";
        /// How large a frame from a client may be. A change holds for new connections.
        live frame: ByteSize = "64 KiB", "1 KiB" to "1 MiB";
        /// How many rooms a connection may listen to.
        live subscriptions: usize = 10000, "1" to "1000000";
        /// How many entries a resuming client may have missed in a room; beyond it the client reloads.
        live replay_entries: usize = 1000, "0" to "100000";
        /// How many bytes a resuming client may have missed in a room; beyond it the client reloads.
        live replay_bytes: ByteSize = "256 KiB", "0" to "64 MiB";
    }

    /// How much, and how often. A rate is what is allowed in the long run, its burst what is allowed at
    /// once after a pause.
    limits: Limits {
        /// Whether rates and counts are limited at all; sizes always are. Switch it off for load tests.
        live enabled: bool = true;
        /// How large the text of a message may be.
        live message: ByteSize = "16 KiB", "64" to "1 MiB";
        /// How many members a room may have.
        live room_members: usize = 20000, "1" to "10000000";
        /// In rooms with more members than this nobody is told who types. 0 for in none.
        live typing_members: usize = 200, "0" to "10000000";
        /// In rooms with more members than this nobody is told who is there. 0 for in none.
        live presence_members: usize = 200, "0" to "10000000";
        /// How many people a direct conversation may have.
        live direct_people: usize = 10, "2" to "100";
        /// How many rooms a user may be in.
        live rooms_per_user: usize = 1000, "1" to "10000000";
        /// Requests an address may make, per second.
        live request_rate: u32 = 50, "1" to "1000000";
        /// Requests an address may make at once.
        live request_burst: u32 = 200, "1" to "1000000";
        /// Frames a connection may send, per second.
        live frame_rate: u32 = 50, "1" to "1000000";
        /// Frames a connection may send at once.
        live frame_burst: u32 = 200, "1" to "1000000";
        /// Messages a user may send, per second, over all connections.
        live send_rate: u32 = 20, "1" to "1000000";
        /// Messages a user may send at once.
        live send_burst: u32 = 60, "1" to "1000000";
        /// Searches a user may make, per second.
        live search_rate: u32 = 5, "1" to "1000000";
        /// Searches a user may make at once.
        live search_burst: u32 = 30, "1" to "1000000";
        /// Rooms a connection may subscribe to, per second.
        live subscribe_rate: u32 = 100, "1" to "1000000";
        /// Rooms a connection may subscribe to at once.
        live subscribe_burst: u32 = 1000, "1" to "1000000";
        /// Accounts an address may register, per hour.
        live register_rate: u32 = 30, "1" to "1000000";
        /// Accounts an address may register at once.
        live register_burst: u32 = 10, "1" to "1000000";
        /// Wrong passwords for one account from one address before its logins are slowed to one in 30
        /// seconds.
        live login_failures: u32 = 10, "1" to "1000000";
        /// Logins an address may try, per minute.
        live login_rate: u32 = 120, "1" to "1000000";
        /// Logins an address may try at once.
        live login_burst: u32 = 60, "1" to "1000000";
        /// Rooms a user may create, per hour.
        live room_rate: u32 = 60, "1" to "1000000";
        /// Rooms a user may create at once.
        live room_burst: u32 = 20, "1" to "1000000";
        /// Files a user may upload, per minute.
        live upload_rate: u32 = 60, "1" to "1000000";
        /// Files a user may upload at once.
        live upload_burst: u32 = 30, "1" to "1000000";
    }

    /// What becomes of messages.
    messages: Messages {
        /// How long the text of a deleted message stays in the store. Until then a mass redaction can be
        /// undone; then the text is erased for good.
        live erase_within: Period = "7d", "0s" to "3650d";
        /// How long after it was sent a message can be edited by its author. 0 for as long as it is there.
        live edit_within: Period = "0s", "0s" to "3650d";
    }

    /// Files that people send with their messages.
    files: Files {
        /// Whether files can be uploaded. Those that are there can be read all the same.
        live enabled: bool = true;
        /// The directory for their bytes, on a disk of its own if need be. Empty for `files` in
        /// `server.data_dir`.
        restart dir: PathBuf = "";
        /// An object store for their bytes instead, `s3://BUCKET/PREFIX`, of Amazon's or any other that speaks S3. Empty
        /// for a directory. Who we are there comes from `files.credentials`, else from the environment
        /// (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`), else from the machine's own role.
        restart url: String = "";
        /// Where that store is, when it is not Amazon's: `https://s3.example.org`. Empty for what `AWS_ENDPOINT_URL` says.
        restart endpoint: String = "";
        /// In which region the bucket is. Empty for what `AWS_REGION` says, or us-east-1.
        restart region: String = "";
        /// A file with credentials for it, as Amazon's tools keep them, which only its owner and its group may read. Empty for
        /// none.
        restart credentials: PathBuf = "";
        /// Which of the credentials in that file.
        restart profile: String = "default";
        /// Whether HTTP without encryption may be spoken to a store that is not on this machine.
        restart allow_http: bool = false;
        /// How large a file may be.
        live max_size: ByteSize = "64 MiB", "1 KiB" to "1 TiB";
        /// How many bytes of files somebody may have, in messages or not. 0 for no limit.
        live per_user: ByteSize = "4 GiB";
        /// What may be uploaded, by what is in it, such as `image/*` or `application/pdf`. Empty for everything.
        live types: Vec<String> = [];
        /// How many uploads may be under way at once; one more is refused as `busy`.
        live uploads: usize = 64, "1" to "100000";
        /// How long a file that was uploaded may wait for the message it is for. Then it is taken out.
        live unused: Period = "1d", "1s" to "365d";
    }

    /// When old messages are archived, and when what is archived is deleted for good. What is decided with
    /// `chatd archive schedule` and `chatd archive policy` goes before.
    archive: Archive {
        /// When the archive runs by itself: a cron expression in UTC, such as `30 3 * * *` for every day at
        /// 3:30. Empty for never. What was missed while no server ran, runs once at the next start.
        live schedule: String = "";
        /// From which age on the schedule archives messages; a room may have its own. 0 for none.
        live older_than: Period = "30d", "0s" to "36500d";
        /// The age below which nothing is archived, whoever asks: while a message is live, repeating it under
        /// its `txn` is safe.
        live min_age: Period = "1d", "0s" to "3650d";
        /// How many entries a second a run moves beside live traffic, unless it says another rate. 0 for as
        /// many as it can.
        live rate: u32 = 1000, "0" to "1000000";
        /// From which age on the schedule prunes what is archived: deletes it for good, after the time of
        /// grace. 0 for never.
        live prune_older_than: Period = "0s", "0s" to "36500d";
        /// How long pruning can be taken back with `chatd archive restore`.
        live grace: Period = "7d", "0s" to "3650d";
    }

    /// The outgoing webhook: one place on the web that is told what happens here. Nothing leaves this server by it
    /// unless its rooms and kinds are named here.
    webhook: Webhook {
        /// Where events are sent with `POST`, such as `https://hooks.example.org/chat`. Empty for nowhere.
        live url: Endpoint = "";
        /// What deliveries are signed with: `whsec_` and 24 to 64 random bytes in base64.
        live secret: Secret = "";
        /// A file that has `webhook.secret` in it instead, so that it is neither in the settings nor on the process
        /// list; not for everyone to read. A second line is an older secret, with which deliveries are signed as well.
        /// Empty for none.
        live secret_file: PathBuf = "";
        /// A file with certificates (PEM) that are trusted beside those of this machine, for a place whose certificate
        /// is of an authority of one's own. A reload reads it again. Empty for none.
        live ca_file: PathBuf = "";
        /// The rooms whose events are sent, with the texts in them: names of public rooms, ids of any, or all of a
        /// kind by `*public`, `*private`, `*direct`, and `*` for every room there is.
        live rooms: Vec<String> = [];
        /// Which events of those rooms are sent: `message`, `edit`, `delete`, `restore`, `reaction`, `pin`, `file_gone`,
        /// `created`, `membership`, `owner`, `settings`, `purged`, `deleted`, or `*` for all.
        live kinds: Vec<String> = ["message", "edit", "delete"];
        /// Whether mentions and direct messages to people who have no connection are sent, of every room, for push:
        /// `off`; `ids` for who, where and which message; `text` with what it says as well.
        live push: Push = "off";
        /// Whether the place may be on this machine or in a private network, and be reached without TLS.
        live allow_private: bool = false;
        /// How long a delivery may take in all.
        live timeout: Period = "10s", "100ms" to "2m";
        /// How many deliveries are under way at once. Those of one room follow one another.
        live concurrency: usize = 4, "1" to "64";
        /// How long the pause gets between two tries; the first is a second, and each twice the one before.
        live retry_max: Period = "5m", "100ms" to "1h";
        /// How old an event gets before it is given up, and the next one is tried.
        live give_up: Period = "1d", "1s" to "365d";
    }

    /// What is logged.
    log: Log {
        /// The least level that is logged: `error`, `warn`, `info`, `debug` or `trace`, also by module, as
        /// in `info,chatd::ws=debug`. `chatd log-level` changes it while the server runs.
        live level: String = "info";
        /// How a line looks, and where it goes: `pretty` or `json` to standard error, `journald` to the
        /// journal of systemd. `auto` is the journal for a service of systemd, pretty on a terminal, and JSON
        /// elsewhere.
        restart format: LogFormat = "auto";
    }

    /// Figures for Prometheus.
    metrics: Metrics {
        /// The address and port on which `/metrics` is read, such as `127.0.0.1:9464`. Empty for none. It is
        /// never on the address for clients. Whoever reaches it may read it: it knows no accounts, and tells
        /// nothing about any.
        restart listen: Option<SocketAddr> = "";
    }

    /// The socket for the command line and the dashboard.
    admin: Admin {
        /// The path of the admin socket. Empty for `admin.sock` in `server.data_dir`, or, as a service, in
        /// the runtime directory that the service manager made.
        restart socket: PathBuf = "";
        /// The group of the admin socket, a name or number: its members can reach it, and may what the next
        /// three settings say. Empty for the group the server runs as.
        restart group: String = "";
        /// Who may see how the server is and list what there is, beside root and the user it runs as: such
        /// as `user:ana`, `group:adm`, `uid:1000`, `gid:4`.
        live view: Vec<String> = [];
        /// Who may also keep order and keep it running, without getting or giving rights or texts.
        live operate: Vec<String> = [];
        /// Who may do everything.
        live own: Vec<String> = [];
    }
}
