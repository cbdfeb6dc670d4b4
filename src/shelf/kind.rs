//! What a file is, by its first bytes: neither its name nor what was said of it counts.

use super::{HEAD, image};

/// What is nothing that is known.
const UNKNOWN: &str = "application/octet-stream";

/// What a browser shows without running anything of it. All else is saved.
const INLINE: [&str; 15] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "video/mp4",
    "video/webm",
    "video/ogg",
    "video/quicktime",
    "audio/mp4",
    "audio/mpeg",
    "audio/aac",
    "audio/ogg",
    "audio/wav",
    "audio/flac",
];

/// Whether a file of this type is shown where it is linked to, instead of being saved.
pub fn is_inline(media: &str) -> bool {
    INLINE.contains(&media)
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its media type.
    pub media: &'static str,
    /// Width and height of an image, as its head says.
    pub pixels: Option<(u32, u32)>,
}

impl Kind {
    /// What begins so and has so many bytes.
    pub(super) fn of(head: &[u8], size: u64) -> Self {
        let media = media(head, size);
        if !media.starts_with("image/") {
            let pixels = None;
            return Self { media, pixels };
        }
        // What has no size is no image, whatever it says it is.
        match image::pixels(media, head) {
            Some(pixels) => Self {
                media,
                pixels: Some(pixels),
            },
            None => Self {
                media: UNKNOWN,
                pixels: None,
            },
        }
    }
}

fn media(head: &[u8], size: u64) -> &'static str {
    let is = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    let within = |most: usize, magic: &[u8]| {
        let start = &head[..head.len().min(most)];
        start.windows(magic.len()).any(|part| part == magic)
    };
    if is(0, b"\x89PNG\r\n\x1a\n") {
        return "image/png";
    }
    if is(0, b"\xff\xd8\xff") {
        return "image/jpeg";
    }
    if is(0, b"GIF87a") || is(0, b"GIF89a") {
        return "image/gif";
    }
    if is(0, b"RIFF") && is(8, b"WEBP") {
        return "image/webp";
    }
    if is(0, b"RIFF") && is(8, b"WAVE") {
        return "audio/wav";
    }
    if is(4, b"ftyp") {
        return container(head);
    }
    if is(0, b"\x1a\x45\xdf\xa3") && within(64, b"webm") {
        return "video/webm";
    }
    if is(0, b"OggS") {
        let moves = within(512, b"\x80theora");
        return if moves { "video/ogg" } else { "audio/ogg" };
    }
    if is(0, b"fLaC") {
        return "audio/flac";
    }
    if is(0, b"ID3") {
        return "audio/mpeg";
    }
    if let [0xff, second, third, ..] = *head {
        let layer_3 = second & 0xe6 == 0xe2;
        if layer_3 && third >> 4 != 0xf && third & 0x0c != 0x0c {
            return "audio/mpeg";
        }
        if second & 0xf6 == 0xf0 {
            return "audio/aac";
        }
    }
    if is(0, b"%PDF-") {
        return "application/pdf";
    }
    if is(0, b"PK\x03\x04") {
        return "application/zip";
    }
    if is(0, b"\x1f\x8b") {
        return "application/gzip";
    }
    if is_text(head, size) {
        return "text/plain";
    }
    UNKNOWN
}

/// What is in a container of the kind that MP4 is, by its brands.
fn container(head: &[u8]) -> &'static str {
    let length = head.first_chunk().map_or(0, |l| u32::from_be_bytes(*l));
    let length = usize::try_from(length).unwrap_or(0).min(head.len());
    // The main one, its version, and those it goes with.
    let brands = head.get(8..length).unwrap_or_default().chunks_exact(4);
    let brands: Vec<&[u8]> = brands.collect();
    let has = |all: &[&[u8; 4]]| {
        brands
            .iter()
            .any(|b| all.iter().any(|a| *b == a.as_slice()))
    };
    let main = brands.first().copied().unwrap_or_default();
    if has(&[b"avif", b"avis"]) {
        return "image/avif";
    }
    if main == b"M4A " || main == b"M4B " {
        return "audio/mp4";
    }
    if main == b"qt  " {
        return "video/quicktime";
    }
    if has(&[
        b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"dash",
        b"3gp4", b"3gp5", b"3gp6",
    ]) {
        return "video/mp4";
    }
    UNKNOWN
}

