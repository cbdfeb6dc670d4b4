use std::{
    fs::Permissions,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
};

use super::*;

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
}

fn admin(view: &[&str]) -> config::Admin {
    config::Admin {
        view: view.iter().map(|&it| it.to_owned()).collect(),
        ..config::Admin::default()
    }
}

/// A socket that belongs to our own group, in a directory that everybody may enter.
fn socket() -> (tempfile::TempDir, PathBuf, String) {
    let dir = tempfile::tempdir().expect("a directory");
    set(dir.path(), 0o755);
    let path = dir.path().join("admin.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    set(&path, 0o660);
    let ours = format!("gid:{}", fs::metadata(&path).expect("it").gid());
    (dir, path, ours)
}

/// Nobody whom this machine knows.
const STRANGERS: &str = "gid:3999999998";
const STRANGER: &str = "uid:3999999999";

#[test]
fn a_group_has_to_enter_the_directory() {
    let (dir, path, ours) = socket();
    let of = |who: &str| survey(&admin(&[who]), &path).remove(0).barrier;
    assert_eq!(of(&ours), None, "it is open");
    set(dir.path(), 0o700);
    // Root, who may be listed as a member, passes everywhere; a stranger does not.
    let stopped = of(STRANGERS).expect("it is shut");
    assert!(!stopped.is_socket, "{stopped:?}");
    assert_eq!(stopped.path, fs::canonicalize(dir.path()).expect("it"));
    assert!(stopped.mend.contains("chmod g+x"), "{stopped:?}");
    assert!(stopped.to_string().contains("cannot enter"), "{stopped}");
    set(dir.path(), 0o750);
    let stopped = of(STRANGERS).expect("it is another group's");
    // Nobody is put into root's group.
    let as_root = rustix::process::getegid().is_root();
    let mend = if as_root {
        "chgrp 3999999998"
    } else {
        "usermod -aG"
    };
    assert!(stopped.mend.contains(mend), "{stopped:?}");
    set(dir.path(), 0o711);
    assert!(of(STRANGERS).expect("the socket is shut").is_socket);
}

#[test]
fn a_user_has_to_be_in_the_sockets_group() {
    let (_dir, path, _) = socket();
    let of = |who: &str| survey(&admin(&[who]), &path).remove(0);
    let stopped = of(STRANGER).barrier.expect("not in the group");
    assert!(stopped.is_socket);
    assert_eq!(stopped.who, ["uid 3999999999"]);
    assert_eq!(of("uid:0").barrier, None, "root passes everywhere");
    set(&path, 0o666);
    assert_eq!(of(STRANGER).barrier, None);
}

#[test]
fn a_name_that_nobody_has_is_told() {
    let (_dir, path, _) = socket();
    let found = survey(&admin(&["group:no-such-group-x"]), &path).remove(0);
    assert!(found.people.is_err_and(|why| why.contains("no group")));
    assert_eq!(found.barrier, None);
    assert!(find_group("no-such-group-x").is_err());
    assert_eq!(user_name(0), "root");
}

#[test]
fn before_the_socket_is_made_the_settings_say_whose_it_will_be() {
    let (_dir, path, ours) = socket();
    fs::remove_file(&path).expect("it goes");
    let mut admin = admin(&[&ours, STRANGERS]);
    admin.group = ours.trim_start_matches("gid:").to_owned();
    let found = survey(&admin, &path);
    assert_eq!(found[0].barrier, None);
    let stopped = found[1].barrier.as_ref().expect("another group's");
    assert!(stopped.mend.contains("admin.group"), "{stopped:?}");
}
