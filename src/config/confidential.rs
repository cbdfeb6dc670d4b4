//! Settings that nobody is shown whole: URLs that carry a password, places whose path is one, and secrets.

use std::fmt;

use toml::de::DeValue;

use super::value::{Setting, quote};

/// A text that is whole only for whoever uses it: its [`fmt::Display`], and what is made of that, hides what is
/// secret.
macro_rules! confidential {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// The whole text: for whoever uses it, never for a log.
            pub fn expose(&self) -> &str {
                &self.0
            }

            /// Whether none was given.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"{self}\"")
            }
        }

        impl Setting for $name {
            const KIND: &'static str = $kind;

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                value.as_str().map(Self::from)
            }

            fn to_toml(&self) -> String {
                quote(&self.0)
            }

            fn to_shown(&self) -> String {
                quote(&self.to_string())
            }
        }
    };
}

confidential!(
    /// Where something is, as a URL that may carry a password: [`fmt::Debug`] and [`fmt::Display`] hide it.
    Url, "a URL as text"
);

confidential!(
    /// A place on the web, whose path and query may be secret: [`fmt::Debug`] and [`fmt::Display`] show the host alone.
    Endpoint, "a URL as text"
);

confidential!(
    /// What nobody is shown.
    Secret, "text"
);

impl Url {
    /// Whether something in it is not shown.
    pub fn has_secret(&self) -> bool {
        self.to_string().contains("***")
    }
}

/// Options of a URL whose values nobody is shown.
const SECRET: [&str; 3] = [
    "tlscertificatekeyfilepassword",
    "proxypassword",
    "authmechanismproperties",
];

impl fmt::Display for Url {
    /// Everything between `user:` and the last `@` is `***`: a password that should have been escaped may
    /// itself hold `@` or `/`. So are the values of options that are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str(&self.0);
        };
        let (credentials, place) = match rest.rsplit_once('@') {
            Some((credentials, place)) => (Some(credentials), place),
            None => (None, rest),
        };
        write!(f, "{scheme}://")?;
        match credentials.map(|it| it.split_once(':')) {
            Some(Some((user, _))) => write!(f, "{user}:***@")?,
            Some(None) => f.write_str("***@")?,
            None => {}
        }
        let (place, options) = place.split_once('?').unwrap_or((place, ""));
        f.write_str(place)?;
        let mut mark = '?';
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let secret = SECRET.contains(&name.to_ascii_lowercase().as_str());
            let value = if secret { "***" } else { value };
            write!(f, "{mark}{name}={value}")?;
            mark = '&';
        }
        Ok(())
    }
}

impl fmt::Display for Endpoint {
    /// Scheme, host and port; `***` for what else there is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.0.split_once("://") else {
            return f.write_str(if self.0.is_empty() { "" } else { "***" });
        };
        let (place, path) = rest
            .find(['/', '?', '#'])
            .map_or((rest, ""), |at| rest.split_at(at));
        let (credentials, host) = place
            .rsplit_once('@')
            .map_or(("", place), |(_, host)| ("***@", host));
        let path = if path.len() > 1 { "/***" } else { path };
        write!(f, "{scheme}://{credentials}{host}{path}")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "" } else { "***" })
    }
}

/// Keys whose values are not repeated to whoever typed them wrongly.
pub(super) const CONFIDENTIAL: [&str; 3] = ["store.url", "webhook.url", "webhook.secret"];

/// A word of a command line as it may be shown: passwords in URLs and the values of secret settings are `***`.
pub fn without_secrets(word: &str) -> String {
    for key in &CONFIDENTIAL[1..] {
        if let Some(at) = word.find(&format!("{key}=")) {
            return format!("{}***", &word[..=at + key.len()]);
        }
    }
    Url::from(word).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_endpoint_only_the_host_is_shown() {
        for (url, shown) in [
            ("", ""),
            ("https://h.example.org", "https://h.example.org"),
            ("https://h.example.org/", "https://h.example.org/"),
            (
                "https://h.example.org:8443/s3cret",
                "https://h.example.org:8443/***",
            ),
            ("https://h.example.org?s3cret", "https://h.example.org/***"),
            (
                "https://ana:s3@h.example.org/s3",
                "https://***@h.example.org/***",
            ),
            ("s3cret", "***"),
        ] {
            let endpoint = Endpoint::from(url);
            assert_eq!(endpoint.to_string(), shown);
            assert_eq!(endpoint.to_shown(), quote(shown));
            assert_eq!(endpoint.to_toml(), quote(url));
        }
        let secret = Secret::from("whsec_s3cret");
        assert_eq!(secret.to_shown(), quote("***"));
        assert!(!format!("{secret:?}").contains("s3"));
        for (word, shown) in [
            ("webhook.secret=whsec_s3cret", "webhook.secret=***"),
            ("--set=webhook.url=https://h/s3", "--set=webhook.url=***"),
            ("mongodb://ana:s3@db/chat", "mongodb://ana:***@db/chat"),
            ("webhook.rooms=*", "webhook.rooms=*"),
        ] {
            assert_eq!(without_secrets(word), shown);
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("mongodb://ana:s3cret@db/chat", "mongodb://ana:***@db/chat"),
            (
                "mongodb://ana:s3@cr/et@db/chat",
                "mongodb://ana:***@db/chat",
            ),
            ("mongodb://s3cret@db", "mongodb://***@db"),
            ("mongodb://db/chat", "mongodb://db/chat"),
            (
                "mongodb://a:s3@db/chat?tls=true&tlsCertificateKeyFilePassword=s3cret",
                "mongodb://a:***@db/chat?tls=true&tlsCertificateKeyFilePassword=***",
            ),
            (
                "mongodb://db/?authMechanismProperties=AWS_SESSION_TOKEN:s3cret&w=1",
                "mongodb://db/?authMechanismProperties=***&w=1",
            ),
            ("sqlite:/srv/chat.db", "sqlite:/srv/chat.db"),
        ] {
            assert_eq!(Url::from(url).to_string(), shown);
            assert!(!format!("{:?}", Url::from(url)).contains("s3"), "{url}");
            assert_eq!(Url::from(url).to_toml(), quote(url));
        }
    }
}
