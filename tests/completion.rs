//! Completion in real shells: bash, and zsh and fish where they are installed, with the scripts that `chatd
//! completions` prints.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Kind, Server, Terminal, within};

/// A shell in `home`, with our binary on its path; none, and a line that says so, where there is no such shell.
fn shell(name: &str, home: &Path) -> Option<Command> {
    let old = std::env::var("PATH").unwrap_or_default();
    if !std::env::split_paths(&old).any(|dir| dir.join(name).exists()) {
        let line = format!("SKIPPED: a test, as {name} is not installed\n");
        let _nobody_listens = std::io::stderr().write_all(line.as_bytes());
        return None;
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_chatd"));
    let bin = bin.parent().expect("a directory").display();
    let mut command = Command::new(name);
    command
        .env_clear()
        .env("PATH", format!("{bin}:{old}"))
        .env("HOME", home)
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm")
        .current_dir(home);
    Some(command)
}

/// Installs the script for a shell, as its user would.
fn install(name: &str, home: &Path) {
    let mut command = crate::support::chatd(home);
    command.args(["completions", name, "--install"]);
    assert!(command.output().expect("it runs").status.success());
}

/// A server with people and a room, and what is typed after `chatd` to reach it.
async fn peopled() -> (Server, PathBuf, String) {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    server.user("anton").await;
    ana.room("general", Kind::Public).await;
    let dir = server.data_dir();
    let typed = format!("chatd --data-dir {}", dir.display());
    (server, dir, typed)
}

#[tokio::test(flavor = "multi_thread")]
async fn fish_completes_commands_flags_and_names() {
    let (server, home, chatd) = peopled().await;
    if shell("fish", &home).is_none() {
        return;
    }
    install("fish", &home);
    let offered = |line: &str| {
        let mut fish = shell("fish", &home).expect("it was there");
        // The script is found where it was installed.
        fish.args(["-c", "complete -C $argv[1]", "--", line]);
        let ran = fish.stdin(Stdio::null()).output().expect("it runs");
        assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
        let text = String::from_utf8(ran.stdout).expect("text");
        // A description stands behind a tab.
        let words = text.lines().filter_map(|line| line.split('\t').next());
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    for (typed, wanted) in [
        ("room unl", &["unlock"][..]),
        ("user mute ana --reas", &["--reason"]),
        ("user show an", &["ana", "anton"]),
        ("room lock g", &["general"]),
        ("hold add --room gen", &["general"]),
    ] {
        let line = format!("{chatd} {typed}");
        let asked = async {
            while tokio::task::block_in_place(|| offered(&line)) != wanted {
                tokio::task::yield_now().await;
            }
        };
        within(&format!("{typed:?} to offer {wanted:?}"), asked).await;
    }
    drop(server);
}

#[tokio::test(flavor = "multi_thread")]
async fn zsh_completes_commands_flags_and_names() {
    let (server, home, chatd) = peopled().await;
    let Some(mut zsh) = shell("zsh", &home) else {
        return;
    };
    install("zsh", &home);
    // As it says after installing.
    let start = "fpath+=(~/.zfunc)\nautoload -Uz compinit\ncompinit -u\nPS1='ready> '\nsetopt LIST_AMBIGUOUS\n";
    fs::write(home.join(".zshrc"), start).expect("a file");
    zsh.arg("-i");
    let (mut terminal, _) = Terminal::open(zsh, 200, 24);
    terminal.shows("ready>").await;
    // The very first Tab completes, though the script is only read by it.
    terminal.type_in(&format!("{chatd} room unl\t"));
    terminal.shows("room unlock").await;
    for (typed, wanted) in [
        ("user mute ana --reas", "user mute ana --reason"),
        ("room lock g", "room lock general"),
        ("hold add --room gen", "hold add --room general"),
        ("user show ant", "user show anton"),
        // Two that fit are listed.
        ("user show an", "anton"),
    ] {
        let asked = async {
            loop {
                // The line is emptied, the screen too; then it is typed.
                terminal.type_in("\u{15}\u{c}");
                terminal
                    .until("an empty line", |it| it.screen().trim() == "ready>")
                    .await;
                terminal.type_in(&format!("{chatd} {typed}\t"));
                let seen = terminal.shows(wanted);
                let patience = std::time::Duration::from_secs(3);
                // A busy machine may take longer than a shell waits for names: then it is asked again.
                if tokio::time::timeout(patience, seen).await.is_ok() {
                    return;
                }
            }
        };
        within(&format!("{typed:?} to offer {wanted:?}"), asked).await;
    }
    let screen = terminal.screen();
    assert!(
        !screen.contains("command not found") && !screen.contains("_chatd:"),
        "{screen}"
    );
    terminal.type_in("\u{15}exit\n");
    terminal.ended().await;
    drop(server);
}

/// What bash would offer after these words, of which the last is being typed.
fn offered(path: &Path, words: &[&str]) -> Vec<String> {
    let script = r#"
        source <(chatd completions bash) || exit 1
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
        _clap_complete_chatd chatd "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let bin = Path::new(env!("CARGO_BIN_EXE_chatd"))
        .parent()
        .expect("a directory");
    let old = std::env::var("PATH").unwrap_or_default();
    let ran = Command::new("bash")
        .args(["--norc", "-c", script, "bash", "chatd"])
        .args(words)
        .env_clear()
        .env("PATH", format!("{}:{old}", bin.display()))
        .env("HOME", path)
        .current_dir(path)
        .stdin(Stdio::null())
        .output()
        .expect("bash is there");
    assert!(ran.status.success() && ran.stderr.is_empty(), "{ran:?}");
    let text = String::from_utf8(ran.stdout).expect("text");
    text.lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim().to_owned())
        .collect()
}

/// Asks until it is offered: a busy machine may take longer than a shell waits.
async fn offers(server: &Server, words: &[&str], wanted: &[&str]) {
    let dir = server.data_dir();
    let dir = dir.to_str().expect("text");
    let typed = [&["--data-dir", dir], words].concat();
    let mut last = Vec::new();
    let asked = async {
        loop {
            last = tokio::task::block_in_place(|| offered(Path::new(dir), &typed));
            if last == wanted {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    within(&format!("{words:?} to offer {wanted:?}"), asked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bash_completes_commands_flags_and_names() {
    let mut server = Server::start().await;
    let ana = server.user("ana").await;
    server.user("anton").await;
    server.user("bo").await;
    ana.room("general", Kind::Public).await;
    offers(&server, &["room", "unl"], &["unlock"]).await;
    offers(&server, &["user", "mute", "bo", "--reas"], &["--reason"]).await;
    offers(&server, &["user", "show", "an"], &["ana", "anton"]).await;
    offers(&server, &["room", "lock", "g"], &["general"]).await;
    offers(&server, &["hold", "add", "--room", "gen"], &["general"]).await;
    offers(&server, &["user", "role", "bo", "mod"], &["moderator"]).await;
    offers(
        &server,
        &["session", "revoke", "ana", &ana.session[..8]],
        &[&ana.session],
    )
    .await;
    // Without a server there are no names, no errors, and no store is opened for them.
    server.stop().await;
    let dir = server.data_dir();
    let typed = [
        "--data-dir",
        dir.to_str().expect("text"),
        "user",
        "show",
        "an",
    ];
    assert_eq!(offered(&dir, &typed), Vec::<String>::new());
    server.boot().await;
}

#[test]
fn completions_are_installed_where_the_shell_looks() {
    let home = tempfile::tempdir().expect("a directory");
    for (shell, place) in [
        ("bash", ".local/share/bash-completion/completions/chatd"),
        ("fish", ".config/fish/completions/chatd.fish"),
        ("zsh", ".zfunc/_chatd"),
    ] {
        let run = |more: &[&str]| {
            let mut command = crate::support::chatd(home.path());
            command.args(["completions", shell, "--install"]).args(more);
            command.output().expect("it runs")
        };
        let file = home.path().join(place);
        assert!(run(&["--dry-run"]).status.success() && !file.exists());
        assert!(run(&[]).status.success());
        let script = fs::read_to_string(&file).expect("a script");
        assert!(script.contains("COMPLETE"), "{script}");
    }
}
