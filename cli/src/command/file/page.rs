//! How files look.

use chatd::{
    admin::api::{File, FilesTotal},
    clock::Millis,
};

use crate::output::{Cell, Facts, Table, bytes, count, escape, moment};

/// A line for each file, and below them how much there is in all.
pub(super) fn list(files: &[File], total: Option<FilesTotal>, now: Millis) -> Table {
    let rows = files.iter().map(|file| {
        vec![
            Cell::text(&file.id),
            Cell::bytes(file.size),
            Cell::text(&file.media),
            Cell::text(file.user_name.as_ref().unwrap_or(&file.user)),
            Cell::or(file.room_name.as_deref().or(file.room.as_deref()), ""),
            Cell::text(state(file)),
            Cell::ago(file.at, now),
            Cell::text(&file.name),
        ]
    });
    let headings = [
        "ID", "#SIZE", "TYPE", "USER", "ROOM", "STATE", "UPLOADED", "NAME",
    ];
    let table = Table::new(&headings, rows);
    match total {
        None => table,
        Some(total) => {
            let words = table.clone().words();
            let (files, bytes) = (count(total.files, "file"), bytes(total.bytes));
            table.shown_as(format!("{words}\n\n{files}, {bytes} in all\n"))
        }
    }
}

fn state(file: &File) -> String {
    match file.held_by {
        Some(_) => format!("{}, held", file.state),
        None => file.state.to_string(),
    }
}

/// One file.
pub(super) fn detail(file: &File, now: Millis) -> String {
    let pixels = file.width.zip(file.height);
    let room = file.room.as_deref().map(|id| match &file.room_name {
        Some(name) => format!("{} ({})", escape(name), escape(id)),
        None => escape(id).into_owned(),
    });
    let user = match &file.user_name {
        Some(name) => format!("{} ({})", escape(name), escape(&file.user)),
        None => escape(&file.user).into_owned(),
    };
    Facts::default()
        .with("id", escape(&file.id))
        .with("type", escape(&file.media))
        .with("size", size(file.size))
        .maybe(
            "pixels",
            pixels.map(|(width, height)| format!("{width} \u{d7} {height}")),
        )
        .with("sha256", escape(&file.sha256))
        .gap()
        .with("user", user)
        .with("uploaded", moment(file.at, now))
        .maybe("room", room)
        .maybe("message", file.message.map(|seq| seq.to_string()))
        .gap()
        .with("state", file.state.as_str())
        .maybe("gone", file.gone_at.map(|at| moment(at, now)))
        .maybe("held by", file.held_by.as_deref().map(escape))
        .under(&escape(&file.name))
}

fn size(many: u64) -> String {
    match many {
        0..1024 => bytes(many),
        _ => format!("{} ({many} bytes)", bytes(many)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::plain;

    const NOW: Millis = Millis(1_763_818_320_000);

    fn file() -> File {
        let file = json!({
            "id": "f1", "name": "a\u{202e}b.png", "type": "image/png", "size": 2_097_152, "sha256": "ab12",
            "width": 640, "height": 480, "user": "u1", "user_name": "ana", "at": NOW.0 - 7_200_000,
            "state": "attached", "room": "r1", "room_name": "general", "message": 7, "held_by": "h1",
        });
        serde_json::from_value(file).expect("a file")
    }

    #[test]
    fn files_are_a_line_each_and_a_sum() {
        let total = Some(FilesTotal {
            files: 1200,
            bytes: 3 << 30,
        });
        let upload = File {
            room: None,
            room_name: None,
            message: None,
            held_by: None,
            state: chatd::model::FileState::Unused,
            ..file()
        };
        let table = list(&[file(), upload], total, NOW);
        let row = "f1\t2097152\timage/png\tana\tgeneral\tattached, held\t2025-11-22T11:32:00Z\ta\\u{202e}b.png";
        assert_eq!(table.tsv().lines().nth(1), Some(row));
        let text = plain(&table.words()).into_owned();
        assert!(
            text.ends_with("\n\n1,200 files, 3.0 GiB in all\n"),
            "{text}"
        );
    }

    #[test]
    fn one_file_is_shown_with_all_that_is_known() {
        let text = plain(&detail(&file(), NOW)).into_owned();
        for part in [
            "a\\u{202e}b.png\n",
            "size       2.0 MiB (2097152 bytes)\n",
            "pixels     640 \u{d7} 480\n",
            "room       general (r1)\n",
            "held by    h1\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
