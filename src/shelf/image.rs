//! How large an image is, by its head. Nothing is decoded: an image that would be huge costs no more than a small one.

/// Width and height of an image of this type, neither of them nothing; none where its head does not say.
pub(super) fn pixels(media: &str, head: &[u8]) -> Option<(u32, u32)> {
    let (width, height) = match media {
        "image/png" => png(head)?,
        "image/gif" => (le(head, 6, 2)?, le(head, 8, 2)?),
        "image/jpeg" => jpeg(head)?,
        "image/webp" => webp(head)?,
        "image/avif" => avif(head)?,
        _ => return None,
    };
    (width > 0 && height > 0).then_some((width, height))
}

fn png(head: &[u8]) -> Option<(u32, u32)> {
    let first = head.get(12..16)? == b"IHDR";
    first.then_some(())?;
    Some((be(head, 16, 4)?, be(head, 20, 4)?))
}

/// Goes from segment to segment up to the one that begins a frame.
fn jpeg(head: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *head.get(at)? != 0xff {
            return None;
        }
        match *head.get(at + 1)? {
            // Filled up.
            0xff => at += 1,
            // Those without a length.
            0x01 | 0xd0..=0xd7 => at += 2,
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some((be(head, at + 7, 2)?, be(head, at + 5, 2)?));
            }
            // The end, or what comes after the frame has begun.
            0xd9 | 0xda => return None,
            _ => {
                let length = usize::try_from(be(head, at + 2, 2)?).ok()?;
                at += 2 + length.max(2);
            }
        }
    }
}

fn webp(head: &[u8]) -> Option<(u32, u32)> {
    match head.get(12..16)? {
        b"VP8X" => Some((le(head, 24, 3)? + 1, le(head, 27, 3)? + 1)),
        b"VP8L" if *head.get(20)? == 0x2f => {
            let bits = le(head, 21, 4)?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " if head.get(23..26)? == b"\x9d\x01\x2a" => {
            Some((le(head, 26, 2)? & 0x3fff, le(head, 28, 2)? & 0x3fff))
        }
        _ => None,
    }
}

/// The largest of the sizes it has: one of them is the image's.
fn avif(head: &[u8]) -> Option<(u32, u32)> {
    let found = head.windows(4).enumerate().filter(|(_, w)| *w == b"ispe");
    let sizes = found.filter_map(|(at, _)| Some((be(head, at + 8, 4)?, be(head, at + 12, 4)?)));
    sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height))
}

/// A number whose first byte is its highest.
fn be(head: &[u8], at: usize, bytes: usize) -> Option<u32> {
    let digits = head.get(at..at + bytes)?;
    Some(digits.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
}

/// A number whose first byte is its lowest.
fn le(head: &[u8], at: usize, bytes: usize) -> Option<u32> {
    let digits = head.get(at..at + bytes)?;
    Some(digits.iter().rev().fold(0, |n, b| (n << 8) | u32::from(*b)))
}
