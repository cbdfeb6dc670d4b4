//! A wire between chatd and its database that can be cut after what was asked has arrived.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What an insert's message has in it.
const INSERT: &[u8] = b"insert\0";

/// A proxy to one port of this machine.
pub(crate) struct Proxy {
    port: u16,
    lose: Arc<AtomicBool>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn to(database: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let lose = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&lose);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, database, Arc::clone(&shared)));
            }
        });
        Self {
            port,
            lose,
            accepting,
        }
    }

    /// The answer to the next insert is lost, together with its connection.
    pub(crate) fn lose_next_answer(&self) {
        self.lose.store(true, Ordering::SeqCst);
    }

    /// Whether it was lost.
    pub(crate) fn has_lost(&self) -> bool {
        !self.lose.load(Ordering::SeqCst)
    }

    /// Through the proxy only: the driver is told not to look for the members of the set.
    pub(crate) fn url(&self) -> String {
        format!(
            "mongodb://127.0.0.1:{}/chatd?directConnection=true",
            self.port
        )
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection. Whatever ends it ends both sides.
async fn pass(mut client: TcpStream, database: u16, lose: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", database)).await else {
        return;
    };
    let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
    let mut inserting = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(n @ 1..) = read else { return };
                inserting = asked[..n].windows(INSERT.len()).any(|part| part == INSERT);
                if server.write_all(&asked[..n]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(n @ 1..) = read else { return };
                if inserting && lose.swap(false, Ordering::SeqCst) { return }
                if client.write_all(&answered[..n]).await.is_err() { return }
            }
        }
    }
}
