//! Ports, who reaches them, and whom the server believes.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use chatd::config::{Config, Registration};

use super::{
    finding::Finding,
    seen::{Crowd, Seen, Server},
};

/// From how many connections on it is worth a thought that nearly all come from one address.
const CROWD: usize = 20;

/// The ports: free for a server that is to start, or held by the one that runs.
pub(super) fn ports(config: &Config, seen: &Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    match &seen.server {
        Server::Answers(status) => {
            let real = status.listen.clone().unwrap_or_default();
            let told = config.server.listen;
            let same = told.port() == 0 || real == told.to_string();
            found.push(if same {
                Finding::ok("port", format!("the server listens on {real}"))
            } else {
                let what = format!(
                    "the server listens on {real}, and server.listen is {told} now: settings are read at the \
                     start"
                );
                Finding::warning("port", what, "systemctl restart chatd   # or however it was started")
            });
        }
        Server::Nobody => {
            found.push(port("server.listen", config.server.listen));
            found.extend(config.metrics.listen.map(|at| port("metrics.listen", at)));
        }
        Server::Silent { .. } => {}
    }
    if let Some(address) = config.metrics.listen
        && !address.ip().is_loopback()
    {
        let what = format!(
            "metrics.listen is {address}, which other machines may reach; what it tells needs no account"
        );
        let mend =
            "let only your Prometheus reach that port, or set metrics.listen = \"127.0.0.1:9464\"";
        found.push(Finding::warning("metrics", what, mend));
    }
    found
}

/// Whether somebody could listen there.
fn port(setting: &str, address: SocketAddr) -> Finding {
    const CHECK: &str = "port";
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(CHECK, format!("{address} is free ({setting})")),
        Err(e) if e.kind() == io::ErrorKind::AddrInUse => Finding::problem(
            CHECK,
            format!("another program listens on {address} ({setting})"),
            format!(
                "who: ss -ltnp 'sport = :{}'; stop it, or set {setting}",
                address.port()
            ),
        ),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Finding::problem(
            CHECK,
            format!("{address} ({setting}) is not for you: {e}"),
            "take a port above 1023, or start it as a service with CAP_NET_BIND_SERVICE",
        ),
        Err(e) => Finding::problem(
            CHECK,
            format!("{address} ({setting}) cannot be listened on: {e}"),
            format!("ip address; then set {setting} to an address of this machine"),
        ),
    }
}

/// Whether passwords may go over the network as they are.
pub(super) fn exposure(config: &Config) -> Finding {
    const CHECK: &str = "exposure";
    let (listen, url) = (config.server.listen, config.server.public_url.as_str());
    let host = url.split_once("://").map_or("", |(_, host)| host);
    let local = ["localhost", "127.", "[::1]"];
    let local = local.iter().any(|it| host.starts_with(it));
    if url.starts_with("http://") && !local {
        let what = format!(
            "clients are sent to {url}: passwords and tokens go over the network unencrypted"
        );
        return Finding::problem(
            CHECK,
            what,
            "put a proxy with TLS in front (docs/operating.md, \"Behind a proxy\") or set tls.cert_file and \
             tls.key_file, and set server.public_url to https://…",
        );
    }
    if !config.tls.cert_file.as_os_str().is_empty() {
        return Finding::ok(CHECK, format!("it speaks TLS itself, on {listen}"));
    }
    if !listen.ip().is_loopback() && url.is_empty() {
        let what = format!(
            "it listens on {listen}, which other machines reach, and no server.public_url tells of a proxy with \
             TLS: passwords may go over the network unencrypted"
        );
        return Finding::warning(
            CHECK,
            what,
            "set server.public_url to the https://… of your proxy, or tls.cert_file and tls.key_file, or \
             server.listen to 127.0.0.1:8080",
        );
    }
    match (listen.ip().is_loopback(), url) {
        (true, "") => Finding::ok(CHECK, "only this machine reaches it"),
        (true, url) => Finding::ok(
            CHECK,
            format!("only this machine reaches it; clients come by {url}"),
        ),
        (false, url) => Finding::ok(
            CHECK,
            format!("it listens on {listen}; clients come by {url}"),
        ),
    }
}

/// Whose word it takes for an address.
pub(super) fn proxies(config: &Config, seen: &Seen) -> Finding {
    const CHECK: &str = "proxies";
    let trusted = &config.http.trusted_proxies;
    if let Some(all) = trusted.iter().find(|it| it.prefix_len() == 0) {
        let what = format!(
            "http.trusted_proxies has {all}: everybody may say which address they come from, so limits and bans \
             of addresses hold nobody"
        );
        return Finding::problem(
            CHECK,
            what,
            "set http.trusted_proxies to the addresses of your proxies",
        );
    }
    if trusted.is_empty() && !config.server.public_url.is_empty() {
        let what = "http.trusted_proxies is empty, and server.public_url tells of a proxy: all clients would \
                    share the proxy's limits";
        return Finding::warning(
            CHECK,
            what,
            "set http.trusted_proxies to the addresses of your proxies",
        );
    }
    if let Some(found) = seen.crowd.and_then(|it| hidden(config, it)) {
        return found;
    }
    let list: Vec<_> = trusted.iter().map(ToString::to_string).collect();
    Finding::ok(CHECK, format!("believed: {}", list.join(", ")))
}

