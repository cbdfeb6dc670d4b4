use std::{
    os::unix::{fs::symlink, net::UnixStream},
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
};

use super::*;

fn directory() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("admin.sock");
    (dir, path)
}

fn bound(path: &Path) -> Result<(UnixListener, Place), SocketError> {
    bind(path, None, None)
}

/// A socket's file at which nobody answers.
fn leave_behind(path: &Path) {
    let _gone = fs::remove_file(path);
    drop(UnixListener::bind(path).expect("a socket"));
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let (dir, path) = directory();
    let file = dir.path().join("file");
    fs::write(&file, "mine").expect("a file");
    fs::write(&path, "mine").expect("a file");
    let taken = |why: &str| {
        let refused = bound(&path).expect_err(why);
        assert!(matches!(refused, SocketError::Taken(_)), "{why}: {refused}");
    };
    taken("a file");
    assert_eq!(fs::read(&path).expect("it is there"), b"mine");
    fs::remove_file(&path).expect("it is there");
    // Where a link leads is not ours to replace either, a dead socket or not.
    let elsewhere = dir.path().join("elsewhere");
    leave_behind(&elsewhere);
    for target in [&file, &elsewhere] {
        symlink(target, &path).expect("a link");
        taken("a link");
        assert!(
            fs::symlink_metadata(&path)
                .expect("it is there")
                .is_symlink()
        );
        fs::remove_file(&path).expect("it is there");
    }
    fs::create_dir(&path).expect("a directory");
    taken("a directory");
}

#[test]
fn a_dead_socket_is_replaced_and_a_live_one_never() {
    let (_dir, path) = directory();
    leave_behind(&path);
    let (live, place) = bound(&path).expect("nobody answers there");
    // Also when its queue is full, and connecting would wait.
    let mut waiting = Vec::new();
    let full = loop {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let client = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let client = client.expect("a socket");
        match connect(&client, &SocketAddrUnix::new(&path).expect("a path")) {
            Ok(()) => waiting.push(client),
            Err(e) => break e,
        }
        let refused = bound(&path).expect_err("somebody answers there");
        assert!(matches!(refused, SocketError::InUse(_)), "{refused}");
        let (_accepted, _) = live
            .accept()
            .expect("the one that looked, or the one before it");
        for _ in 0..64 {
            let more = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
            let more = more.expect("a socket");
            if connect(&more, &SocketAddrUnix::new(&path).expect("a path")).is_ok() {
                waiting.push(more);
            }
        }
    };
    assert_eq!(full, Errno::AGAIN);
    let refused = bound(&path).expect_err("somebody answers there");
    assert!(matches!(refused, SocketError::InUse(_)), "{refused}");
    drop(live);
    let (second, _) = bound(&path).expect("nobody answers there now");
    // Whoever goes takes only their own file away.
    place.clear();
    UnixStream::connect(&path).expect("the second one is there");
    drop(second);
}

#[test]
fn of_servers_that_start_at_the_same_moment_one_gets_the_place() {
    const SERVERS: usize = 4;
    let (_dir, path) = directory();
    for round in 0..50 {
        leave_behind(&path);
        let start = Barrier::new(SERVERS);
        let begun: Vec<_> = thread::scope(|scope| {
            let server = || {
                scope.spawn(|| {
                    start.wait();
                    bound(&path)
                })
            };
            let servers: Vec<_> = (0..SERVERS).map(|_| server()).collect();
            let ends = servers.into_iter().map(|it| it.join().expect("no panic"));
            ends.collect()
        });
        let there: Vec<_> = begun.iter().flatten().collect();
        let lost = begun.iter().filter_map(|it| it.as_ref().err());
        assert_eq!(there.len(), 1, "round {round}");
        for refused in lost {
            assert!(matches!(refused, SocketError::InUse(_)), "{refused}");
        }
        let _client = UnixStream::connect(&path).expect("it answers");
        there[0]
            .0
            .accept()
            .expect("the one that got the place is the one that answers");
    }
}

