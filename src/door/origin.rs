//! Which web pages may use the server: the one rule for CORS and for the WebSocket upgrade.

use axum::http::{HeaderMap, Uri, header};

use crate::config::Config;

/// Whether a request with these headers may be answered to the page it comes from. No `Origin` means no
/// page: an app, a bot, `curl`.
pub fn allows_origin(config: &Config, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let allowed = &config.http.allowed_origins;
    if allowed
        .iter()
        .any(|a| a == "*" || a.trim_end_matches('/').eq_ignore_ascii_case(origin))
    {
        return true;
    }
    if !allowed.is_empty() {
        return false;
    }
    let public = config.server.public_url.trim_end_matches('/');
    if !public.is_empty() && public.eq_ignore_ascii_case(origin) {
        return true;
    }
    let Ok(uri) = origin.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    if host.is_some_and(|h| h.eq_ignore_ascii_case(authority.as_str())) {
        // Its own page, unless the page tricked the browser into another name for this machine
        // (DNS rebinding): a loopback listener answers to loopback names only.
        return !config.server.listen.ip().is_loopback() || is_loopback(authority.host());
    }
    config.server.listen.ip().is_loopback() && is_loopback(authority.host())
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.eq_ignore_ascii_case("localhost")
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn allowed(config: &Config, origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        allows_origin(config, &headers)
    }

    #[test]
    fn on_loopback_only_loopback_pages() {
        let config = Config::default();
        let host = "127.0.0.1:8080";
        for good in [
            None,
            Some("http://localhost:5173"),
            Some("http://127.0.0.1:8080"),
            Some("http://[::1]:3000"),
        ] {
            assert!(allowed(&config, good, host), "{good:?}");
        }
        for bad in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "file://",
        ] {
            assert!(!allowed(&config, Some(bad), host), "{bad}");
        }
        let rebound = "evil.example:8080";
        assert!(!allowed(&config, Some("http://evil.example:8080"), rebound));
    }

    #[test]
    fn in_public_only_its_own_and_those_named() {
        let mut config = Config::default();
        config.server.listen = "0.0.0.0:8080".parse().unwrap();
        assert!(allowed(
            &config,
            Some("https://chat.example"),
            "chat.example"
        ));
        assert!(!allowed(
            &config,
            Some("http://localhost:1"),
            "chat.example"
        ));
        config.http.allowed_origins = vec!["https://app.example".into()];
        assert!(allowed(
            &config,
            Some("https://app.example"),
            "chat.example"
        ));
        assert!(!allowed(
            &config,
            Some("https://chat.example"),
            "chat.example"
        ));
    }
}