/// Nearly everybody comes from one address: a proxy that is not believed, or one that does not say for whom it asks.
fn hidden(config: &Config, crowd: Crowd) -> Option<Finding> {
    const CHECK: &str = "proxies";
    let Crowd { address, count, of } = crowd;
    // A machine of one's own, or a load test.
    let alone = config.server.public_url.is_empty() && config.server.listen.ip().is_loopback();
    if alone || of < CROWD || count * 10 < of * 9 {
        return None;
    }
    let crowd = format!("{count} of {of} connections come from {address}");
    Some(
        if config
            .http
            .trusted_proxies
            .iter()
            .any(|it| it.contains(&address))
        {
            let what =
                format!("{crowd}, a proxy of http.trusted_proxies, which does not say for whom");
            let mend = "let the proxy add the client's address to X-Forwarded-For (docs/operating.md, \"Behind a proxy\")";
            Finding::warning(CHECK, what, mend)
        } else {
            let what = format!(
                "{crowd}: if that is your proxy, all clients share its limits, and a ban of that address is one of all"
            );
            Finding::warning(
                CHECK,
                what,
                format!("add \"{address}\" to http.trusted_proxies"),
            )
        },
    )
}

/// Whether everybody in the world may make an account.
pub(super) fn registration(config: &Config, seen: &Seen) -> Finding {
    const CHECK: &str = "registration";
    let open = Registration::Open.as_str();
    let configured = config.auth.registration.as_str();
    let mode = seen
        .status()
        .map_or(configured, |status| &status.registration);
    let public = !config.server.listen.ip().is_loopback() || !config.server.public_url.is_empty();
    if mode == open && public {
        let what = "everybody who reaches the server may make an account, and it is reached from elsewhere";
        return Finding::warning(CHECK, what, "chatd registration invite");
    }
    Finding::ok(CHECK, mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::doctor::finding::Verdict;

    fn config(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::default();
        change(&mut config);
        config
    }

    #[test]
    fn a_port_that_somebody_has_is_a_problem() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address");
        let config = config(|it| {
            it.server.listen = address;
            it.metrics.listen = Some("127.0.0.1:0".parse().expect("an address"));
        });
        let found = ports(&config, &Seen::default());
        assert_eq!(found[0].verdict, Verdict::Problem, "{found:?}");
        assert!(
            found[0]
                .mend
                .as_deref()
                .is_some_and(|it| it.contains("ss -ltnp"))
        );
        assert_eq!(found[1].verdict, Verdict::Ok, "{found:?}");
        drop(taken);
        assert_eq!(ports(&config, &Seen::default())[0].verdict, Verdict::Ok);
        let elsewhere = port("server.listen", "192.0.2.1:1".parse().expect("an address"));
        assert_eq!(elsewhere.verdict, Verdict::Problem);
    }

    #[test]
    fn metrics_for_everybody_are_worth_a_thought() {
        let config = config(|it| {
            it.server.listen = "127.0.0.1:0".parse().expect("an address");
            it.metrics.listen = Some("0.0.0.0:0".parse().expect("an address"));
        });
        let found = ports(&config, &Seen::default());
        assert!(found.iter().any(|it| it.check == "metrics"), "{found:?}");
    }

    #[test]
    fn passwords_in_the_clear_are_told() {
        let of = |listen: &str, url: &str| {
            let config = config(|it| {
                it.server.listen = listen.parse().expect("an address");
                url.clone_into(&mut it.server.public_url);
            });
            exposure(&config).verdict
        };
        assert_eq!(of("127.0.0.1:1", ""), Verdict::Ok);
        assert_eq!(of("127.0.0.1:1", "https://chat.example.org"), Verdict::Ok);
        assert_eq!(of("0.0.0.0:1", "https://chat.example.org"), Verdict::Ok);
        assert_eq!(of("127.0.0.1:1", "http://localhost:8080"), Verdict::Ok);
        assert_eq!(of("0.0.0.0:1", ""), Verdict::Warning);
        assert_eq!(
            of("127.0.0.1:1", "http://chat.example.org"),
            Verdict::Problem
        );
    }

    #[test]
    fn believing_everybody_is_a_problem() {
        let of = |list: &[&str], url: &str| {
            let config = config(|it| {
                let networks = list.iter().map(|it| it.parse().expect("a network"));
                it.http.trusted_proxies = networks.collect();
                url.clone_into(&mut it.server.public_url);
            });
            proxies(&config, &Seen::default()).verdict
        };
        assert_eq!(of(&["127.0.0.0/8"], ""), Verdict::Ok);
        assert_eq!(of(&["127.0.0.0/8", "::/0"], ""), Verdict::Problem);
        assert_eq!(of(&[], "https://chat.example.org"), Verdict::Warning);
    }

    #[test]
    fn everybody_from_one_address_is_a_proxy_that_is_not_believed() {
        let of = |count, address: &str| {
            let config = config(|it| {
                it.http.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
                it.server.public_url = "https://chat.example.org".into();
            });
            let address = address.parse().expect("an address");
            let crowd = Some(Crowd {
                address,
                count,
                of: 40,
            });
            let found = proxies(
                &config,
                &Seen {
                    crowd,
                    ..Seen::default()
                },
            );
            found.mend.unwrap_or_default()
        };
        assert_eq!(of(20, "10.0.0.9"), "");
        assert_eq!(
            of(40, "10.0.0.9"),
            "add \"10.0.0.9\" to http.trusted_proxies"
        );
        assert!(of(40, "127.0.0.1").contains("X-Forwarded-For"));
    }

    #[test]
    fn an_open_door_to_the_world_is_worth_a_thought() {
        let of = |mode, listen: &str| {
            let config = config(|it| {
                it.auth.registration = mode;
                it.server.listen = listen.parse().expect("an address");
            });
            registration(&config, &Seen::default()).verdict
        };
        assert_eq!(of(Registration::Open, "0.0.0.0:1"), Verdict::Warning);
        assert_eq!(of(Registration::Open, "127.0.0.1:1"), Verdict::Ok);
        assert_eq!(of(Registration::Auto, "0.0.0.0:1"), Verdict::Ok);
    }
}
