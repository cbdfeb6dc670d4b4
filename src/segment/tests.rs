//! That a segment reads as it was sealed, and that one that was tampered with does not read.

use proptest::prelude::*;

use super::*;

const AT: Millis = Millis(1_800_000_000_000);

fn lines(bodies: &[&str]) -> Vec<Line> {
    let from = UserId::new(AT);
    let line = |(i, body): (usize, &&str)| Line {
        seq: 7 + i as u64,
        n: 3 + i as u64,
        at: AT,
        id: EntryId::new(AT),
        from: (i % 2 == 0).then_some(from),
        version: 1,
        kind: "message".into(),
        data: serde_json::json!({ "body": body }).to_string(),
    };
    bodies.iter().enumerate().map(line).collect()
}

#[test]
fn what_is_sealed_reads_as_it_was() {
    let room = RoomId::new(AT);
    let mut all = lines(&["hi", "", "two\nlines", "\u{1F600}"]);
    // What is no message, what this version does not know, what is no JSON, and JSON over two lines.
    all[3].kind = "poll".into();
    all[3].version = 9;
    all[3].n -= 1;
    let mut more = lines(&["a", "b"]);
    for (i, line) in more.iter_mut().enumerate() {
        line.seq = 11 + i as u64;
        line.n = 6 + i as u64;
    }
    more[0].data = "not { json".into();
    more[1].data = "{\"body\":\n\"b\"}".into();
    all.extend(more);
    let sealed = seal(room, &all).unwrap();
    let (header, read) = open(&sealed.bytes).unwrap();
    assert_eq!(read, all);
    assert_eq!(header, sealed.header);
    assert_eq!((header.first, header.last, header.n), (7, 12, 7));
    assert_eq!((header.entries, header.messages), (6, 5));
    // As `head -1` shows it.
    let head = sealed.bytes.split(|b| *b == b'\n').next().unwrap();
    assert!(head.starts_with(br#"{"format":"chatd-segment","version":1,"room":""#));
}

#[test]
fn what_is_no_run_of_a_log_is_not_sealed() {
    let room = RoomId::new(AT);
    assert!(seal(room, &[]).is_err());
    let gap = |change: fn(&mut Line)| {
        let mut all = lines(&["a", "b", "c"]);
        change(&mut all[1]);
        seal(room, &all).unwrap_err().to_string()
    };
    assert_eq!(gap(|l| l.seq = 9), "after entry 7 comes 9");
    assert_eq!(gap(|l| l.n = 3), "entry 8 has n 3");
    assert!(gap(|l| l.at = Millis(1)).contains("is before"));
}

#[test]
fn every_altered_byte_is_noticed() {
    let sealed = seal(RoomId::new(AT), &lines(&["one", "two", "three"])).unwrap();
    for at in 0..sealed.bytes.len() {
        let mut altered = sealed.bytes.clone();
        altered[at] ^= 1;
        // The room is what the store has it under, and is compared there.
        let read = open(&altered);
        let room_only = read.as_ref().is_ok_and(|(h, lines)| {
            h.room != sealed.header.room && *lines == open(&sealed.bytes).unwrap().1
        });
        assert!(read.is_err() || room_only, "byte {at}");
    }
    for length in 0..sealed.bytes.len() {
        assert!(open(&sealed.bytes[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn a_small_block_does_not_fill_the_memory() {
    let zeros = vec![b'x'; 8 * 1024 * 1024];
    let body = zstd::bulk::compress(&zeros, 1).unwrap();
    let mut header = seal(RoomId::new(AT), &lines(&["a"])).unwrap().header;
    header.sha256 = sha256(&body);
    for bytes in [10, MOST + 1] {
        header.bytes = bytes;
        let mut block = serde_json::to_vec(&header).unwrap();
        block.push(b'\n');
        block.extend(&body);
        assert!(open(&block).is_err());
    }
}

#[test]
fn a_newer_format_says_so() {
    let sealed = seal(RoomId::new(AT), &lines(&["a"])).unwrap();
    let text = String::from_utf8_lossy(&sealed.bytes).replace("\"version\":1", "\"version\":2");
    let why = open(text.as_bytes()).unwrap_err().to_string();
    assert!(why.contains("use a newer chatd"), "{why}");
}

proptest! {
    #[test]
    fn any_text_comes_back(bodies in proptest::collection::vec(".{0,80}", 1..40)) {
        let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
        let all = lines(&bodies);
        let sealed = seal(RoomId::new(AT), &all).unwrap();
        prop_assert_eq!(open(&sealed.bytes).unwrap().1, all);
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _refused = open(&bytes);
    }
}
