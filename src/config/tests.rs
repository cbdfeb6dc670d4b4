use std::{fs, time::Duration};

use bytesize::ByteSize;

use super::*;

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

/// A file with this text, and the sources that name it.
fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chatd.toml");
    fs::write(&path, text).unwrap();
    (
        dir,
        Sources {
            file: Some(path),
            ..Sources::default()
        },
    )
}

/// What is wrong with this file, without its directory.
fn wrong(text: &str) -> String {
    let (dir, sources) = file(text);
    let error = load(&sources).expect_err(text).to_string();
    error.replace(&format!("{}/", dir.path().display()), "")
}

fn wrong_set(key: &str, value: &str) -> String {
    let sources = Sources {
        set: pairs(&[(key, value)]),
        ..Sources::default()
    };
    load(&sources).expect_err(value).to_string()
}

fn wrong_env(name: &str, value: &str) -> String {
    let sources = Sources {
        env: pairs(&[(name, value)]),
        ..Sources::default()
    };
    load(&sources).expect_err(name).to_string()
}

#[test]
fn nothing_configured_is_the_defaults() {
    let loaded = load(&Sources::default()).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(
        loaded.config.auth.refresh_token.get(),
        Duration::from_hours(30 * 24)
    );
    assert_eq!(loaded.config.http.trusted_proxies.len(), 2);
    assert_eq!(loaded.config.limits.message, ByteSize(16 << 10));
    assert_eq!(loaded.origin.len(), KEYS.len());
    assert!(
        loaded
            .origin
            .values()
            .all(|origin| *origin == Origin::Default)
    );
}

#[test]
fn every_default_reads_back_and_is_in_bounds() {
    for key in KEYS {
        let mut config = Config::default();
        assert!((key.read_text)(&mut config, key.default), "{key:?}");
        assert_eq!((key.show)(&config), key.default, "{key:?}");
        assert!(!(key.outside)(&config), "{key:?}");
        assert!(key.doc.ends_with('.'), "{key:?}");
    }
}

#[test]
fn every_bound_holds_itself_and_can_be_passed() {
    for (key, (min, max)) in KEYS.iter().filter_map(|key| Some((key, key.range?))) {
        for bound in [min, max] {
            let mut config = Config::default();
            assert!((key.read_text)(&mut config, bound), "{key:?} {bound}");
            assert!(!(key.outside)(&config), "{key:?} {bound}");
        }
    }
    assert!(wrong_set("auth.access_token", "59s").contains("from 1m to 24h"));
    assert!(wrong_set("auth.access_token", "25h").contains("from 1m to 24h"));
    assert!(wrong_set("ws.outbox", "63 KiB").contains("from 64 KiB to 1 GiB"));
    assert!(wrong_set("ws.frame", "2MiB").contains("\"2 MiB\" is out of bounds"));
    assert!(wrong_set("ws.ping", "0s").contains("from 1s"));
    assert!(wrong_set("limits.send_rate", "0").contains("from 1 to"));
}

#[test]
fn later_layers_win_and_are_named() {
    let (dir, mut sources) = file(
        "[server]\nlisten = \"0.0.0.0:1\"\ndrain = '1s'\n\n[limits]\nenabled = false\nmessage = 4096\n",
    );
    sources.env = pairs(&[
        ("CHATD_SERVER_LISTEN", "0.0.0.0:2"),
        ("CHATD_SERVER_DRAIN", "2s"),
        ("CHATD_HTTP_TRUSTED_PROXIES", "10.0.0.0/8, fd00::/8"),
        ("PATH", "/bin"),
        ("CHATD_SERVICE_HOST", "10.0.0.1"),
        ("CHATD_PORT_8080_TCP_ADDR", "10.0.0.1"),
    ]);
    sources.set = pairs(&[("server.listen", "0.0.0.0:3"), ("log.level", "\"debug\"")]);
    let Loaded { config, origin } = load(&sources).unwrap();
    assert_eq!(config.server.listen.port(), 3);
    assert_eq!(config.server.drain.to_string(), "2s");
    assert!(!config.limits.enabled);
    assert_eq!(config.limits.message, ByteSize(4096));
    assert_eq!(config.http.trusted_proxies.len(), 2);
    assert_eq!(config.log.level, "debug");
    assert_eq!(origin["server.listen"], Origin::Set);
    assert_eq!(
        origin["server.drain"],
        Origin::Env("CHATD_SERVER_DRAIN".into())
    );
    let path = dir.path().join("chatd.toml");
    assert_eq!(origin["limits.message"], Origin::File { path, line: 7 });
    assert_eq!(origin["ws.ping"], Origin::Default);
}

