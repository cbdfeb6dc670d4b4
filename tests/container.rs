//! What the container files say of chatd is so: their settings exist and go together, and their commands work. The
//! containers themselves are not started here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::{Server, run_with};

const FILES: [&str; 3] = ["Containerfile", "compose.yaml", "compose.mongodb.yaml"];

fn read(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging/container")
        .join(name);
    fs::read_to_string(path).expect("it is there")
}

/// The settings that a file makes, by their names in the environment.
fn settings(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(str::trim);
    let lines = lines.map(|line| {
        line.trim_start_matches("ENV ")
            .trim_end_matches('\\')
            .trim()
    });
    let pair = |line: &str| {
        let at = line.find(['=', ':'])?;
        let (name, value) = (&line[..at], line[at + 1..].trim());
        let is_name = name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        (name.starts_with("CHATD_") && is_name).then(|| (name.to_owned(), value.to_owned()))
    };
    lines.filter_map(pair).collect()
}

/// The arguments that a file has its health checks run chatd with.
fn health_checks(text: &str) -> Vec<Vec<String>> {
    let checks = text.lines().filter(|line| line.contains("\"health\""));
    let words = |line: &str| {
        let words = line.split('"').skip(1).step_by(2).map(str::to_owned);
        words
            .skip_while(|word| !word.ends_with("/chatd"))
            .skip(1)
            .collect()
    };
    checks.map(words).collect()
}

#[tokio::test]
async fn every_setting_of_the_container_files_is_one() {
    let image = settings(&read("Containerfile"));
    assert!(
        image.len() >= 4,
        "this test no longer finds settings: {image:?}"
    );
    let dir = tempfile::tempdir().expect("a directory");
    for file in FILES {
        let mut env = image.clone();
        env.extend(settings(&read(file)));
        run_with(dir.path(), &env, &["config", "check"], "")
            .await
            .ok();
        // It would be noticed if one of them were none.
        for at in 0..env.len() {
            let mut odd = env.clone();
            odd[at].0.push('X');
            run_with(dir.path(), &odd, &["config", "check"], "")
                .await
                .failed(78);
        }
    }
    let url = settings(&read("compose.mongodb.yaml"));
    assert!(
        url.iter().any(|(name, _)| name == "CHATD_STORE_URL"),
        "{url:?}"
    );
}

#[tokio::test]
async fn every_health_check_of_the_container_files_works() {
    let mut server = Server::start().await;
    for file in FILES {
        let checks = health_checks(&read(file));
        assert_eq!(checks.len(), 1, "{file}: {checks:?}");
        for check in &checks {
            let check: Vec<_> = check.iter().map(String::as_str).collect();
            assert_eq!(check.first(), Some(&"health"), "{file}");
            server.cli(&check).await.ok();
        }
    }
    server.stop().await;
    for check in health_checks(&read("Containerfile")) {
        let check: Vec<_> = check.iter().map(String::as_str).collect();
        server.cli(&check).await.failed(6);
    }
}

#[test]
fn the_image_has_no_shell_no_rights_and_keeps_its_data() {
    let text = read("Containerfile");
    let last = text.rsplit("\nFROM ").next().expect("a stage");
    assert!(last.starts_with("gcr.io/distroless/"), "{last}");
    for line in [
        "USER 65532:65532",
        "VOLUME /var/lib/chatd",
        "STOPSIGNAL SIGTERM",
        "ENTRYPOINT [\"/usr/bin/chatd\"]",
        "CMD [\"serve\"]",
    ] {
        assert!(last.lines().any(|it| it == line), "no {line}");
    }
    // Nothing runs in it but chatd.
    assert!(!last.contains("\nRUN "), "{last}");
    for file in ["compose.yaml", "compose.mongodb.yaml"] {
        let text = read(file);
        assert!(!text.contains('\t'), "{file}: YAML has no tabs");
        assert!(text.contains("data:/var/lib/chatd"), "{file}: no volume");
        assert!(text.contains("127.0.0.1:8080:8080"), "{file}: open to all");
    }
}
