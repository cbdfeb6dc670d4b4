//! A server of its own that speaks S3 (moto), and can be stopped and killed. `CHATD_TEST_MOTO` names the program;
//! `tests/run` sets it; where it is missing, the tests that need it say so.

use std::{
    net::TcpListener as Listener,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use super::{database::variable, within};

/// The header by which the server knows for which of its services something is; nobody checks it.
const AS_IAM: &str = "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/iam/aws4_request, \
                      SignedHeaders=host, Signature=x\r\n\
                      Content-Type: application/x-www-form-urlencoded\r\n";

/// As above: an object is no stranger's.
const AS_OWNER: &str = "Authorization: AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, \
                        SignedHeaders=host, Signature=x\r\n";

pub(crate) struct S3 {
    process: Child,
    port: u16,
}

impl S3 {
    /// Starts one, and waits until it answers; none where there is no program for it.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(&[]).await
    }

    /// One whose certificate it made itself, so that nobody vouches for it.
    pub(crate) async fn start_encrypted() -> Option<Self> {
        Self::start_with(&["--ssl"]).await
    }

    async fn start_with(args: &[&str]) -> Option<Self> {
        let program = variable("CHATD_TEST_MOTO")?;
        let free = Listener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("a port").port();
        drop(free);
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let process = process.expect("the program starts");
        let s3 = Self { process, port };
        within("the store to listen", async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        Some(s3)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) async fn make_bucket(&self, bucket: &str) {
        self.ask("PUT", &format!("/{bucket}"), "", "").await;
    }

    /// What the bucket has, in order.
    pub(crate) async fn objects(&self, bucket: &str) -> Vec<String> {
        let listed = self.ask("GET", &format!("/{bucket}"), "", "").await;
        let keys = listed.split("<Key>").skip(1);
        keys.map(|rest| rest.split("</Key>").next().expect("a key").to_owned())
            .collect()
    }

    pub(crate) async fn object(&self, path: &str) -> Vec<u8> {
        let answer = self.answer("GET", path, AS_OWNER, b"").await;
        let head = answer.windows(4).position(|w| w == b"\r\n\r\n");
        answer[head.expect("a head") + 4..].to_vec()
    }

    pub(crate) async fn remove(&self, path: &str) {
        self.answer("DELETE", path, AS_OWNER, b"").await;
    }

    pub(crate) async fn put(&self, path: &str, bytes: &[u8]) {
        self.answer("PUT", path, AS_OWNER, bytes).await;
    }

    /// Whoever comes from now on needs credentials: these are good.
    pub(crate) async fn ask_for_credentials(&self) -> (String, String) {
        let user = "UserName=u&Version=2010-05-08";
        self.ask("POST", "/", AS_IAM, &format!("Action=CreateUser&{user}"))
            .await;
        // {"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}
        let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22\
                      %2C%22Action%22%3A%22s3%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
        let allow = format!("Action=PutUserPolicy&PolicyName=p&PolicyDocument={policy}&{user}");
        self.ask("POST", "/", AS_IAM, &allow).await;
        let made = format!("Action=CreateAccessKey&{user}");
        let made = self.ask("POST", "/", AS_IAM, &made).await;
        let value = |name: &str| {
            let (_, rest) = made.split_once(&format!("<{name}>")).expect("a key");
            rest.split('<').next().expect("a value").to_owned()
        };
        let octets = "Content-Type: application/octet-stream\r\n";
        self.ask("POST", "/moto-api/reset-auth", octets, "0").await;
        (value("AccessKeyId"), value("SecretAccessKey"))
    }

    /// A wire to it that sends it this signal when so many objects were put through.
    pub(crate) async fn wire(&self, puts: usize, signal: Signal) -> Wire {
        Wire::to(self.port, self.pid(), puts, signal).await
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it runs");
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.process.id().try_into().expect("a pid")).expect("a pid")
    }

    async fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> String {
        let answer = self.answer(method, path, head, body.as_bytes()).await;
        String::from_utf8(answer).expect("text")
    }

    async fn answer(&self, method: &str, path: &str, head: &str, body: &[u8]) -> Vec<u8> {
        let mut tcp = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("it listens");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n{head}\
             Content-Length: {}\r\n\r\n",
            self.port,
            body.len()
        );
        let mut answer = Vec::new();
        within("the store to answer", async {
            tcp.write_all(head.as_bytes()).await.expect("it reads");
            tcp.write_all(body).await.expect("it reads");
            tcp.read_to_end(&mut answer).await.expect("it answers");
        })
        .await;
        let is_good = answer.starts_with(b"HTTP/1.1 2");
        assert!(
            is_good,
            "{method} {path}: {}",
            String::from_utf8_lossy(&answer)
        );
        answer
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        // A stopped process ends of this one, too.
        let _gone_already = self.process.kill();
        let _as_above = self.process.wait();
    }
}

/// What lies between chatd and the store.
pub(crate) struct Wire {
    port: u16,
    /// How many objects were put through.
    puts: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

/// What a wire does when enough was put through.
#[derive(Clone)]
struct Fuse {
    puts: Arc<AtomicUsize>,
    left: Arc<AtomicI64>,
    pid: Pid,
    signal: Signal,
}

impl Wire {
    async fn to(store: u16, pid: Pid, puts: usize, signal: Signal) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let fuse = Fuse {
            puts: Arc::default(),
            left: Arc::new(AtomicI64::new(puts.try_into().expect("a number"))),
            pid,
            signal,
        };
        let puts = Arc::clone(&fuse.puts);
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", store)).await else {
                    continue;
                };
                let ((from, to), (back, out)) = (near.into_split(), far.into_split());
                tokio::spawn(pass(from, out, Some(fuse.clone())));
                tokio::spawn(pass(back, to, None));
            }
        });
        Self {
            port,
            puts,
            accepting,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many objects were put through.
    pub(crate) fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Fuse {
    /// A request begins where a piece of what is read begins: the next one waits for the answer to the last.
    fn note(&self, piece: &[u8]) {
        if !piece.starts_with(b"PUT /") {
            return;
        }
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            kill_process(self.pid, self.signal).expect("it runs");
        } else {
            self.puts.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fuse: Option<Fuse>) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        if let Some(fuse) = &fuse {
            fuse.note(&piece[..read]);
        }
        if to.write_all(&piece[..read]).await.is_err() {
            return;
        }
    }
}
