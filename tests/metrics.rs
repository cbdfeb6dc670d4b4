//! Figures for Prometheus: on a listener of their own, in a form that is right by the book, true, and about
//! nobody in particular.
#![expect(clippy::float_cmp, reason = "counts are whole numbers")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{Kind, Server, within};

const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a request was answered, head and body.
async fn ask(address: SocketAddr, method: &str, path: &str, accept: &str) -> (String, String) {
    let asked = async {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: metrics\r\naccept: {accept}\r\nconnection: close\r\n\r\n"
        );
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("it is taken");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("text");
        answer
    };
    let answer = within("an answer", asked).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// A server that tells its figures, and where.
pub(crate) async fn metered() -> (Server, SocketAddr) {
    let server = Server::builder()
        .set("metrics.listen", "127.0.0.1:0")
        .start()
        .await;
    let address = metrics_of(&server);
    (server, address)
}

/// Where a server tells its figures.
pub(crate) fn metrics_of(server: &Server) -> SocketAddr {
    let (_, at) = server
        .banner()
        .split_once("metrics  http://")
        .expect("it says where");
    let address = at.split('/').next().expect("an address");
    address.parse().expect("an address")
}

/// One figure of it, now.
pub(crate) async fn sample(address: SocketAddr, series: &str) -> u64 {
    let found = seen(address, series).await;
    found.unwrap_or_else(|| panic!("no {series}"))
}

/// The same, if it is there.
pub(crate) async fn seen(address: SocketAddr, series: &str) -> Option<u64> {
    let (_, body) = ask(address, "GET", "/metrics", "*/*").await;
    let of = |line: &str| {
        line.strip_prefix(series)?
            .trim()
            .trim_end_matches(".0")
            .parse()
            .ok()
    };
    body.lines().find_map(of)
}

/// A page, read by the rules of the format.
#[derive(Debug, Default)]
struct Page {
    /// The type of each family.
    kinds: BTreeMap<String, String>,
    /// Each sample, name and labels as they stand there.
    samples: BTreeMap<String, f64>,
    /// The names of labels and their values, but for `le` and `version`.
    labels: BTreeSet<String>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Self::default();
        let mut family = String::new();
        for line in text.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "EOF"] => {}
                ["#", "TYPE", name, kind] => {
                    let known = ["counter", "gauge", "histogram", "info"];
                    assert!(known.contains(&kind), "{line}");
                    let twice = page.kinds.insert(name.to_owned(), kind.to_owned());
                    assert_eq!(twice, None, "{line}");
                    name.clone_into(&mut family);
                }
                ["#", "HELP" | "UNIT", name, what] => {
                    assert!(!name.is_empty() && !what.is_empty(), "{line}");
                }
                _ => page.sample(&family, line),
            }
        }
        page
    }

    fn sample(&mut self, family: &str, line: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!(name.chars().all(legal), "{line}");
        let rest = name.strip_prefix(family).expect("a sample of its family");
        let fits = match self.kinds[family].as_str() {
            "counter" => rest == "_total" && value >= 0.0,
            "gauge" => rest.is_empty(),
            "histogram" => ["_bucket", "_sum", "_count"].contains(&rest),
            "info" => rest == "_info" && value == 1.0,
            _ => false,
        };
        assert!(fits, "{line}");
        for label in labels
            .trim_end_matches('}')
            .split(',')
            .filter(|l| !l.is_empty())
        {
            let (name, value) = label.split_once('=').expect("a label");
            assert!(value.starts_with('"') && value.ends_with('"'), "{line}");
            if !["le", "version"].contains(&name) {
                self.labels.insert(format!("{name}={value}"));
            }
        }
        let twice = self.samples.insert(series.to_owned(), value);
        assert_eq!(twice, None, "{line}");
    }

    #[track_caller]
    fn of(&self, series: &str) -> f64 {
        let found = self.samples.get(series);
        *found.unwrap_or_else(|| panic!("no {series}: {:#?}", self.samples))
    }

    /// The counts up to each bound of a histogram, in the order of the bounds.
    fn buckets(&self, name: &str) -> Vec<(f64, f64)> {
        let of = |(series, count): (&String, &f64)| {
            let bound = series.strip_prefix(&format!("{name}_bucket{{le=\""))?;
            let bound = bound.strip_suffix("\"}")?.replace("+Inf", "inf");
            Some((bound.parse().expect("a bound"), *count))
        };
        let mut buckets: Vec<(f64, f64)> = self.samples.iter().filter_map(of).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        buckets
    }
}

async fn scrape(address: SocketAddr) -> (Page, String) {
    let (head, body) = ask(address, "GET", "/metrics", OPEN).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains(OPEN), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    (Page::parse(&body), body)
}

