//! That the description of the tables leaves nothing out. What the backends make of it is the contract's.

use std::collections::BTreeSet;

use super::*;

#[test]
fn every_table_is_in_the_list_once() {
    let names: BTreeSet<_> = Table::ALL.iter().map(|table| table.as_str()).collect();
    assert_eq!(names.len(), Table::ALL.len());
    for (at, table) in Table::ALL.iter().enumerate() {
        for refers in table.spec().fields.iter().filter_map(|field| field.refers) {
            let then = Table::ALL.iter().position(|other| *other == refers);
            assert!(
                then.is_some_and(|then| then > at),
                "{table} refers to {refers}, which has to come later in Table::ALL"
            );
        }
    }
}

#[test]
fn no_two_rows_have_one_checksum() {
    let text = |text: &str| Value::Text(text.to_owned());
    let rows = [
        vec![text("ab"), text("c")],
        vec![text("a"), text("bc")],
        vec![text("abc")],
        vec![text("abc"), Value::Null],
        vec![Value::Bytes(b"abc".to_vec())],
        vec![Value::Int(0)],
        vec![Value::Null],
        vec![],
    ];
    let sum = |rows: &[Vec<Value>]| {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(&Row(row.clone()));
        }
        digest.finish()
    };
    let sums: BTreeSet<_> = rows
        .iter()
        .map(|row| sum(std::slice::from_ref(row)))
        .collect();
    assert_eq!(sums.len(), rows.len());
    // Nor is one row the same as two.
    let two = [vec![text("ab")], vec![text("c")]];
    assert_ne!(sum(&two), sum(&rows[..1]));
}

#[test]
fn logs_are_called_what_they_are() {
    let room = RoomId::from_bytes([7; 16]);
    let mut bytes = vec![b'r'];
    bytes.extend([7; 16]);
    assert_eq!(log(&bytes), Some(LogId::Room(room)));
    assert_eq!(log(b"c"), Some(LogId::Control));
    for wrong in [&b""[..], b"x", b"c0", b"u123"] {
        assert_eq!(log(wrong), None, "{wrong:?}");
    }
    let key = [Value::Bytes(bytes), Value::Int(3)];
    assert_eq!(
        place(Table::Entries, &key),
        format!("entries room:{room} 3")
    );
}