#[test]
fn the_environment_may_name_the_file_and_the_flag_wins() {
    let (_dir, sources) = file("[log]\nlevel = \"warn\"\n");
    let path = sources.file.clone().unwrap();
    let env = pairs(&[("CHATD_CONFIG", path.to_str().unwrap())]);
    let loaded = load(&Sources {
        env,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(loaded.config.log.level, "warn");
    let env = pairs(&[("CHATD_CONFIG", "/nowhere")]);
    assert!(
        load(&Sources {
            env: env.clone(),
            ..sources
        })
        .is_ok()
    );
    let error = load(&Sources {
        env,
        ..Sources::default()
    })
    .unwrap_err()
    .to_string();
    assert!(error.starts_with("/nowhere: cannot be read"), "{error}");
    assert!(error.contains("CHATD_CONFIG"), "{error}");
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let file = Some("/nowhere/chatd.toml".into());
    let error = load(&Sources {
        file,
        ..Sources::default()
    })
    .unwrap_err()
    .to_string();
    assert!(
        error.starts_with("/nowhere/chatd.toml: cannot be read"),
        "{error}"
    );
    assert!(error.contains("chatd init"), "{error}");
}

#[test]
fn an_error_says_where_what_and_what_would_be_right() {
    assert_eq!(
        wrong("[ws]\n\nping = 25\n"),
        "chatd.toml:3: ws.ping: 25 is not a length of time such as \"250ms\", \"15m\", \"1h30m\" or \"30d\""
    );
    assert_eq!(
        wrong_env("CHATD_LIMITS_ENABLED", "ja"),
        "environment CHATD_LIMITS_ENABLED: limits.enabled: ja is not true or false"
    );
    assert_eq!(
        wrong_set("auth.registration", "sometimes"),
        "--set auth.registration: auth.registration: sometimes is not one of \"auto\", \"open\", \
         \"invite\" and \"closed\""
    );
    let broken = wrong("[ws]\nping = \n");
    assert!(broken.starts_with("chatd.toml:2: not TOML: "), "{broken}");
    assert_eq!(broken.lines().count(), 1);
}

#[test]
fn what_is_misspelt_gets_a_suggestion() {
    assert_eq!(
        wrong("[server]\nlissen = 1\n"),
        "chatd.toml:2: unknown key `server.lissen`; did you mean `server.listen`?"
    );
    assert_eq!(
        wrong("[sever]\nx = 1\n"),
        "chatd.toml:1: unknown section `sever`; did you mean `server`?"
    );
    assert!(wrong("listen = 1\n").ends_with("`listen` belongs below `[server]`"));
    assert!(wrong("ws = 1\n").contains("write `[ws]`"));
    assert!(wrong("[qqqqqqqq]\n").contains("there are server, store"));
    assert!(wrong_set("auth.ping", "1s").ends_with("did you mean `ws.ping`?"));
    assert!(wrong_set("xyzzy", "1").contains("chatd config show"));
    assert_eq!(
        wrong_env("CHATD_LIMITS_ENABLD", "1"),
        "environment CHATD_LIMITS_ENABLD: unknown key `CHATD_LIMITS_ENABLD`; did you mean \
         `CHATD_LIMITS_ENABLED`?"
    );
}

#[test]
fn all_problems_are_told_at_once() {
    let (_dir, mut sources) = file("[ws]\nping = 1\nfoo = 2\n[log]\nlevel = 3\n");
    sources.env = pairs(&[("CHATD_WS_HELLO", "soon")]);
    sources.set = pairs(&[("limits.send_rate", "0")]);
    let Error(problems) = load(&sources).unwrap_err();
    assert_eq!(problems.len(), 5, "{problems:?}");
}

#[test]
fn values_must_fit_each_other() {
    for (key, value, word) in [
        ("ws.frame", "16 KiB", "limits.message"),
        ("http.body", "16 KiB", "limits.message"),
        ("ws.outbox", "64 KiB", "ws.replay_bytes"),
        ("server.public_url", "chat.example.org", "https://"),
        ("store.url", "postgres://ana:s3cret@db", "sqlite:PATH"),
        ("http.allowed_origins", "https://a.example/x", "origin"),
        ("http.allowed_origins", "*", "origin"),
        ("log.level", "chatd=loud", "info"),
        ("server.data_dir", "", "path"),
    ] {
        let error = wrong_set(key, value);
        assert!(
            error.starts_with(&format!("--set {key}: {key}: ")),
            "{error}"
        );
        assert!(error.contains(word), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    let set = pairs(&[("auth.refresh_token", "1h"), ("auth.access_token", "1h")]);
    assert!(
        load(&Sources {
            set,
            ..Sources::default()
        })
        .is_err()
    );
}

#[test]
fn secrets_are_shown_nowhere() {
    let set = pairs(&[("store.url", "mongodb://ana:s3cret@db/chat")]);
    let loaded = load(&Sources {
        set,
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(
        loaded.config.store.url.expose(),
        "mongodb://ana:s3cret@db/chat"
    );
    let shown = render(&loaded, true);
    assert!(
        shown.contains("url = \"mongodb://ana:***@db/chat\""),
        "{shown}"
    );
    assert!(!shown.contains("s3cret") && !format!("{loaded:?}").contains("s3cret"));
    assert!(!wrong("[store]\nurl = [\"mongodb://ana:s3cret@db\"]\n").contains("s3cret"));
}

#[test]
fn what_is_shown_loads_to_the_same() {
    let set = pairs(&[
        ("ws.ping", "1500ms"),
        ("limits.message", "1234"),
        ("server.data_dir", "a\"b"),
    ]);
    let loaded = load(&Sources {
        set,
        ..Sources::default()
    })
    .unwrap();
    let shown = render(&loaded, true);
    assert!(shown.contains("ping = \"1s500ms\""), "{shown}");
    assert!(
        shown
            .lines()
            .any(|l| l.starts_with("message = 1234") && l.ends_with("# live; --set")),
        "{shown}"
    );
    let (_dir, sources) = file(&shown);
    assert_eq!(load(&sources).unwrap().config, loaded.config);
    assert!(!render(&loaded, false).contains('#'));
}

#[test]
fn the_example_is_the_defaults_and_stays_so_uncommented() {
    let (_dir, sources) = file(&example());
    assert_eq!(load(&sources).unwrap().config, Config::default());
    let uncommented: String = example()
        .lines()
        .map(|l| {
            l.strip_prefix('#')
                .filter(|l| !l.starts_with(' '))
                .unwrap_or(l)
        })
        .fold(String::new(), |text, l| text + l + "\n");
    let (_dir, sources) = file(&uncommented);
    let loaded = load(&sources).unwrap();
    assert_eq!(loaded.config, Config::default());
    assert!(
        loaded
            .origin
            .values()
            .all(|origin| matches!(origin, Origin::File { .. }))
    );
    assert!(example().lines().all(|l| l.len() <= 110));
}

#[test]
fn the_reference_names_every_key() {
    let reference = reference();
    for key in KEYS {
        assert!(
            reference.contains(&format!("### `{}`", key.path)),
            "{key:?}"
        );
        assert!(reference.contains(&key.variable()), "{key:?}");
    }
}

#[test]
fn a_reload_takes_over_what_is_live_and_names_the_rest() {
    let now = Config::default();
    let mut wanted = now.clone();
    wanted.limits.message.0 = 1000;
    wanted.store.readers = 9;
    wanted.store.url = "mongodb://ana:s3cret@db/chat".into();
    let found = differences(&now, &wanted);
    let keys: Vec<_> = found.iter().map(|it| (it.key, it.applies)).collect();
    assert_eq!(
        keys,
        [
            ("store.url", Applies::Restart),
            ("store.readers", Applies::Restart),
            ("limits.message", Applies::Live),
        ]
    );
    assert!(!format!("{found:?}").contains("s3cret"));
    let merged = merge(&now, &wanted).unwrap();
    assert_eq!(merged.limits.message.0, 1000);
    assert_eq!(merged.store, now.store);
    assert_eq!(differences(&now, &now), []);
    // A password that changed is a change, though both are shown alike.
    let mut other = wanted.clone();
    other.store.url = "mongodb://ana:0ther@db/chat".into();
    assert_eq!(differences(&wanted, &other).len(), 1);
}
