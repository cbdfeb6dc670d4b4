use std::{path::Path, sync::Arc};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    task::{AbortHandle, JoinSet},
};

use super::*;
use crate::testing::frame;

const AGAIN: &[Duration] = &[Duration::from_millis(10)];

const LONG: &[Duration] = &[Duration::from_hours(1)];

const QUICK: Pace = Pace {
    patience: Duration::from_secs(20),
    again: AGAIN,
    tick: Duration::from_millis(3),
};

/// A server that knows nothing but how it is; gone, with its connections, when aborted. What it was asked it notes.
fn serve(tasks: &mut JoinSet<()>, socket: &Path, asked: &Arc<noted::Notes>) -> AbortHandle {
    let listener = UnixListener::bind(socket).expect("a socket");
    let asked = Arc::clone(asked);
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(answer(stream, Arc::clone(&asked)));
        }
    })
}

mod noted {
    use std::sync::Mutex;

    /// The first line of each request.
    #[derive(Debug, Default)]
    pub(super) struct Notes(Mutex<Vec<String>>);

    impl Notes {
        pub(super) fn add(&self, line: &str) {
            self.0.lock().expect("nobody panics").push(line.to_owned());
        }

        pub(super) fn any(&self, words: &str) -> bool {
            let notes = self.0.lock().expect("nobody panics");
            notes.iter().any(|line| line.contains(words))
        }
    }
}

/// Answers a question with a frame and then no more, or refuses a filter.
async fn answer(stream: UnixStream, asked: Arc<noted::Notes>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    let mut first = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if first.is_empty() {
            first.clone_from(&line);
            asked.add(&line);
        }
        if !line.is_empty() {
            continue;
        }
        let text = if first.contains("wrong") {
            let body =
                r#"{"code":"invalid","detail":"wrong is not understood","field":"conns_filter"}"#;
            let head = "HTTP/1.1 400 Bad Request\r\ncontent-length:";
            format!("{head} {}\r\n\r\n{body}", body.len())
        } else {
            let body = serde_json::to_string(&frame(1)).expect("it is plain data") + "\n";
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            format!("{head}{:x}\r\n{body}\r\n", body.len())
        };
        write.write_all(text.as_bytes()).await.ok();
        first.clear();
    }
}

fn quickly() -> Watch {
    Watch {
        every_ms: Some(100),
        ..Watch::default()
    }
}

fn ordered(number: u64, filter: &str) -> Order {
    Order {
        number,
        watch: Watch {
            conns_filter: Some(filter.into()),
            ..quickly()
        },
    }
}

#[tokio::test]
async fn a_server_that_comes_back_is_shown_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    let (mut tasks, asked) = (JoinSet::new(), Arc::default());
    let first = serve(&mut tasks, &socket, &asked);
    let connect = async || Client::connect(&socket).await;
    let watch = quickly();
    let (conn, _) = Conn::open(&connect, Clock::system(), QUICK, &watch)
        .await
        .expect("it answers");
    let (told, mut tell) = mpsc::channel(1);
    let (_orders, orders) = tokio::sync::watch::channel(Order { number: 0, watch });
    let retry = Notify::new();
    let seen = async {
        first.abort();
        tasks.join_next().await;
        let (mut counted, mut refused) = (false, false);
        while !(counted && refused) {
            match tell.recv().await {
                Some(Event::Lost { why, .. }) => refused |= why.contains("admin.sock"),
                Some(Event::Tick(_)) => counted = true,
                _ => {}
            }
        }
        std::fs::remove_file(&socket).expect("the socket it left");
        serve(&mut tasks, &socket, &asked);
        while !matches!(tell.recv().await, Some(Event::Frame { .. })) {}
    };
    tokio::select! {
        () = conn.watch(told, orders, &retry) => panic!("it stopped watching"),
        () = seen => {}
    }
}

#[tokio::test]
async fn a_server_that_says_no_more_counts_as_away_and_a_key_asks_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    let (mut tasks, asked) = (JoinSet::new(), Arc::default());
    serve(&mut tasks, &socket, &asked);
    let connect = async || Client::connect(&socket).await;
    let pace = Pace {
        patience: Duration::from_millis(500),
        again: LONG,
        tick: Duration::from_hours(1),
    };
    let watch = quickly();
    let (conn, _) = Conn::open(&connect, Clock::system(), pace, &watch)
        .await
        .expect("it answers");
    let (told, mut tell) = mpsc::channel(1);
    let (_orders, orders) = tokio::sync::watch::channel(Order { number: 0, watch });
    let retry = Notify::new();
    let seen = async {
        let Some(Event::Lost { why, .. }) = tell.recv().await else {
            panic!("it says something");
        };
        assert!(why.contains("says nothing"), "{why}");
        retry.notify_one();
        assert!(matches!(tell.recv().await, Some(Event::Frame { .. })));
    };
    tokio::select! {
        () = conn.watch(told, orders, &retry) => panic!("it stopped watching"),
        () = seen => {}
    }
}

#[tokio::test]
async fn a_new_order_is_a_new_question_and_a_refusal_waits_for_the_next() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    let (mut tasks, asked) = (JoinSet::new(), Arc::default());
    serve(&mut tasks, &socket, &asked);
    let connect = async || Client::connect(&socket).await;
    let watch = quickly();
    let (conn, _) = Conn::open(&connect, Clock::system(), QUICK, &watch)
        .await
        .expect("it answers");
    let (told, mut tell) = mpsc::channel(1);
    let (orders, waiting) = tokio::sync::watch::channel(Order { number: 0, watch });
    let retry = Notify::new();
    let seen = async {
        orders.send_replace(ordered(1, "user:ana lag>50ms"));
        let Some(Event::Frame { order, .. }) = tell.recv().await else {
            panic!("it is not answered");
        };
        assert_eq!(order, 1);
        assert!(
            asked.any("conns_filter=user%3Aana%20lag%3E50ms"),
            "{asked:?}"
        );
        orders.send_replace(ordered(2, "wrong"));
        let Some(Event::Refused { order, why }) = tell.recv().await else {
            panic!("it is not refused");
        };
        assert_eq!((order, why.as_str()), (2, "wrong is not understood"));
        orders.send_replace(ordered(3, "user:bo"));
        let Some(Event::Frame { order, .. }) = tell.recv().await else {
            panic!("it is not answered");
        };
        assert_eq!(order, 3);
    };
    tokio::select! {
        () = conn.watch(told, waiting, &retry) => panic!("it stopped watching"),
        () = seen => {}
    }
}

#[tokio::test]
async fn a_server_that_hangs_leaves_what_is_asked_unknown() {
    let directory = tempfile::tempdir().expect("a directory");
    let socket = directory.path().join("admin.sock");
    // Takes connections, as the kernel does for it, and never reads from them.
    let _deaf = UnixListener::bind(&socket).expect("a socket");
    let connect = async || Client::connect(&socket).await;
    let (asks, asked) = mpsc::channel(1);
    let (told, mut tell) = mpsc::channel(1);
    let request = Request {
        method: Method::Post,
        path: "/v1/notices".into(),
        body: serde_json::json!({"text": "hi"}),
    };
    asks.send(Ask { number: 7, request }).await.expect("room");
    let seen = async {
        let Some(Event::Answer { number, answer }) = tell.recv().await else {
            panic!("nothing came of it");
        };
        let why = answer.expect_err("nobody answered");
        assert!(number == 7 && why.contains("not known"), "{why}");
    };
    tokio::select! {
        () = super::answer(&connect, asked, told, Duration::from_millis(300)) => panic!("it stopped asking"),
        () = seen => {}
    }
}
