//! The dashboard in a terminal: what it shows of a living server, and that it leaves the terminal as it was, however
//! it ends.

use std::process::Command;

use rustix::process::Signal;

use crate::support::{Kind, Server, Terminal, chatd};

/// `chatd top` for a server, as somebody types it.
fn top(server: &Server, args: &[&str]) -> Command {
    let mut command = chatd(server.data_dir().parent().expect("a directory"));
    command
        .arg("top")
        .arg("--data-dir")
        .arg(server.data_dir())
        .args(args)
        .env("LANG", "C.UTF-8")
        .env("TERM", "xterm-256color")
        .env("RUST_BACKTRACE", "0");
    command
}

/// In a terminal, once it shows something.
async fn shown(command: Command) -> (Terminal, String) {
    let (terminal, before) = Terminal::open(command, 80, 24);
    terminal.shows("● running").await;
    assert!(terminal.is_drawn_on());
    assert_ne!(terminal.settings(), before, "nothing was taken over");
    (terminal, before)
}

/// It has ended, and the terminal is as it was.
async fn gave_back(mut terminal: Terminal, before: &str) -> Terminal {
    let status = terminal.ended().await;
    assert!(!status.success() || status.code() == Some(0));
    assert_eq!(terminal.settings(), before);
    terminal
        .until("the first screen", |it| !it.is_drawn_on())
        .await;
    terminal.until("the cursor", Terminal::has_cursor).await;
    terminal
}

#[tokio::test]
async fn the_terminal_is_as_before_after_every_end() {
    let server = Server::start().await;
    for keys in ["q", "\u{3}"] {
        let (mut terminal, before) = shown(top(&server, &[])).await;
        terminal.type_in(keys);
        gave_back(terminal, &before).await;
    }
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let (terminal, before) = shown(top(&server, &[])).await;
        terminal.signal(signal);
        gave_back(terminal, &before).await;
    }
    let mut command = top(&server, &[]);
    command.env("TEST_PANIC_TOP", "1");
    let (terminal, before) = Terminal::open(command, 80, 24);
    let terminal = gave_back(terminal, &before).await;
    terminal.shows("the test asked for it").await;
}

#[tokio::test]
async fn stopped_for_now_it_gives_the_terminal_back_and_takes_it_again() {
    let server = Server::start().await;
    let (mut terminal, before) = shown(top(&server, &[])).await;
    for by_key in [true, false] {
        if by_key {
            terminal.type_in("\u{1a}");
        } else {
            terminal.signal(Signal::TSTP);
        }
        terminal.stopped().await;
        assert_eq!(terminal.settings(), before);
        terminal
            .until("the first screen", |it| !it.is_drawn_on())
            .await;
        terminal.signal(Signal::CONT);
        terminal
            .until("the second screen", Terminal::is_drawn_on)
            .await;
        terminal.shows("● running").await;
        assert_ne!(terminal.settings(), before);
    }
    terminal.type_in("q");
    gave_back(terminal, &before).await;
}

#[tokio::test]
async fn a_window_that_is_closed_ends_it() {
    let server = Server::start().await;
    let (mut terminal, _) = shown(top(&server, &[])).await;
    terminal.close();
    terminal.ended().await;
}

#[tokio::test]
async fn a_restarted_server_is_counted_down_to_and_found_again() {
    let mut server = Server::start().await;
    let (mut terminal, before) = shown(top(&server, &[])).await;
    server.kill9().await;
    terminal.shows("no answer for").await;
    terminal.shows("next try in").await;
    terminal.shows("ago").await;
    server.boot().await;
    terminal.shows("● running, restarted").await;
    terminal.type_in("q");
    gave_back(terminal, &before).await;
}

#[tokio::test]
async fn somebody_is_found_looked_into_and_kicked() {
    let server = Server::start().await;
    let (ana, bob) = (server.user("ana").await, server.user("bob").await);
    let room = ana.room("general", Kind::Public).await;
    bob.join(&room).await;
    let (_hers, mut his) = (ana.listen(&room).await, bob.listen(&room).await);
    let (mut terminal, before) = shown(top(&server, &["--screen", "connections"])).await;
    terminal.shows("2 connections").await;
    terminal.type_in("/user:b*\r");
    terminal.shows("1 of 2 connections").await;
    terminal.type_in("/ lag>soon\r");
    terminal.shows("not understood").await;
    terminal.type_in("\u{1b}");
    let closed = |it: &Terminal| !it.screen().contains("not understood");
    terminal.until("the filter before", closed).await;
    terminal.shows("only user:b*").await;
    terminal.type_in("\u{1b}[B\r");
    terminal.shows("Listens to 1: general").await;
    terminal.type_in("k");
    terminal.shows("chatd conn kick").await;
    terminal.type_in("noise");
    terminal.shows("--reason noise").await;
    terminal.type_in("\r");
    terminal.shows("1 connection closed.").await;
    assert_eq!(his.closed().await.code, Some(4013));
    terminal.type_in("x");
    terminal.shows("gone: it has closed").await;
    terminal.type_in("2");
    let listed = |it: &Terminal| it.screen().contains("MEMBERS") && it.screen().contains("general");
    terminal.until("the rooms", listed).await;
    terminal.type_in("\u{1b}[Bl");
    terminal.shows("chatd room lock general").await;
    terminal.type_in("\r");
    terminal.shows("Done.").await;
    terminal.type_in("x5");
    terminal.shows("conn.kick").await;
    terminal.type_in("\u{3}");
    gave_back(terminal, &before).await;
    let acts = server.cli(&["audit", "list", "--json"]).await;
    assert!(acts.ok().contains("noise"), "{acts}");
}

#[tokio::test]
async fn without_a_terminal_it_is_a_frame_of_text() {
    let server = Server::start().await;
    let ana = server.user("ana").await;
    let room = ana.room("general", Kind::Public).await;
    let _ws = ana.listen(&room).await;
    let plain = server.cli(&["top"]).await;
    let text = plain.ok();
    assert!(
        text.contains("running") && text.contains("connections"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}') && text.is_ascii(), "{text}");
    let rooms = server.cli(&["top", "--once", "--screen", "rooms"]).await;
    assert!(rooms.ok().contains("general"), "{rooms}");
    let frame = server
        .cli(&["top", "--screen", "rooms", "--json"])
        .await
        .json();
    assert_eq!(frame["rooms"]["rows"][0]["name"], "general", "{frame:#}");
    assert!(frame["monotonic_us"].is_u64());
}

#[tokio::test]
async fn where_the_locale_has_only_ascii_so_has_the_screen() {
    let server = Server::start().await;
    let mut command = top(&server, &[]);
    command.env("LANG", "C");
    let (mut terminal, before) = Terminal::open(command, 120, 40);
    terminal.shows("* running").await;
    assert!(terminal.screen().is_ascii(), "{}", terminal.screen());
    // The tests run with NO_COLOR.
    for colour in ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[36m", "\u{1b}[38"] {
        assert!(!terminal.written().contains(colour));
    }
    terminal.type_in("q");
    gave_back(terminal, &before).await;
}
