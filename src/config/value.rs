//! The types a setting can have: how each is read from TOML and from a plain text, and written back.

use std::{net::SocketAddr, path::PathBuf};

use bytesize::ByteSize;
use ipnet::IpNet;
use toml::de::DeValue;

use super::Period;

/// A type that a setting can have.
pub(super) trait Setting: Sized {
    /// What a value is, as the end of the sentence "must be …".
    const KIND: &'static str;

    /// Reads a TOML value; `None` when it is not one of these.
    fn from_toml(value: &DeValue<'_>) -> Option<Self>;

    /// Writes it as TOML, so that [`Setting::from_toml`] reads it back.
    fn to_toml(&self) -> String;

    /// Reads a text that is not TOML: what a shell leaves of quotes, or an environment file.
    fn from_literal(text: &str) -> Option<Self> {
        Self::from_toml(&DeValue::String(text.into()))
    }

    /// Reads what stands after `--set key=` or in an environment variable.
    fn from_text(text: &str) -> Option<Self> {
        let toml = DeValue::parse(text)
            .ok()
            .and_then(|value| Self::from_toml(value.get_ref()));
        toml.or_else(|| Self::from_literal(text))
    }

    /// Writes it as TOML for people to see: without what is secret.
    fn to_shown(&self) -> String {
        self.to_toml()
    }

    /// Whether it is less than `min` or more than `max`; never, for types without an order.
    fn outside(&self, _min: &str, _max: &str) -> bool {
        false
    }
}

/// A string in TOML's quotes.
pub(super) fn quote(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn is_outside<T: Setting + PartialOrd>(value: &T, min: &str, max: &str) -> bool {
    T::from_text(min).is_some_and(|min| *value < min)
        || T::from_text(max).is_some_and(|max| *value > max)
}

macro_rules! number {
    ($($type:ty),+) => {$(
        impl Setting for $type {
            const KIND: &'static str = "a whole number";

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                let number = value.as_integer()?;
                Self::from_str_radix(number.as_str(), number.radix()).ok()
            }

            fn to_toml(&self) -> String {
                self.to_string()
            }

            fn outside(&self, min: &str, max: &str) -> bool {
                is_outside(self, min, max)
            }
        }
    )+};
}

number!(u32, usize);

impl Setting for bool {
    const KIND: &'static str = "true or false";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_bool()
    }

    fn to_toml(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    const KIND: &'static str = "text";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(Self::from)
    }

    fn to_toml(&self) -> String {
        quote(self)
    }
}

impl Setting for PathBuf {
    const KIND: &'static str = "a path";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str().map(Self::from)
    }

    fn to_toml(&self) -> String {
        quote(&self.to_string_lossy())
    }
}

impl Setting for SocketAddr {
    const KIND: &'static str =
        "an address with a port such as \"127.0.0.1:8080\" or \"[::1]:8080\"";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn to_toml(&self) -> String {
        quote(&self.to_string())
    }
}

impl Setting for Option<SocketAddr> {
    const KIND: &'static str =
        "an address with a port such as \"127.0.0.1:9464\", or empty for none";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value.as_str()? {
            "" => Some(None),
            address => address.parse().ok().map(Some),
        }
    }

    fn to_toml(&self) -> String {
        quote(&self.map_or_else(String::new, |address| address.to_string()))
    }
}

impl Setting for Period {
    const KIND: &'static str = "a length of time such as \"250ms\", \"15m\", \"1h30m\" or \"30d\"";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        value.as_str()?.parse().ok()
    }

    fn to_toml(&self) -> String {
        quote(&self.to_string())
    }

    fn outside(&self, min: &str, max: &str) -> bool {
        is_outside(self, min, max)
    }
}

impl Setting for ByteSize {
    const KIND: &'static str = "a size such as \"256 KiB\" or a number of bytes";

    fn from_toml(value: &DeValue<'_>) -> Option<Self> {
        match value {
            DeValue::String(text) => text.parse().ok(),
            DeValue::Integer(n) => u64::from_str_radix(n.as_str(), n.radix()).ok().map(Self),
            _ => None,
        }
    }

