//! What is secret in a URL, so that it can be kept out of what is said.

/// Options of a URL whose values are secret.
const OPTIONS: [&str; 3] = [
    "tlscertificatekeyfilepassword",
    "proxypassword",
    "authmechanismproperties",
];

/// The secret parts of a URL, as they stand there and decoded.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    pub(super) fn of(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let (place, options) = rest.split_once('?').unwrap_or((rest, ""));
        let mut parts = Vec::new();
        // A password that should have been escaped may itself have "@", ":" and "/", and a driver that takes
        // it for something else may show a part of it.
        if let Some((credentials, _)) = place.rsplit_once('@').or_else(|| rest.rsplit_once('@')) {
            let password = credentials
                .split_once(':')
                .map_or(credentials, |(_, it)| it);
            parts.push(password);
            parts.extend(password.split(['@', ':', '/', '?', '&', '=']));
        }
        for option in options.split('&') {
            if let Some((name, value)) = option.split_once('=')
                && OPTIONS.contains(&name.to_ascii_lowercase().as_str())
            {
                parts.push(value);
                parts.extend(value.split([',', ':']).skip(1));
            }
        }
        let both = |part: &str| [part.to_owned(), decoded(part)];
        let mut parts: Vec<_> = parts.into_iter().flat_map(both).collect();
        parts.retain(|part| !part.is_empty());
        Self(parts)
    }

    /// The text, or `instead` when something secret is in it: to black out a part would tell what is around it.
    pub(super) fn keep_out_of(&self, text: String, instead: &str) -> String {
        if self.0.iter().any(|part| text.contains(part.as_str())) {
            instead.to_owned()
        } else {
            text
        }
    }
}

/// A text whose `%41` are what they stand for; those that are none stay.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|two| str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_said() {
        for (url, text) in [
            ("mongodb://ana:s3cret@db/chat", "no such s3cret"),
            ("mongodb://ana:s3%2Fcr%40t@db/chat", "no such s3/cr@t"),
            ("mongodb://ana:s3%2Fcr%40t@db/chat", "no such s3%2Fcr%40t"),
            ("mongodb://ana:s3/cr@t@db/chat", "no such host cr"),
            ("mongodb://ana:s3?cr@db/chat", "no such option cr"),
            (
                "mongodb+srv://db/?tlsCertificateKeyFilePassword=s3cret",
                "s3cret opens nothing",
            ),
            (
                "mongodb://db/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret",
                "s3cret is over",
            ),
        ] {
            let secrets = Secrets::of(url);
            assert_eq!(secrets.keep_out_of(text.into(), "no"), "no", "{url}");
            assert_eq!(
                secrets.keep_out_of("db is no".into(), "hm"),
                "db is no",
                "{url}"
            );
        }
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%c3%BC"), "%zzü");
    }
}