#[tokio::test]
async fn counters_move_with_what_happens_and_name_nobody() {
    let (server, address) = metered().await;
    let (before, _) = scrape(address).await;
    let ana = server.user("ana-of-the-test").await;
    let room = ana.room("room-of-the-test", Kind::Public).await;
    let mut ws = ana.listen(&room).await;
    for text in ["one", "two", "three"] {
        ana.send(&room, text).await;
        ws.next_event().await;
    }
    let rest = server.rest();
    let wrong = json!({"login": ana.name, "password": "not-Her-password-1"});
    rest.request("POST", "/v1/login", None, wrong).await;
    let (after, text) = scrape(address).await;
    let grown = |series: &str| after.of(series) - before.of(series);
    assert_eq!(grown("chatd_messages_total"), 3.0);
    assert_eq!(grown("chatd_deliveries_total"), 3.0);
    assert_eq!(grown("chatd_logins_total{outcome=\"taken\"}"), 1.0);
    assert_eq!(grown("chatd_logins_total{outcome=\"refused\"}"), 1.0);
    assert!(grown("chatd_entries_total") > 3.0);
    assert!(grown("chatd_requests_total") >= 6.0);
    assert_eq!(after.of("chatd_connections"), 1.0);
    assert_eq!(after.of("chatd_sockets_limit"), 20_000.0);
    for (queue, limit) in [
        ("chatd_append_queue", "chatd_append_queue_limit"),
        ("chatd_hash_queue", "chatd_hash_queue_limit"),
        ("chatd_outbox_longest_bytes", "chatd_outbox_limit_bytes"),
    ] {
        assert!(after.of(queue) < after.of(limit), "{queue}");
    }
    assert!(after.of("process_resident_memory_bytes") > 1e6);
    assert!(after.of("process_open_fds") < after.of("process_max_fds"));
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version), "{text}");
    for name in ["of-the-test", &ana.id, &room.id, "127.0.0.1"] {
        assert!(!text.contains(name), "it tells of {name}:\n{text}");
    }
    let known = ["outcome", "state", "store"];
    for label in &after.labels {
        let name = label.split('=').next().expect("a name");
        assert!(known.contains(&name), "a label that is not known: {label}");
    }
}

#[tokio::test]
async fn histograms_add_up_and_the_store_is_told_of() {
    let (server, address) = metered().await;
    let ana = server.user("ana").await;
    let room = ana.room("den", Kind::Public).await;
    ana.send(&room, "hi").await;
    // The first look at the store is taken beside all else.
    let ready = async {
        loop {
            let (page, _) = scrape(address).await;
            if page.samples.contains_key("chatd_store_size_bytes") {
                return page;
            }
        }
    };
    let page = within("the first look at the store", ready).await;
    assert_eq!(page.of("chatd_store_ready"), 1.0);
    assert!(page.of("chatd_data_free_bytes") > 0.0);
    let timed: Vec<_> = page
        .kinds
        .iter()
        .filter(|(_, kind)| *kind == "histogram")
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(timed.len(), 4, "{timed:?}");
    for name in &timed {
        let buckets = page.buckets(name);
        assert!(buckets.len() > 10, "{name}");
        assert!(buckets.windows(2).all(|two| two[0].1 <= two[1].1), "{name}");
        let (end, all) = buckets[buckets.len() - 1];
        assert!(end.is_infinite(), "{name}");
        assert_eq!(all, page.of(&format!("{name}_count")), "{name}");
    }
}

#[tokio::test]
async fn it_is_on_its_own_listener_alone_and_has_nothing_else() {
    let (server, address) = metered().await;
    let rest = server.rest();
    let public = rest.request("GET", "/metrics", None, json!(null)).await;
    assert_eq!(public.status, 404);
    for (method, path, status) in [
        ("GET", "/", "404"),
        ("GET", "/v1/status", "404"),
        ("GET", "/healthz", "404"),
        ("POST", "/metrics", "405"),
    ] {
        let (head, _) = ask(address, method, path, "*/*").await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status}")),
            "{path}: {head}"
        );
    }
    let (head, body) = ask(address, "GET", "/metrics", "*/*").await;
    assert!(head.contains(PLAIN), "{head}");
    assert!(
        body.contains("\n# TYPE chatd_messages_total counter\n"),
        "{body}"
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let mut server = Server::builder().set("metrics.listen", &address).prepare();
    server.spawn();
    let (status, _, said) = server.failed().await;
    assert!(!status.success());
    assert!(said.contains("metrics.listen"), "{said}");
    let both = server
        .cli(&["config", "check", "--set", "metrics.listen=127.0.0.1:8080"])
        .await;
    assert!(both.failed(78).contains("server.listen"), "{both}");
}
