//! What must hold of values beyond their kind and bounds.

use super::{Config, LogFilter, Url};

/// A rule that does not hold: the key whose place the message names, and the message.
pub(super) type Breach = (&'static str, String);

/// The room that the rest of a frame or request needs beside a message's text.
const ENVELOPE: u64 = 1024;

/// Everything that does not fit.
pub(super) fn check(config: &Config) -> Vec<Breach> {
    let mut breaches = Vec::new();
    texts(config, &mut breaches);
    sizes(config, &mut breaches);
    breaches
}

fn texts(config: &Config, breaches: &mut Vec<Breach>) {
    let url = &config.server.public_url;
    if !url.is_empty() && !is_http(url) {
        breaches.push((
            "server.public_url",
            format!(
                "{:?} is not a URL of a web server; write it like \"https://chat.example.org\"",
                // Somebody may have mistaken it for the store's.
                Url::from(url.as_str())
            ),
        ));
    }
    let store = config.store.url.expose();
    let known = ["sqlite:", "mongodb://", "mongodb+srv://"];
    if !store.is_empty() && !known.iter().any(|scheme| store.starts_with(scheme)) {
        breaches.push((
            "store.url",
            format!(
                "\"{}\" names no known store; write \"sqlite:PATH\" or \"mongodb://HOST/DATABASE\"",
                config.store.url
            ),
        ));
    }
    if !store.is_empty() && !config.store.url_file.as_os_str().is_empty() {
        breaches.push((
            "store.url_file",
            "is set, and so is store.url; set one of them".into(),
        ));
    }
    let (cert, key) = (&config.tls.cert_file, &config.tls.key_file);
    if cert.as_os_str().is_empty() != key.as_os_str().is_empty() {
        let (set, missing) = if key.as_os_str().is_empty() {
            ("tls.cert_file", "tls.key_file")
        } else {
            ("tls.key_file", "tls.cert_file")
        };
        let what = format!("is set, and {missing} is not; a certificate and its key go together");
        breaches.push((set, what));
    }
    for origin in &config.http.allowed_origins {
        let host = origin.split_once("://").map_or("", |(_, host)| host);
        if !is_http(origin) || host.contains(['/', '?', '#', '*', '@']) {
            breaches.push((
                "http.allowed_origins",
                format!(
                    "{origin:?} is not an origin; write scheme, host and port only, like \
                     \"https://app.example.org\""
                ),
            ));
        }
    }
    if let Err(why) = LogFilter::parse(&config.log.level) {
        breaches.push((
            "log.level",
            format!(
                "{:?} is not a log filter: {why}; write a level such as \"info\", or \
                 \"info,chatd::ws=debug\"",
                config.log.level
            ),
        ));
    }
    let listen = config.server.listen;
    if config.metrics.listen == Some(listen) && listen.port() != 0 {
        breaches.push((
            "metrics.listen",
            format!("is {listen}, and so is server.listen; give metrics a port of their own"),
        ));
    }
    if config.server.data_dir.as_os_str().is_empty() {
        breaches.push(("server.data_dir", "must not be empty; write a path".into()));
    }
}

fn is_http(url: &str) -> bool {
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.contains(char::is_whitespace))
}

fn sizes(config: &Config, breaches: &mut Vec<Breach>) {
    let message = config.limits.message.0;
    for (key, size) in [
        ("ws.frame", config.ws.frame.0),
        ("http.body", config.http.body.0),
    ] {
        if size < message + ENVELOPE {
            breaches.push((
                key,
                format!(
                    "{size} bytes do not hold a message of limits.message ({message} bytes); make it at \
                     least {} or limits.message smaller",
                    message + ENVELOPE
                ),
            ));
        }
    }
    if config.ws.outbox.0 < config.ws.replay_bytes.0 {
        breaches.push((
            "ws.outbox",
            format!(
                "{} bytes do not hold a replay of ws.replay_bytes ({} bytes); make it larger or the replay \
                 smaller",
                config.ws.outbox.0, config.ws.replay_bytes.0
            ),
        ));
    }
    if config.auth.refresh_token <= config.auth.access_token {
        breaches.push((
            "auth.refresh_token",
            format!(
                "{} is not longer than auth.access_token ({}); a session must outlive its access tokens",
                config.auth.refresh_token, config.auth.access_token
            ),
        ));
    }
}