/// Whether it is text for people, as far as it was looked at.
fn is_text(head: &[u8], size: u64) -> bool {
    let text = match str::from_utf8(head) {
        Ok(text) => text,
        // A letter that is cut in two at the end of what was looked at is none the less one.
        Err(e) if e.error_len().is_none() && head.len() == HEAD && size > HEAD as u64 => {
            str::from_utf8(&head[..e.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    !text.is_empty()
        && !text
            .chars()
            .any(|c| c.is_control() && !"\n\r\t\u{c}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(head: &[u8]) -> Kind {
        Kind::of(head, head.len() as u64)
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        let (width, height) = (width.to_be_bytes(), height.to_be_bytes());
        [
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice(),
            &width,
            &height,
            b"\x08\x06\0\0\0",
        ]
        .concat()
    }

    #[test]
    fn a_file_is_what_it_begins_with() {
        let mp4 = |main: &[u8], more: &[u8]| {
            let length = u32::try_from(16 + more.len()).unwrap().to_be_bytes();
            [&length, b"ftyp", main, b"\0\0\0\0", more].concat()
        };
        for (head, media) in [
            (b"%PDF-1.7\n".to_vec(), "application/pdf"),
            (b"<html><script>alert(1)</script>".to_vec(), "text/plain"),
            (
                b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(),
                "text/plain",
            ),
            ("G\u{fc}te \u{1f49a}\r\n".into(), "text/plain"),
            (b"a\0b".to_vec(), UNKNOWN),
            (b"\x7fELF\x02".to_vec(), UNKNOWN),
            (b"\xff\xfeh\0i\0".to_vec(), UNKNOWN),
            (Vec::new(), UNKNOWN),
            (mp4(b"isom", b"iso2"), "video/mp4"),
            (mp4(b"M4A ", b"isom"), "audio/mp4"),
            (mp4(b"qt  ", b""), "video/quicktime"),
            (mp4(b"mif1", b"heic"), UNKNOWN),
            (
                b"\x1a\x45\xdf\xa3\x9fB\x86\x81\x01\x42\x82\x84webm".to_vec(),
                "video/webm",
            ),
            (b"\x1a\x45\xdf\xa3\x42\x82\x88matroska".to_vec(), UNKNOWN),
            (b"OggS\0\x02____\x01vorbis".to_vec(), "audio/ogg"),
            (b"OggS\0\x02____\x80theora".to_vec(), "video/ogg"),
            (b"RIFF____WAVEfmt ".to_vec(), "audio/wav"),
            (b"fLaC\0".to_vec(), "audio/flac"),
            (b"ID3\x04".to_vec(), "audio/mpeg"),
            (b"\xff\xfb\x90\x64".to_vec(), "audio/mpeg"),
            (b"\xff\xf1\x50\x80".to_vec(), "audio/aac"),
            (b"PK\x03\x04".to_vec(), "application/zip"),
            (b"\x1f\x8b\x08".to_vec(), "application/gzip"),
            (b"GIF89a".to_vec(), UNKNOWN),
            (b"\x89PNG\r\n\x1a\n".to_vec(), UNKNOWN),
            (png(0, 7), UNKNOWN),
        ] {
            let found = kind(&head);
            assert_eq!((found.media, found.pixels), (media, None), "{head:?}");
        }
        assert!(!is_inline("text/plain") && !is_inline("application/pdf") && !is_inline(UNKNOWN));
        assert!(!is_inline("image/svg+xml") && is_inline("image/png"));
    }

    #[test]
    fn an_image_says_how_large_it_is() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x06JFIF\xff\xff\xc2\0\x11\x08\x01\x02\x03\x04\x03".to_vec();
        let webp = |chunk: &[u8]| [b"RIFF____WEBP", chunk].concat();
        let avif = [
            b"\0\0\0\x14ftypavif\0\0\0\0mif1".as_slice(),
            b"\0\0\0\x14ispe\0\0\0\0\0\0\x01\0\0\0\0\x80",
            b"\0\0\0\x14ispe\0\0\0\0\0\0\x02\0\0\0\x01\x80",
        ]
        .concat();
        for (head, media, pixels) in [
            (png(640, 480), "image/png", (640, 480)),
            (png(u32::MAX, u32::MAX), "image/png", (u32::MAX, u32::MAX)),
            (b"GIF89a\x02\x01\x04\x03".to_vec(), "image/gif", (258, 772)),
            (jpeg, "image/jpeg", (772, 258)),
            (
                webp(b"VP8X____\x10\0\0\0\x01\x02\0\x03\0\x01"),
                "image/webp",
                (514, 65_540),
            ),
            (webp(b"VP8L____\x2f\x01\x80\0\x10\0"), "image/webp", (2, 3)),
            (
                webp(b"VP8 ____\x30\x01\0\x9d\x01\x2a\x40\x01\xf0\0"),
                "image/webp",
                (320, 240),
            ),
            (avif, "image/avif", (512, 384)),
        ] {
            let found = kind(&head);
            assert_eq!((found.media, found.pixels), (media, Some(pixels)));
            // Nothing that is cut off is an image, or ends the server.
            for cut in 0..head.len() {
                let _whatever = kind(&head[..cut]);
            }
        }
    }
}