    /// Exactly, unlike bytesize's own rounded form: what is shown can be written back.
    fn to_toml(&self) -> String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] {
            if self.0 >> shift > 0 && self.0.trailing_zeros() >= shift {
                return quote(&format!("{} {unit}", self.0 >> shift));
            }
        }
        self.0.to_string()
    }

    fn outside(&self, min: &str, max: &str) -> bool {
        is_outside(self, min, max)
    }
}

macro_rules! list {
    ($type:ty, $kind:literal) => {
        impl Setting for Vec<$type> {
            const KIND: &'static str = $kind;

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                let items = value.as_array()?.iter();
                items
                    .map(|item| item.get_ref().as_str()?.parse().ok())
                    .collect()
            }

            /// In an environment variable a list is its items, with commas between them.
            fn from_literal(text: &str) -> Option<Self> {
                let items = text
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                items.map(|item| item.parse().ok()).collect()
            }

            fn to_toml(&self) -> String {
                let items: Vec<_> = self.iter().map(|item| quote(&item.to_string())).collect();
                format!("[{}]", items.join(", "))
            }
        }
    };
}

list!(String, "a list of texts such as [\"a\", \"b\"]");
list!(
    IpNet,
    "a list of networks such as [\"10.0.0.0/8\", \"::1/128\"]"
);

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident, $kind:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$vdoc])* $variant,)+
        }

        impl $name {
            /// The word that stands for it in the settings.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl Setting for $name {
            const KIND: &'static str = $kind;

            fn from_toml(value: &DeValue<'_>) -> Option<Self> {
                match value.as_str()? {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn to_toml(&self) -> String {
                quote(self.as_str())
            }
        }
    };
}

choice!(
    /// Who may make themselves an account.
    Registration, "one of \"auto\", \"open\", \"invite\" and \"closed\"" {
        /// Open for requests that come straight from this machine, by invitation for all others.
        Auto = "auto",
        /// Everyone who reaches the server.
        Open = "open",
        /// Those who have an invitation code.
        Invite = "invite",
        /// Nobody; operators add accounts.
        Closed = "closed",
    }
);

choice!(
    /// What is sent about mentions and direct messages to people who have no connection.
    Push, "one of \"off\", \"ids\" and \"text\"" {
        /// Nothing.
        Off = "off",
        /// Who, where and which message.
        Ids = "ids",
        /// The message itself as well.
        Text = "text",
    }
);

choice!(
    /// How log lines look.
    LogFormat, "one of \"auto\", \"pretty\", \"json\" and \"journald\"" {
        /// For the journal as a service, pretty on a terminal, JSON elsewhere.
        Auto = "auto",
        /// For people.
        Pretty = "pretty",
        /// For machines: one JSON object a line.
        Json = "json",
        /// For the journal of systemd, with its own fields.
        Journald = "journald",
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn sizes_are_written_exactly() {
        for (bytes, text) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "\"1 KiB\""),
            (1025, "1025"),
            (256 << 10, "\"256 KiB\""),
            (3 << 40, "\"3 TiB\""),
            (u64::MAX, "18446744073709551615"),
        ] {
            assert_eq!(ByteSize(bytes).to_toml(), text);
            if i64::try_from(bytes).is_ok() {
                assert_eq!(ByteSize::from_text(text), Some(ByteSize(bytes)));
            }
        }
    }

    #[test]
    fn a_text_is_toml_or_else_itself() {
        assert_eq!(String::from_text("\"a b\"").as_deref(), Some("a b"));
        assert_eq!(String::from_text("a b").as_deref(), Some("a b"));
        assert_eq!(String::from_text("123").as_deref(), Some("123"));
        assert_eq!(u32::from_text("0x10"), Some(16));
        assert_eq!(u32::from_text("-1"), None);
        assert_eq!(u32::from_text("4294967296"), None);
        assert_eq!(
            Vec::<String>::from_text("a, b"),
            Some(vec!["a".into(), "b".into()])
        );
        assert_eq!(Vec::<String>::from_text("[\"a\"]"), Some(vec!["a".into()]));
        assert_eq!(Vec::<IpNet>::from_text("10.0.0.0/8,nonsense"), None);
    }
}
