//! A client that keeps no rules: bytes on a TCP connection, and a WebSocket that never answers a ping.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::within;

pub(crate) struct Raw {
    tcp: TcpStream,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let tcp = within("a TCP connection", TcpStream::connect(address)).await;
        Self {
            tcp: tcp.expect("it listens"),
        }
    }

    /// The upgrade by hand: from here on frames.
    pub(crate) async fn upgrade(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        let request = format!(
            "GET /v1/ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        assert!(raw.write(request.as_bytes()).await);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                within("the upgrade", raw.tcp.read_u8())
                    .await
                    .expect("an answer"),
            );
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        raw
    }

    /// Writes bytes; false when the connection is gone.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> bool {
        within("bytes to be written", self.tcp.write_all(bytes))
            .await
            .is_ok()
    }

    /// Writes one text frame of less than 64 KiB, masked with zeros.
    pub(crate) async fn text(&mut self, text: &str) -> bool {
        let len = u16::try_from(text.len())
            .expect("a short frame")
            .to_be_bytes();
        let frame = [&[0x81, 0xfe, len[0], len[1], 0, 0, 0, 0], text.as_bytes()].concat();
        self.write(&frame).await
    }

    /// Reads one frame, which is whole and unmasked: its opcode and payload; none when the connection
    /// ended. Nothing is answered.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let frame = async {
            let opcode = self.tcp.read_u8().await.ok()? & 0x0f;
            let len = match self.tcp.read_u8().await.ok()? {
                126 => u64::from(self.tcp.read_u16().await.ok()?),
                127 => self.tcp.read_u64().await.ok()?,
                len => u64::from(len),
            };
            let mut payload = vec![0; usize::try_from(len).expect("a frame in memory")];
            self.tcp.read_exact(&mut payload).await.ok()?;
            Some((opcode, payload))
        };
        within("a frame", frame).await
    }

    /// Reads frames up to the close frame: its code; none when the connection just ended.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        loop {
            let (opcode, payload) = self.frame().await?;
            if opcode == 8 {
                return payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            }
        }
    }

    /// Reads the head of an answer.
    pub(crate) async fn answer(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = within("an answer", self.tcp.read_u8()).await;
            head.push(byte.expect("an answer"));
        }
        String::from_utf8(head).expect("text")
    }

    /// Reads everything up to the end of the connection, which the server makes.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset is an end as well.
        let _ = within(
            "the end of the connection",
            self.tcp.read_to_end(&mut bytes),
        )
        .await;
        bytes
    }
}
