//! Frames of the WebSocket protocol, as a client writes and reads them.
//!
//! What is sent is put together once, with a mask of zeros: masking with it changes nothing, so a message can be
//! written from one prepared frame in which only a few digits change. The standard wants a mask to be random for
//! the sake of proxies between browsers and servers; a load generator needs none.

/// The largest frame that is taken: far more than a whole replay.
const MOST: usize = 16 << 20;

pub(super) const TEXT: u8 = 0x1;
pub(super) const CLOSE: u8 = 0x8;
pub(super) const PING: u8 = 0x9;
pub(super) const PONG: u8 = 0xa;

/// A whole frame of a client.
pub(super) fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 14);
    bytes.push(0x80 | opcode);
    let length = payload.len();
    // The highest bit says that there is a mask.
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        bytes.push(0x80 | short);
    } else if let Ok(medium) = u16::try_from(length) {
        bytes.push(0x80 | 0x7e);
        bytes.extend_from_slice(&medium.to_be_bytes());
    } else {
        bytes.push(0x80 | 0x7f);
        bytes.extend_from_slice(&(length as u64).to_be_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// What lies at the beginning of what was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A frame: its opcode, where its payload begins, and where it ends.
    Frame(u8, usize, usize),
    /// Not a whole one yet.
    Short,
    /// Something no server may send to this client.
    Broken(&'static str),
}

/// Looks for a frame at the beginning of `bytes`.
#[inline]
pub(super) fn read(bytes: &[u8]) -> Read {
    let [first, second, rest @ ..] = bytes else {
        return Read::Short;
    };
    if first & 0x80 == 0 || first.trailing_zeros() >= 4 {
        return Read::Broken("a message in several frames, which chatd never sends");
    }
    if second & 0x80 != 0 {
        return Read::Broken("a masked frame, which only clients send");
    }
    let (start, length) = match (second, rest) {
        (126, [a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
        (127, [eight @ .., _]) if eight.len() >= 8 => {
            let mut wide = [0; 8];
            wide.copy_from_slice(&eight[..8]);
            (
                10,
                usize::try_from(u64::from_be_bytes(wide)).unwrap_or(usize::MAX),
            )
        }
        (126 | 127, _) => return Read::Short,
        (short, _) => (2, usize::from(*short)),
    };
    if length > MOST {
        return Read::Broken("a frame of more than 16 MiB");
    }
    if bytes.len() < start + length {
        return Read::Short;
    }
    Read::Frame(first & 0xf, start, start + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_every_length_are_read_back() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = frame(TEXT, &payload);
            // As a server would have sent it: without the mask.
            bytes[1] &= 0x7f;
            let start = bytes.len() - length;
            bytes.drain(start - 4..start);
            let whole = Read::Frame(TEXT, start - 4, bytes.len());
            assert_eq!(read(&bytes), whole, "{length}");
            for cut in 0..bytes.len().min(20) {
                assert_eq!(read(&bytes[..cut]), Read::Short, "{length}, {cut}");
            }
            bytes.push(0);
            assert_eq!(read(&bytes), whole, "{length} and more");
        }
    }

    #[test]
    fn what_no_server_sends_is_broken() {
        for bytes in [
            &[0x01, 0][..],
            &[0x81, 0x80, 0],
            &[0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0],
        ] {
            assert!(matches!(read(bytes), Read::Broken(_)), "{bytes:?}");
        }
    }
}