#[test]
fn it_is_never_open_to_everyone() {
    const ROUNDS: usize = 3000;
    let (dir, path) = directory();
    let private = dir.path().join(format!(".chatd-{}", std::process::id()));
    let done = AtomicBool::new(false);
    // Looks as fast as it can, and says how often something was there.
    let watch = |file: &Path, open: u32| {
        let mut seen = 0;
        while !done.load(Ordering::Relaxed) {
            if let Ok(found) = fs::symlink_metadata(file) {
                assert_eq!(found.mode() & open, 0, "{found:?}");
                seen += 1;
            }
        }
        seen
    };
    thread::scope(|scope| {
        let socket = scope.spawn(|| watch(&path, 0o007));
        // Nobody else gets to where it is made.
        let inside = scope.spawn(|| watch(&private, 0o077));
        for _ in 0..ROUNDS {
            let (socket, place) = bound(&path).expect("nobody answers there");
            drop(socket);
            place.clear();
        }
        done.store(true, Ordering::Relaxed);
        for watcher in [socket, inside] {
            let seen = watcher.join().expect("nothing was open");
            assert!(seen > 0, "nothing was seen");
        }
    });
    let left = fs::read_dir(dir.path()).expect("it is there").count();
    assert_eq!(left, 0, "what it was made in is gone");
}

#[test]
fn a_directory_of_others_is_refused() {
    let (dir, path) = directory();
    let mode = |mode| fs::set_permissions(dir.path(), Permissions::from_mode(mode));
    mode(0o777).expect("it is ours");
    let refused = bound(&path).expect_err("everyone may write there");
    assert!(matches!(refused, SocketError::Exposed { .. }), "{refused}");
    // As in /tmp: nobody may rename or remove what is another's.
    mode(0o1777).expect("it is ours");
    drop(bound(&path).expect("it has the sticky bit"));
    mode(0o755).expect("it is ours");
    if rustix::process::geteuid().is_root() {
        chown(dir.path(), Some(1234), None).expect("root may");
        let refused = bound(&path).expect_err("it belongs to somebody else");
        assert!(refused.to_string().contains("uid 1234"), "{refused}");
        bind(&path, None, Some(1234)).expect("to whom the data belong");
    } else {
        eprintln!("SKIPPED: a directory of another user, as this is not run as root");
    }
}

#[test]
fn a_path_that_cannot_be_is_refused_and_a_missing_directory_made() {
    let (dir, _) = directory();
    let long = dir.path().join("x".repeat(LONGEST));
    let refused = bound(&long).expect_err("too long");
    assert!(matches!(refused, SocketError::TooLong(_)), "{refused}");
    let missing = dir.path().join("a/b");
    let (_socket, _) = bound(&missing.join("s")).expect("the directories are made");
    let made = fs::metadata(&missing).expect("it is there");
    assert_eq!(made.mode() & 0o777, 0o700);
    let through = dir.path().join("file");
    fs::write(&through, "").expect("a file");
    bound(&through.join("s")).expect_err("a file is no directory");
}

#[test]
fn it_may_be_given_to_a_group() {
    let (_dir, path) = directory();
    let group = rustix::process::getegid().as_raw();
    let (_socket, _) = bind(&path, Some(group), None).expect("our own group");
    let file = fs::symlink_metadata(&path).expect("it is there");
    assert_eq!((file.gid(), file.mode() & 0o777), (group, 0o660));
    if rustix::process::geteuid().is_root() {
        let (_dir, path) = directory();
        let (_socket, _) = bind(&path, Some(4321), None).expect("root may");
        let file = fs::symlink_metadata(&path).expect("it is there");
        assert_eq!((file.gid(), file.mode() & 0o777), (4321, 0o660));
    } else {
        eprintln!("SKIPPED: a group that we are not in, as this is not run as root");
    }
}
