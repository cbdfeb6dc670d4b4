//! A wire between chatd and its database, with faults to choose: what is asked may not arrive, or arrive late;
//! its answer may be lost, or be another.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI32, Ordering},
};

use mongodb::bson::Document;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use super::message::Message;

/// What the database says of how many documents go into one message.
const BATCH: &[u8] = b"\x10maxWriteBatchSize\0";

/// What befalls one request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It does not arrive; its connection ends.
    Cut,
    /// It does not arrive; its connection is reset.
    Reset,
    /// It arrives, and is done; the connection ends before the answer.
    LoseAnswer,
    /// It arrives when it is let go.
    Delay,
    /// It does not arrive; this is the answer.
    Answer(Document),
    /// It arrives, and is done; this is the answer.
    AnswerAfter(Document),
}

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Open,
    /// As if there were no database: every connection ends at once.
    Down,
    /// Connections are there, and nothing comes through.
    Silent,
}

/// A fault that waits for its request.
struct Rule {
    /// What is asked, as in `insert entries`, or only `insert`.
    request: String,
    /// How many pass before.
    after: usize,
    fault: Fault,
    stage: watch::Sender<Stage>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
enum Stage {
    Waits,
    Struck,
    LetGo,
}

/// A fault that was asked for. What is delayed is let go when this is dropped.
pub(crate) struct Asked(watch::Sender<Stage>);

impl Asked {
    pub(crate) fn has_struck(&self) -> bool {
        *self.0.borrow() >= Stage::Struck
    }

    /// Waits until it has struck.
    pub(crate) async fn struck(&self) {
        let mut stage = self.0.subscribe();
        stage
            .wait_for(|stage| *stage >= Stage::Struck)
            .await
            .expect("we hold the sender");
    }

    /// Lets what is delayed go on.
    pub(crate) fn let_go(&self) {
        self.0.send_replace(Stage::LetGo);
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// A proxy to one port of this machine.
pub(crate) struct Proxy {
    port: u16,
    wire: Arc<Wire>,
    accepting: JoinHandle<()>,
}

struct Wire {
    database: u16,
    rules: Mutex<Vec<Rule>>,
    line: watch::Sender<Line>,
    /// How often everything was cut.
    cuts: watch::Sender<u32>,
    /// How many documents may go into one message; 0 for as many as the database says.
    batch: AtomicI32,
}

impl Proxy {
    pub(crate) async fn to(database: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let wire = Arc::new(Wire {
            database,
            rules: Mutex::default(),
            line: watch::Sender::new(Line::Open),
            cuts: watch::Sender::new(0),
            batch: AtomicI32::new(0),
        });
        let shared = Arc::clone(&wire);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).pass(client));
            }
        });
        Self {
            port,
            wire,
            accepting,
        }
    }

    /// What befalls the next request of this name, as in `insert entries`, `commitTransaction`.
    pub(crate) fn next(&self, request: &str, fault: Fault) -> Asked {
        self.after(0, request, fault)
    }

    /// The same, when so many have passed.
    pub(crate) fn after(&self, after: usize, request: &str, fault: Fault) -> Asked {
        let stage = watch::Sender::new(Stage::Waits);
        self.wire.rules.lock().expect("never poisoned").push(Rule {
            request: request.to_owned(),
            after,
            fault,
            stage: stage.clone(),
        });
        Asked(stage)
    }

    /// How the wire is from now on.
    pub(crate) fn line(&self, line: Line) {
        self.wire.line.send_replace(line);
    }

    /// Ends every connection that there is.
    pub(crate) fn cut_all(&self) {
        self.wire.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// Connections made from now on take so many documents in one message.
    pub(crate) fn batches_of(&self, documents: i32) {
        self.wire.batch.store(documents, Ordering::SeqCst);
    }

    /// Through the proxy only: the driver is told not to look for the members of the set.
    pub(crate) fn url(&self) -> String {
        self.url_of("chatd")
    }

    /// The same, for a database of this name.
    pub(crate) fn url_of(&self, database: &str) -> String {
        let port = self.port;
        format!("mongodb://127.0.0.1:{port}/{database}?directConnection=true")
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.line(Line::Down);
    }
}

/// What both directions of a connection know.
#[derive(Default)]
struct Answers {
    /// The request whose answer is not to be the database's.
    instead: Mutex<Option<(i32, Option<Vec<u8>>)>>,
}

