//! The layers: built-in values, then the file, the environment and `--set`, each over the one before.

use std::{collections::BTreeMap, fs, io, path::Path};

use toml::de::{DeTable, DeValue};

use super::{
    Config, Error, KEYS, Key, Loaded, Origin, Problem, SECTIONS, Sources,
    confidential::CONFIDENTIAL, rules,
};

/// The variable that names the file when `--config` does not.
const FILE_VARIABLE: &str = "CHATD_CONFIG";

/// Reads all layers and checks the outcome; every problem of every layer is in the error.
pub fn load(sources: &Sources) -> Result<Loaded, Error> {
    let mut layers = Layers::default();
    let named = sources
        .env
        .iter()
        .find(|(name, value)| name == FILE_VARIABLE && !value.is_empty());
    if let Some(path) = &sources.file {
        layers.file(path, "--config");
    } else if let Some((_, path)) = named {
        layers.file(Path::new(path), FILE_VARIABLE);
    }
    for (name, value) in &sources.env {
        layers.variable(name, value);
    }
    for (path, value) in &sources.set {
        layers.set(path, value);
    }
    layers.finish()
}

#[derive(Default)]
struct Layers {
    config: Config,
    origin: BTreeMap<&'static str, Origin>,
    problems: Vec<Problem>,
}

