//! Handshakes: limited in time and in number. Whoever takes long makes room for whoever comes.

use std::{
    collections::BTreeMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{Identity, Stream};

/// How many handshakes may be under way. An honest one takes two round trips, so that few are at any moment; a
/// crowd that comes back is a few hundred.
const AT_ONCE: usize = 1024;

/// The first byte of everything that TLS says first.
const HANDSHAKE: u8 = 0x16;

/// How much of a request that came in the clear is read, so that its answer arrives.
const REST: usize = 64 * 1024;

/// What somebody is told who speaks plain HTTP. A redirect would have them send it in the clear again.
const PLAIN: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\n\
    Connection: close\r\nContent-Length: 141\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Bad Request\",\"status\":400,\"code\":\"invalid_field\",\
    \"detail\":\"this port speaks HTTPS: begin the URL with https\"}\n";

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The time was over.
    #[error("the handshake took too long")]
    Late,
    /// It made room for others.
    #[error("it had to make room for a newer one")]
    Displaced,
    /// It was not TLS.
    #[error("plain HTTP on a port for HTTPS")]
    Plain,
    /// It went wrong.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The handshakes under way, the oldest first.
#[derive(Debug, Default)]
pub struct Handshakes {
    next: AtomicU64,
    under_way: Mutex<BTreeMap<u64, oneshot::Sender<()>>>,
}

/// A place among them, given back when it is dropped.
struct Place<'a> {
    all: &'a Handshakes,
    number: u64,
}

impl Handshakes {
    /// How many are under way.
    pub fn len(&self) -> usize {
        self.under_way.lock().len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a place. Where there are too many, the oldest loses its own: whoever dawdles keeps nobody out.
    fn enter(&self) -> (Place<'_>, oneshot::Receiver<()>) {
        let (displace, displaced) = oneshot::channel();
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut under_way = self.under_way.lock();
        if under_way.len() >= AT_ONCE
            && let Some((_, oldest)) = under_way.pop_first()
        {
            // One that is over this moment needs no telling.
            let _over = oldest.send(());
        }
        under_way.insert(number, displace);
        (Place { all: self, number }, displaced)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.all.under_way.lock().remove(&self.number);
    }
}

/// Shakes hands on a new connection, within `most`.
pub async fn shake_hands(
    handshakes: &Handshakes,
    identity: &Identity,
    stream: TcpStream,
    most: Duration,
) -> Result<Stream, Failed> {
    let (_place, displaced) = handshakes.enter();
    tokio::select! {
        biased;
        done = timeout(most, accept(identity, stream)) => done.unwrap_or(Err(Failed::Late)),
        Ok(()) = displaced => Err(Failed::Displaced),
    }
}

async fn accept(identity: &Identity, mut stream: TcpStream) -> Result<Stream, Failed> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if first[0] != HANDSHAKE && first[0].is_ascii_alphabetic() {
        tell_plain(&mut stream).await?;
        return Err(Failed::Plain);
    }
    let acceptor = TlsAcceptor::from(Arc::clone(&identity.config));
    // On the heap: it is larger than all the rest of a connection's task, and soon over.
    let done = Box::pin(acceptor.accept(stream)).await?;
    Ok(Stream::Tls(Box::new(done)))
}

/// Says that this port speaks HTTPS, and takes in what else was sent: closing over it would be a reset, which
/// takes the answer away.
async fn tell_plain(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(PLAIN.as_bytes()).await?;
    stream.shutdown().await?;
    let mut rest = [0; 1024];
    let mut left = REST;
    while left > 0 {
        match stream.read(&mut rest).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_makes_room() {
        let all = Handshakes::default();
        let (first, displaced) = all.enter();
        let mut others: Vec<_> = (1..AT_ONCE).map(|_| all.enter()).collect();
        assert_eq!(all.len(), AT_ONCE);
        others.push(all.enter());
        displaced.await.expect("told");
        assert_eq!(all.len(), AT_ONCE);
        // It is gone already, and takes nobody else along.
        drop(first);
        assert_eq!(all.len(), AT_ONCE);
        assert!(others[0].1.try_recv().is_err(), "the second stays");
        drop(others);
        assert!(all.is_empty());
    }

    #[test]
    fn the_answer_to_plain_http_is_whole() {
        let (head, body) = PLAIN.split_once("\r\n\r\n").expect("a head");
        assert!(
            head.contains(&format!("Content-Length: {}", body.len())),
            "{}",
            body.len()
        );
        serde_json::from_str::<serde_json::Value>(body).expect("JSON");
    }
}