impl Wire {
    /// One connection. Whatever ends it ends both sides.
    async fn pass(self: Arc<Self>, client: TcpStream) {
        let (mut line, mut cuts) = (self.line.subscribe(), self.cuts.subscribe());
        if *line.borrow() == Line::Down {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.database)).await else {
            return;
        };
        let reset = {
            let answers = Answers::default();
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Also the way of an answer that is made here.
            let to_client = tokio::sync::Mutex::new(to_client);
            let up = self.up(from_client, to_server, &to_client, &answers);
            let down = self.down(from_server, &to_client, &answers);
            let reset = tokio::select! {
                reset = up => reset,
                () = down => None,
                _ = line.wait_for(|line| *line == Line::Down) => None,
                _ = cuts.changed() => None,
            };
            reset.map(|from| from.reunite(to_client.into_inner()).expect("halves of one"))
        };
        if let Some(client) = reset {
            let _gone_anyway = client.set_zero_linger();
        }
    }

    /// What is asked. Ends with the connection; with its half when that is to be reset.
    async fn up(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        back: &tokio::sync::Mutex<OwnedWriteHalf>,
        answers: &Answers,
    ) -> Option<OwnedReadHalf> {
        let mut line = self.line.subscribe();
        while let Ok(request) = Message::read(&mut from).await {
            line.wait_for(|line| *line != Line::Silent).await.ok()?;
            let mut arrives = true;
            if let Some((fault, stage)) = self.strike(&request) {
                let instead = |answer| {
                    let mut instead = answers.instead.lock().expect("never poisoned");
                    *instead = Some((request.id(), answer));
                };
                match fault {
                    Fault::Cut => return None,
                    Fault::Reset => return Some(from),
                    Fault::LoseAnswer => instead(None),
                    Fault::AnswerAfter(answer) => instead(Some(request.answer(&answer))),
                    Fault::Answer(answer) => {
                        let answer = request.answer(&answer);
                        back.lock().await.write_all(&answer).await.ok()?;
                        arrives = false;
                    }
                    Fault::Delay => {
                        let mut stage = stage.subscribe();
                        stage.wait_for(|stage| *stage == Stage::LetGo).await.ok()?;
                    }
                }
            }
            if arrives {
                to.write_all(&request.0).await.ok()?;
            }
        }
        None
    }

    /// What is answered.
    async fn down(
        &self,
        mut from: OwnedReadHalf,
        to: &tokio::sync::Mutex<OwnedWriteHalf>,
        answers: &Answers,
    ) {
        let mut line = self.line.subscribe();
        while let Ok(mut answer) = Message::read(&mut from).await {
            if line.wait_for(|line| *line != Line::Silent).await.is_err() {
                return;
            }
            let instead = {
                let mut instead = answers.instead.lock().expect("never poisoned");
                instead.take_if(|(id, _)| *id == answer.answers())
            };
            match instead {
                Some((_, None)) => return,
                Some((_, Some(other))) => answer = Message(other),
                None => self.shorten(&mut answer),
            }
            if to.lock().await.write_all(&answer.0).await.is_err() {
                return;
            }
        }
    }

    /// The fault that is meant for this request.
    fn strike(&self, request: &Message) -> Option<(Fault, watch::Sender<Stage>)> {
        let mut rules = self.rules.lock().expect("never poisoned");
        if rules.is_empty() {
            return None;
        }
        let name = request.name()?;
        let first = name.split(' ').next();
        let meant = |rule: &Rule| rule.request == name || Some(rule.request.as_str()) == first;
        let at = rules.iter().position(meant)?;
        if rules[at].after > 0 {
            rules[at].after -= 1;
            return None;
        }
        let rule = rules.remove(at);
        rule.stage.send_replace(Stage::Struck);
        Some((rule.fault, rule.stage))
    }

    fn shorten(&self, answer: &mut Message) {
        let batch = self.batch.load(Ordering::SeqCst);
        if batch > 0
            && let Some(at) = answer.0.windows(BATCH.len()).position(|part| part == BATCH)
        {
            let at = at + BATCH.len();
            answer.0[at..at + 4].copy_from_slice(&batch.to_le_bytes());
        }
    }
}