impl Layers {
    fn file(&mut self, path: &Path, named_by: &str) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) => {
                let next = match e.kind() {
                    io::ErrorKind::PermissionDenied => {
                        "it is for root and the server's group: use sudo, or become one of the group (`sudo usermod \
                         -aG chatd $USER`, then log in anew)"
                            .into()
                    }
                    _ => format!("create it with `chatd init` or mend {named_by}"),
                };
                return self.problem(
                    path.display().to_string(),
                    format!("cannot be read: {e}; {next}"),
                );
            }
        };
        let at = |offset: usize| Origin::File {
            path: path.into(),
            line: line_of(&text, offset),
        };
        let (table, errors) = DeTable::parse_recoverable(&text);
        if !errors.is_empty() {
            for e in errors {
                let place = at(e.span().map_or(0, |span| span.start));
                self.problem(
                    place.to_string(),
                    format!("not TOML: {}", one_line(e.message())),
                );
            }
            // What a parser makes of the rest of a broken file is a guess, and so would be its errors.
            return;
        }
        for (section, value) in table.get_ref() {
            let place = at(section.span().start);
            let section = section.get_ref().as_ref();
            if !SECTIONS.iter().any(|(name, _)| *name == section) {
                self.problem(place.to_string(), unknown_section(section));
                continue;
            }
            let DeValue::Table(keys) = value.get_ref() else {
                let what =
                    format!("`{section}` is a section; write `[{section}]` and its keys below it");
                self.problem(place.to_string(), what);
                continue;
            };
            for (key, value) in keys {
                let origin = at(key.span().start);
                let path = format!("{section}.{}", key.get_ref());
                let written = &text[value.span()];
                self.apply(&path, origin, written, |key, config| {
                    (key.read)(config, value.get_ref())
                });
            }
        }
    }

    fn variable(&mut self, name: &str, value: &str) {
        let Some(rest) = name.strip_prefix("CHATD_") else {
            return;
        };
        if name == FILE_VARIABLE || is_injected(rest) {
            return;
        }
        let rest = rest.to_lowercase();
        let path = match KEYS.iter().find(|key| key.path.replace('.', "_") == rest) {
            Some(key) => key.path.to_owned(),
            None => rest.replacen('_', ".", 1),
        };
        self.apply(&path, Origin::Env(name.to_owned()), value, |key, config| {
            (key.read_text)(config, value)
        });
    }

    fn set(&mut self, path: &str, value: &str) {
        self.apply(path, Origin::Set, value, |key, config| {
            (key.read_text)(config, value)
        });
    }

    fn apply(
        &mut self,
        path: &str,
        origin: Origin,
        written: &str,
        read: impl FnOnce(&Key, &mut Config) -> bool,
    ) {
        match KEYS.iter().find(|key| key.path == path) {
            None => {
                let place = place_of(&origin, path);
                self.problem(place, unknown_key(path, &origin));
            }
            Some(key) if read(key, &mut self.config) => {
                self.origin.insert(key.path, origin);
            }
            Some(key) => {
                // A value that is not of its kind may still be a secret in the wrong place.
                let written = if CONFIDENTIAL.contains(&key.path) {
                    "the value"
                } else {
                    written
                };
                let what = format!("{}: {written} is not {}", key.path, key.kind);
                self.problem(place_of(&origin, path), what);
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, Error> {
        for key in KEYS {
            if (key.outside)(&self.config) {
                let value = key.value(&self.config);
                let what = format!(
                    "{}: {value} is out of bounds; must be {}",
                    key.path,
                    key.rule()
                );
                self.problem(self.place_of_key(key.path), what);
            }
        }
        // Relations between values say nothing while some of the values are missing.
        if self.problems.is_empty() {
            for (path, what) in rules::check(&self.config) {
                self.problem(self.place_of_key(path), format!("{path}: {what}"));
            }
        }
        if self.problems.is_empty() {
            for key in KEYS {
                self.origin.entry(key.path).or_insert(Origin::Default);
            }
            Ok(Loaded {
                config: self.config,
                origin: self.origin,
            })
        } else {
            Err(Error(self.problems))
        }
    }

    fn place_of_key(&self, path: &str) -> String {
        self.origin
            .get(path)
            .map_or_else(|| "default".into(), |origin| place_of(origin, path))
    }

    fn problem(&mut self, place: String, what: String) {
        self.problems.push(Problem { place, what });
    }
}

fn place_of(origin: &Origin, path: &str) -> String {
    match origin {
        Origin::Set => format!("--set {path}"),
        other => other.to_string(),
    }
}

/// Variables that Kubernetes and Docker put into a container because a service is called `chatd…`.
fn is_injected(rest: &str) -> bool {
    rest.contains("SERVICE_HOST")
        || rest.contains("SERVICE_PORT")
        || rest.split('_').any(|word| word == "PORT")
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text
        .as_bytes()
        .iter()
        .take(offset)
        .filter(|b| **b == b'\n')
        .count()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unknown_section(name: &str) -> String {
    let near = |candidate: &&str| strsim::normalized_damerau_levenshtein(candidate, name);
    let sections = SECTIONS.iter().map(|(section, _)| *section);
    let section = sections
        .map(|s| (near(&s), s))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let key = KEYS.iter().find(|key| key.split().1 == name);
    match (section, key) {
        (_, Some(key)) => {
            let (section, _) = key.split();
            format!("unknown section `{name}`; `{name}` belongs below `[{section}]`")
        }
        (Some((score, section)), None) if score > 0.5 => {
            format!("unknown section `{name}`; did you mean `{section}`?")
        }
        _ => {
            let all: Vec<_> = SECTIONS.iter().map(|(section, _)| *section).collect();
            format!("unknown section `{name}`; there are {}", all.join(", "))
        }
    }
}

fn unknown_key(path: &str, origin: &Origin) -> String {
    let name = |key: &Key| match origin {
        Origin::Env(_) => key.variable(),
        _ => key.path.to_owned(),
    };
    let wanted = match origin {
        Origin::Env(variable) => variable.clone(),
        _ => path.to_owned(),
    };
    match nearest(path) {
        Some(key) => format!("unknown key `{wanted}`; did you mean `{}`?", name(key)),
        None => format!("unknown key `{wanted}`; `chatd config show` lists every key"),
    }
}

/// The key that was most likely meant: like the whole path, or of the same name in another section.
fn nearest(path: &str) -> Option<&'static Key> {
    let last = path.rsplit_once('.').map_or(path, |(_, last)| last);
    let score = |key: &Key| {
        let whole = strsim::normalized_damerau_levenshtein(key.path, path);
        let name = strsim::normalized_damerau_levenshtein(key.split().1, last);
        whole.max(name * 0.9)
    };
    let best = KEYS
        .iter()
        .map(|key| (score(key), key))
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.6).then_some(best.1)
}
