use std::path::Path;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
};

use super::*;
use crate::testing::status;

const QUICK: Pace = Pace {
    every: Duration::from_millis(5),
    patience: Duration::from_millis(500),
};

/// A server that knows nothing but how it is; gone, with its connections, when aborted.
fn serve(tasks: &mut JoinSet<()>, socket: &Path) -> AbortHandle {
    let listener = UnixListener::bind(socket).expect("a socket");
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer(stream));
        }
    })
}

/// Answers every request on a connection alike.
async fn answer(stream: UnixStream) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line.is_empty() {
            let body = serde_json::to_string(&status(1)).expect("it is plain data");
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            write.write_all((head + &body).as_bytes()).await.ok();
        }
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_shown_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    let mut tasks = JoinSet::new();
    let first = serve(&mut tasks, &socket);
    let connect = async || Client::connect(&socket).await;
    let (conn, _) = Conn::open(connect, Clock::system(), QUICK)
        .await
        .expect("it answers");
    let (told, mut tell) = mpsc::channel(1);
    let watch = async {
        assert!(matches!(tell.recv().await, Some(Event::Status(_))));
        first.abort();
        tasks.join_next().await;
        let why = loop {
            if let Some(Event::Lost { why, .. }) = tell.recv().await {
                break why;
            }
        };
        assert!(why.contains("admin.sock"), "{why}");
        std::fs::remove_file(&socket).expect("the socket it left");
        serve(&mut tasks, &socket);
        while !matches!(tell.recv().await, Some(Event::Status(_))) {}
    };
    tokio::select! {
        () = conn.poll(told) => panic!("it stopped asking"),
        () = watch => {}
    }
}

#[tokio::test]
async fn a_server_that_hangs_counts_as_away() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    // Takes connections, as the kernel does for it, and never reads from them.
    let _deaf = UnixListener::bind(&socket).expect("a socket");
    let mut conn = Conn {
        connect: async || Client::connect(&socket).await,
        client: None,
        clock: Clock::fixed(status(9).at),
        pace: QUICK,
    };
    let Event::Lost { at, why } = conn.event().await else {
        panic!("nobody answered");
    };
    assert_eq!(
        (at, why.as_str()),
        (status(9).at, "it did not answer within 500ms")
    );
}
