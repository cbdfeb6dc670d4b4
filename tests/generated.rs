//! Guards what is generated from the types: the committed copies are as the code would write them now. After a
//! change, `CHATD_UPDATE=1 cargo test --test integration generated` writes them anew.

use std::{fs, path::Path};

fn is_current(file: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    if std::env::var_os("CHATD_UPDATE").is_some() {
        fs::write(&path, now).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    let how = "run CHATD_UPDATE=1 cargo test --test integration generated";
    assert!(committed == now, "{file} is stale: {how}");
}

#[test]
fn the_configuration_reference() {
    is_current("docs/configuration.md", &chatd::config::reference());
}

#[test]
fn the_metrics_reference() {
    is_current("docs/metrics.md", &chatd::metrics::reference());
}

#[test]
fn the_openapi_document() {
    let document = chatd::http::openapi().to_pretty_json().unwrap() + "\n";
    is_current("docs/openapi.json", &document);
}

#[test]
fn the_permission_reference() {
    is_current("docs/permissions.md", &chatd::rights::reference());
}

#[test]
fn the_command_reference() {
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_chatd"))
        .args(["man", "--markdown"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    is_current("docs/cli.md", &String::from_utf8(made.stdout).unwrap());
}
