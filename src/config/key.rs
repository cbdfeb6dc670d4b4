//! What is known of every key, and the macro that makes it, together with the structs, from one source.

use toml::de::DeValue;

use super::{Config, value::Setting};

/// A key of the settings.
pub struct Key {
    /// `section.key`, as after `--set`.
    pub path: &'static str,
    /// What a value is: the end of the sentence "must be …".
    pub kind: &'static str,
    /// What it is unless it is set, as TOML.
    pub default: &'static str,
    /// What it does: sentences for the operator.
    pub doc: &'static str,
    /// The least and the greatest value, where there are bounds.
    pub range: Option<(&'static str, &'static str)>,
    /// When a change of it takes effect.
    pub applies: Applies,
    /// Sets it from TOML; `false` when the value is not of its kind.
    pub(super) read: fn(&mut Config, &DeValue<'_>) -> bool,
    /// Sets it from plain text; `false` when the value is not of its kind.
    pub(super) read_text: fn(&mut Config, &str) -> bool,
    /// Its value as TOML for people to see.
    pub(super) show: fn(&Config) -> String,
    /// Whether its value is out of `range`.
    pub(super) outside: fn(&Config) -> bool,
    /// Whether both say the same of it.
    pub(super) same: fn(&Config, &Config) -> bool,
    /// Makes the first say of it what the second says.
    pub(super) copy: fn(&mut Config, &Config),
}

/// When a change of a setting takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// At a reload.
    Live,
    /// When the server starts.
    Restart,
}

impl Applies {
    /// The word for it: `live` or `restart`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Restart => "restart",
        }
    }
}

impl Key {
    /// The section and the key in it.
    pub fn split(&self) -> (&'static str, &'static str) {
        self.path.split_once('.').unwrap_or(("", self.path))
    }

    /// The environment variable that sets it.
    pub fn variable(&self) -> String {
        format!("CHATD_{}", self.path.replace('.', "_").to_uppercase())
    }

    /// Its value in `config` as TOML, without secrets.
    pub fn value(&self, config: &Config) -> String {
        (self.show)(config)
    }

    /// What a value must be, with the bounds.
    pub fn rule(&self) -> String {
        match self.range {
            Some((min, max)) => format!("{}, from {min} to {max}", self.kind),
            None => self.kind.to_owned(),
        }
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The value of a default; the table's own text, proved to be readable by a test.
pub(super) fn built_in<T: Setting>(text: &str) -> T {
    T::from_text(text).expect("every built-in default reads back")
}

pub(super) fn read<T: Setting>(slot: &mut T, value: Option<T>) -> bool {
    value.is_some_and(|value| {
        *slot = value;
        true
    })
}

/// Makes of one list: a struct for each section, `Config`, the table `KEYS` and the list `SECTIONS`.
///
/// A key is `live name: Type = default, least to greatest;`, the bounds left out where there are none, and
/// `restart` instead of `live` where a reload does not change it. Defaults are TOML.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $applies:ident $key:ident: $type:ty = $default:expr $(, $min:literal to $max:literal)?;
            )+
        }
    )+) => {
        $(
            $(#[doc = $about])+
            #[derive(Clone, Debug, PartialEq)]
            pub struct $Section {
                $($(#[doc = $doc])+ pub $key: $type,)+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $($key: $crate::config::key::built_in(stringify!($default)),)+ }
                }
            }
        )+

        /// Every setting, with a value that was checked.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Config {
            $($(#[doc = $about])+ pub $section: $Section,)+
        }

        /// The sections, in the order of the documentation, with what they are about.
        pub const SECTIONS: &[(&str, &str)] =
            &[$((stringify!($section), concat!($($about),+))),+];

        /// Every key, in the order of the documentation.
        pub static KEYS: &[$crate::config::key::Key] = &[$($($crate::config::key::Key {
            path: concat!(stringify!($section), ".", stringify!($key)),
            kind: <$type as $crate::config::value::Setting>::KIND,
            default: stringify!($default),
            doc: concat!($($doc),+).trim_ascii(),
            range: $crate::config::key::range!($($min, $max)?),
            applies: $crate::config::key::applies!($applies),
            read: |config, value| $crate::config::key::read(
                &mut config.$section.$key,
                $crate::config::value::Setting::from_toml(value),
            ),
            read_text: |config, text| $crate::config::key::read(
                &mut config.$section.$key,
                $crate::config::value::Setting::from_text(text),
            ),
            show: |config| $crate::config::value::Setting::to_shown(&config.$section.$key),
            outside: |_config| false $(|| $crate::config::value::Setting::outside(
                &_config.$section.$key, $min, $max,
            ))?,
            same: |a, b| a.$section.$key == b.$section.$key,
            copy: |to, from| to.$section.$key.clone_from(&from.$section.$key),
        },)+)+];
    };
}

macro_rules! range {
    () => {
        None
    };
    ($min:literal, $max:literal) => {
        Some(($min, $max))
    };
}

macro_rules! applies {
    (live) => {
        $crate::config::key::Applies::Live
    };
    (restart) => {
        $crate::config::key::Applies::Restart
    };
}

pub(super) use {applies, range, sections};
