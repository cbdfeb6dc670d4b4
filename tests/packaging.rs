//! The packages: each has what a service needs, in its place, and what an administrator writes survives an upgrade.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(name)
}

/// Runs it to its end: what it printed. None when the program is not there.
fn run(command: &mut Command) -> Option<String> {
    let output = command.env("LC_ALL", "C.UTF-8").output().ok()?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// Where each file of a package lies, and what may do what with it.
const FILES: &[(&str, &str)] = &[
    ("-rwxr-xr-x", "usr/bin/chatd"),
    ("-rw-r--r--", "usr/lib/systemd/system/chatd.service"),
    ("-rw-r--r--", "usr/lib/systemd/system/chatd.socket"),
    ("-rw-r--r--", "usr/lib/systemd/system/chatd-http.socket"),
    ("-rw-r--r--", "usr/lib/systemd/user/chatd.service"),
    ("-rw-r--r--", "usr/lib/sysusers.d/chatd.conf"),
    ("-rw-r--r--", "usr/lib/tmpfiles.d/chatd.conf"),
    ("-rw-r--r--", "usr/share/man/man1/chatd.1.gz"),
    ("-rw-r--r--", "usr/share/man/man1/chatd-user-add.1.gz"),
    ("-rw-r--r--", "usr/share/bash-completion/completions/chatd"),
    ("-rw-r-----", "etc/chatd/chatd.toml"),
];

#[test]
fn the_debian_package_has_all_that_a_service_needs() {
    static SAID: Once = Once::new();
    let there = Command::new("dpkg-deb").arg("--version").output();
    if there.is_err() {
        SAID.call_once(|| {
            let line = "SKIPPED: the Debian package, as dpkg-deb is not installed\n";
            let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
        });
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let mut make = Command::new(script("deb"));
    make.args([Path::new(env!("CARGO_BIN_EXE_chatd")), dir.path()])
        // The binary of a test is large.
        .env("DPKG_DEB_COMPRESSOR_TYPE", "none");
    run(&mut make).expect("the script is there");
    let package = dir.path().read_dir().expect("a directory").next();
    let package = package.expect("it was made").expect("an entry").path();
    let mut list = Command::new("dpkg-deb");
    let list = run(list.arg("--contents").arg(&package)).expect("there");
    for (mode, file) in FILES {
        let found = list
            .lines()
            .find(|line| line.ends_with(&format!(" ./{file}")));
        let found = found.unwrap_or_else(|| panic!("no {file} in\n{list}"));
        assert!(
            found.starts_with(mode) && found.contains(" root/root "),
            "{found}"
        );
    }
    let mut info = Command::new("dpkg-deb");
    let conffiles = run(info.arg("--info").arg(&package).arg("conffiles")).expect("there");
    assert_eq!(conffiles.trim(), "/etc/chatd/chatd.toml");
    // What a fresh install starts with.
    let tree = dir.path().join("tree");
    let mut unpack = Command::new("dpkg-deb");
    run(unpack.arg("--extract").arg(&package).arg(&tree)).expect("there");
    let mut show = Command::new(env!("CARGO_BIN_EXE_chatd"));
    show.env_clear()
        .args(["config", "show", "--config"])
        .arg(tree.join("etc/chatd/chatd.toml"));
    let settings = run(&mut show).expect("there");
    for line in ["data_dir = \"/var/lib/chatd\"", "registration = \"invite\""] {
        assert!(settings.contains(line), "{settings}");
    }
    for name in ["postinst", "prerm", "postrm"] {
        run(Command::new("sh")
            .arg("-n")
            .arg(script("debian").join(name)))
        .expect("a shell");
    }
}
