//! Completion in a real shell: bash, with the script that `chatd completions` prints.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{Kind, Server, within};

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
        let script = std::fs::read_to_string(&file).expect("a script");
        assert!(script.contains("COMPLETE"), "{script}");
    }
}
