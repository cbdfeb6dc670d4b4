//! A connection as a WebSocket has it: tried without waiting, and waited for apart. What is plain is the socket
//! itself; what is encrypted goes through a buffer of one record.

use std::io::{self, IoSlice, Read, Write};

use parking_lot::Mutex;
use rustls::ServerConnection;
use tokio::net::TcpStream;

use super::Stream;

/// How much is encrypted at once: a record.
const RECORD: usize = 16 * 1024;
/// How many times the socket is read for one read of what it says: records may say nothing.
const TURNS: usize = 4;

/// A connection after HTTP.
#[derive(Debug)]
pub enum Socket {
    /// As it comes.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<Encrypted>),
}

/// An encrypted connection.
#[derive(Debug)]
pub struct Encrypted {
    tcp: TcpStream,
    /// One task reads and writes; nobody ever waits for the lock.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    session: ServerConnection,
    /// How many bytes the caller gave that are encrypted and not on their way yet; told as written once they are.
    owed: usize,
}

impl From<Stream> for Socket {
    fn from(stream: Stream) -> Self {
        match stream {
            Stream::Plain(tcp) => Self::Plain(tcp),
            Stream::Tls(stream) => {
                let (tcp, mut session) = stream.into_inner();
                session.set_buffer_limit(Some(RECORD));
                let state = Mutex::new(State { session, owed: 0 });
                Self::Tls(Box::new(Encrypted { tcp, state }))
            }
        }
    }
}

impl Socket {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(encrypted) => &encrypted.tcp,
        }
    }

    /// Waits until a read may find something.
    pub async fn readable(&self) -> io::Result<()> {
        self.tcp().readable().await
    }

    /// Waits until a write may go on.
    pub async fn writable(&self) -> io::Result<()> {
        self.tcp().writable().await
    }

    /// Reads what is there; 0 at the end, and an error when one has to wait. To be tried before it is waited for:
    /// something may have been decrypted already.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_read(buffer),
            Self::Tls(encrypted) => encrypted.state.lock().read(&encrypted.tcp, buffer),
        }
    }

    /// Writes what fits, and says how much; an error when one has to wait. Then the same has to be tried again:
    /// some of it may be encrypted already.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write(bytes),
            Self::Tls(_) => self.try_write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    /// The same with several pieces, one after the other.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.try_write_vectored(slices),
            Self::Tls(encrypted) => encrypted.state.lock().write(&encrypted.tcp, slices),
        }
    }

    /// How much of what was tried last is encrypted, and so goes before everything else; it counts as written
    /// from here on.
    pub fn commit(&self) -> usize {
        match self {
            Self::Plain(_) => 0,
            Self::Tls(encrypted) => std::mem::take(&mut encrypted.state.lock().owed),
        }
    }

    /// Says that nothing comes any more, if there is room to say so.
    pub fn say_end(&self) {
        if let Self::Tls(encrypted) = self {
            let mut state = encrypted.state.lock();
            state.session.send_close_notify();
            // Whoever does not hear it sees the connection end.
            let _unheard = state.flush(&encrypted.tcp);
        }
    }
}

impl State {
    fn read(&mut self, tcp: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        for _ in 0..TURNS {
            match self.session.reader().read(buffer) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                // Gone without saying so; WebSocket says itself whether a message is whole.
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                read => return read,
            }
            self.session.read_tls(&mut Nonblocking(tcp))?;
            let processed = self.session.process_new_packets();
            if self.owed == 0 && self.session.wants_write() {
                // An answer of TLS's own, such as to new keys; what does not fit goes with the next write.
                let _later = self.flush(tcp);
            }
            processed.map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
        }
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&mut self, tcp: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // What is under way first. Then one record more, at most.
        self.flush(tcp)?;
        if self.owed == 0 {
            self.owed = self.session.writer().write_vectored(slices)?;
            self.flush(tcp)?;
        }
        Ok(std::mem::take(&mut self.owed))
    }

    fn flush(&mut self, tcp: &TcpStream) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut Nonblocking(tcp))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

/// The socket as TLS reads and writes it.
struct Nonblocking<'a>(&'a TcpStream);

impl Read for Nonblocking<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Nonblocking<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
