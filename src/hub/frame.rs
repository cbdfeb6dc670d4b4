//! A WebSocket frame as it goes over the wire, made once and shared by all who get it.

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;

use crate::stats::Stamp;

/// The longest header of a frame from a server: two bytes and a 64-bit length.
const HEADER: usize = 10;

/// A whole frame: header and payload. Cloning it shares the bytes.
#[derive(Clone, Debug)]
pub struct Frame {
    bytes: Bytes,
    payload: u8,
    /// When it was published; none for what is no event.
    at: Option<Stamp>,
}

impl Frame {
    /// A text frame with `value` as JSON.
    pub fn json(value: &impl Serialize) -> Self {
        let mut buffer = BytesMut::with_capacity(256);
        buffer.put_bytes(0, HEADER);
        let mut writer = buffer.writer();
        // Writing to memory does not fail, and what we serialise are our own types with string keys.
        let _infallible = serde_json::to_writer(&mut writer, value);
        Self::finish(writer.into_inner(), 0x1)
    }

    /// A text frame whose payload is these parts, one after the other.
    pub fn text(parts: &[&[u8]]) -> Self {
        let length: usize = parts.iter().map(|p| p.len()).sum();
        let mut buffer = BytesMut::with_capacity(HEADER + length);
        buffer.put_bytes(0, HEADER);
        for part in parts {
            buffer.extend_from_slice(part);
        }
        Self::finish(buffer, 0x1)
    }

    /// A ping.
    pub fn ping() -> Self {
        Self::control(0x9, &[])
    }

    /// A close frame. The reason is cut to what a control frame holds.
    pub fn close(code: u16, reason: &str) -> Self {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(&reason.as_bytes()[..reason.floor_char_boundary(123)]);
        Self::control(0x8, &payload)
    }

    fn control(opcode: u8, payload: &[u8]) -> Self {
        let mut buffer = BytesMut::with_capacity(HEADER + payload.len());
        buffer.put_bytes(0, HEADER);
        buffer.extend_from_slice(payload);
        Self::finish(buffer, opcode)
    }

    /// Bytes that are frames already.
    pub fn raw(bytes: Bytes) -> Self {
        Self {
            bytes,
            payload: 0,
            at: None,
        }
    }

    /// Writes the header right before the payload, which begins at [`HEADER`].
    fn finish(mut buffer: BytesMut, opcode: u8) -> Self {
        let length = buffer.len() - HEADER;
        let mut header = [0_u8; HEADER];
        header[0] = 0x80 | opcode;
        let used = if let Ok(short @ 0..=125) = u8::try_from(length) {
            header[1] = short;
            2
        } else if let Ok(medium) = u16::try_from(length) {
            header[1] = 126;
            header[2..4].copy_from_slice(&medium.to_be_bytes());
            4
        } else {
            header[1] = 127;
            header[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        };
        let start = HEADER - used;
        buffer[start..HEADER].copy_from_slice(&header[..used]);
        let bytes = buffer.freeze().slice(start..);
        Self {
            bytes,
            payload: if used == 10 {
                10
            } else if used == 4 {
                4
            } else {
                2
            },
            at: None,
        }
    }

    /// The same frame, as an event that is published at this moment.
    #[must_use]
    pub fn published(mut self, at: Stamp) -> Self {
        self.at = Some(at);
        self
    }

    /// When it was published; none for what is no event.
    pub fn published_at(&self) -> Option<Stamp> {
        self.at
    }

    /// The frame as it is written to the socket.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The payload alone.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(usize::from(self.payload)..)
    }

    /// How long the frame is on the wire.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it is nothing at all.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_the_standard_says() {
        for (length, header) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let payload = vec![b'x'; length];
            let frame = Frame::text(&[&payload]);
            assert_eq!(
                &frame.bytes()[..header.len()],
                header.as_slice(),
                "{length}"
            );
            assert_eq!(frame.payload().as_ref(), payload.as_slice());
        }
        assert_eq!(Frame::ping().bytes().as_ref(), [0x89, 0]);
        assert_eq!(
            Frame::close(4001, "bye").bytes().as_ref(),
            b"\x88\x05\x0f\xa1bye"
        );
        assert_eq!(Frame::close(4001, &"é".repeat(100)).len(), 2 + 2 + 122);
        assert_eq!(
            Frame::json(&serde_json::json!({"a": 1})).payload().as_ref(),
            br#"{"a":1}"#
        );
    }
}
