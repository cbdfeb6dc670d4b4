//! A wire between clients and chatd that does to one message what must not happen: loses it, repeats it, swaps it
//! with the next, or changes its text.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use super::Server;

/// What befalls one delivery.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Meddling {
    Lose,
    Repeat,
    Swap,
    Alter,
}

/// One that passes everything on but the delivery with this number, of all that it sees.
pub(crate) struct Meddler {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Meddler {
    pub(crate) async fn before(server: &Server, meddling: Meddling, number: usize) -> Self {
        Self::at(Ipv4Addr::LOCALHOST.into(), server, meddling, number).await
    }

    /// The same, at an address of this machine.
    pub(crate) async fn at(ip: IpAddr, server: &Server, meddling: Meddling, number: usize) -> Self {
        let server = server.address();
        let listener = TcpListener::bind((ip, 0)).await.expect("a port");
        let address = listener.local_addr().expect("a port");
        let seen = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let seen = Arc::clone(&seen);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(server).await else {
                        return;
                    };
                    let (mut from_client, to_client) = client.into_split();
                    let (from_server, mut to_server) = server.into_split();
                    let wire = Wire {
                        from: from_server,
                        to: to_client,
                        meddling,
                        number,
                        seen,
                    };
                    // Whichever ends first ends both.
                    tokio::select! {
                        _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                        _ = wire.pass() => {}
                    }
                });
            }
        });
        Self { address, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Meddler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// From chatd to a client.
struct Wire {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    meddling: Meddling,
    number: usize,
    seen: Arc<AtomicUsize>,
}

impl Wire {
    async fn pass(mut self) -> std::io::Result<()> {
        let mut head = Vec::new();
        // What is no WebSocket goes through as it is.
        while !head.ends_with(b"\r\n\r\n") {
            let byte = self.from.read_u8().await?;
            head.push(byte);
            self.to.write_u8(byte).await?;
        }
        if !head.starts_with(b"HTTP/1.1 101") {
            tokio::io::copy(&mut self.from, &mut self.to).await?;
            return Ok(());
        }
        // What is told after the next message.
        let mut kept: Option<Vec<u8>> = None;
        loop {
            let mut frame = self.frame().await?;
            let is_message = frame.windows(15).any(|part| part == br#"{"ev":"message""#);
            let meant = is_message && self.seen.fetch_add(1, Ordering::SeqCst) + 1 == self.number;
            match self.meddling {
                Meddling::Lose if meant => continue,
                Meddling::Swap if meant => {
                    kept = Some(frame);
                    continue;
                }
                Meddling::Repeat if meant => self.to.write_all(&frame).await?,
                Meddling::Alter if meant => {
                    let text = br#""body":""#;
                    let at = frame.windows(text.len()).position(|part| part == text);
                    frame[at.expect("a text") + text.len()] ^= 1;
                }
                _ => {}
            }
            self.to.write_all(&frame).await?;
            if let Some(frame) = kept.take_if(|_| is_message) {
                self.to.write_all(&frame).await?;
            }
        }
    }

    /// The next frame, header and payload.
    async fn frame(&mut self) -> std::io::Result<Vec<u8>> {
        let mut frame = vec![0; 2];
        self.from.read_exact(&mut frame).await?;
        let extra = match frame[1] {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mut length = u64::from(frame[1]);
        if extra > 0 {
            let mut wide = [0; 8];
            self.from.read_exact(&mut wide[8 - extra..]).await?;
            length = u64::from_be_bytes(wide);
            frame.extend_from_slice(&wide[8 - extra..]);
        }
        let start = frame.len();
        frame.resize(start + usize::try_from(length).expect("it fits"), 0);
        self.from.read_exact(&mut frame[start..]).await?;
        Ok(frame)
    }
}
