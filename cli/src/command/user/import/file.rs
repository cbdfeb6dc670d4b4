//! The file of an import: CSV, all of it read and checked before anything is asked or done.

use std::collections::HashMap;

use chatd::{
    admin::api::import::Account,
    auth::password::ImportedHash,
    model::{DisplayName, Email, RoleName, Status, Username},
};
use csv::{ByteRecord, ReaderBuilder};

use crate::failure::Flaw;

/// The columns there are; the first one has to be.
const COLUMNS: [&str; 6] = [
    "name",
    "display_name",
    "email",
    "role",
    "password_hash",
    "status",
];

/// An account of the file.
#[derive(Clone)]
pub(super) struct Row {
    /// On which line it begins.
    pub(super) line: u64,
    /// What the line says.
    pub(super) account: Account,
}

/// Reads the whole file, or says everything that is wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Row>, Vec<Flaw>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(vec![flaw(
            1,
            None,
            "this is UTF-16; save the file as UTF-8",
        )]);
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut record = ByteRecord::new();
    let mut lines = Lines::new(bytes);
    let mut next = |record: &mut ByteRecord| match reader.read_byte_record(record) {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(lines.line_of(record.position()))),
        Err(e) => {
            let line = lines.line_of(e.position());
            Err(flaw(line, None, format!("this does not read as CSV: {e}")))
        }
    };
    let Some(first) = next(&mut record).map_err(|e| vec![e])? else {
        let why = "the file is empty; its first line names the columns, such as name,email,role";
        return Err(vec![flaw(1, None, why)]);
    };
    let columns = header(first, &record)?;
    let mut file = File::default();
    loop {
        match next(&mut record) {
            Ok(Some(line)) => file.take(line, &columns, &record),
            Ok(None) => break,
            Err(e) => {
                file.flaws.push(e);
                break;
            }
        }
    }
    if file.flaws.is_empty() {
        Ok(file.rows)
    } else {
        Err(file.flaws)
    }
}

/// Counts lines. The reader counts a line's end with the next record where it is CR LF, and passes over empty
/// lines only then; so a record begins behind them.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Up to where they were counted, and which line that is.
    counted: (usize, u64),
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let counted = (0, 1);
        Self { bytes, counted }
    }

    /// The line on which a record begins; records come in their order.
    fn line_of(&mut self, position: Option<&csv::Position>) -> u64 {
        let (from, line) = self.counted;
        let at = position.map_or(0, csv::Position::byte);
        let at = usize::try_from(at)
            .unwrap_or(usize::MAX)
            .clamp(from, self.bytes.len());
        let ends = |b: &&u8| matches!(b, b'\r' | b'\n');
        let start = at + self.bytes[at..].iter().take_while(ends).count();
        // What is passed ends in whole lines, or is nothing.
        let passed = self.bytes[from..start].split(|b| *b == b'\n').skip(1);
        self.counted = (start, line + passed.count() as u64);
        self.counted.1
    }
}

/// The columns that the first line names.
fn header(line: u64, record: &ByteRecord) -> Result<Vec<&'static str>, Vec<Flaw>> {
    let (mut columns, mut flaws) = (Vec::new(), Vec::new());
    for name in record {
        let name = String::from_utf8_lossy(name).trim().to_lowercase();
        let Some(known) = COLUMNS.into_iter().find(|known| *known == name) else {
            let separated = name.contains([';', '\t']) && record.len() == 1;
            let why = if separated {
                "columns are separated by commas".to_owned()
            } else {
                format!("there is no such column; there are {}", COLUMNS.join(", "))
            };
            flaws.push(flaw(line, Some(&name), why));
            continue;
        };
        if columns.contains(&known) {
            flaws.push(flaw(line, Some(known), "this column is named twice"));
        }
        columns.push(known);
    }
    if flaws.is_empty() && !columns.contains(&"name") {
        let why = "the first line names the columns, and this one has to be there";
        flaws.push(flaw(line, Some("name"), why));
    }
    if flaws.is_empty() {
        Ok(columns)
    } else {
        Err(flaws)
    }
}

/// What was read so far.
#[derive(Default)]
struct File {
    rows: Vec<Row>,
    flaws: Vec<Flaw>,
    /// On which line a name or an address stood first.
    names: HashMap<String, u64>,
    emails: HashMap<String, u64>,
}

impl File {
    fn take(&mut self, line: u64, columns: &[&'static str], record: &ByteRecord) {
        if record.len() != columns.len() {
            let (has, should) = (record.len(), columns.len());
            let why = format!(
                "it has {has} fields where the first line has {should}; a field with a comma in it stands in \
                 double quotes"
            );
            return self.flaws.push(flaw(line, None, why));
        }
        let before = self.flaws.len();
        let mut account = Account::default();
        for (column, field) in columns.iter().zip(record) {
            let Ok(text) = str::from_utf8(field) else {
                self.wrong(line, column, "this is not UTF-8");
                continue;
            };
            let text = text.trim();
            if text.is_empty() && *column != "name" {
                continue;
            }
            match checked(column, text) {
                Ok(text) => self.put(line, column, text, &mut account),
                Err(why) => self.wrong(line, column, why),
            }
        }
        let waits = account.status.as_deref() == Some(Status::Invited.as_str());
        if waits && account.password_hash.is_some() {
            let why = "an invited account has no password: leave out the hash, or write active";
            self.wrong(line, "status", why);
        }
        if self.flaws.len() == before {
            self.rows.push(Row { line, account });
        }
    }

    fn put(&mut self, line: u64, column: &str, text: String, account: &mut Account) {
        let seen = match column {
            "name" => Some(&mut self.names),
            "email" => Some(&mut self.emails),
            _ => None,
        };
        let first = seen.map(|seen| *seen.entry(text.clone()).or_insert(line));
        if let Some(first) = first.filter(|first| *first != line) {
            let why = format!("`{text}` is on line {first} already");
            return self.wrong(line, column, why);
        }
        match column {
            "name" => account.name = text,
            "display_name" => account.display_name = Some(text),
            "email" => account.email = Some(text),
            "role" => account.role = Some(text),
            "password_hash" => account.password_hash = Some(text),
            _ => account.status = Some(text),
        }
    }

    fn wrong(&mut self, line: u64, column: &str, why: impl Into<String>) {
        self.flaws.push(flaw(line, Some(column), why));
    }
}

/// A field as chatd writes it, or what is wrong with it and what would be right.
fn checked(column: &str, text: &str) -> Result<String, String> {
    let quoted = |why: String| format!("`{}`: {why}", shorten(text));
    match column {
        "name" => match (Username::parse(text), Username::parse(&text.to_lowercase())) {
            (Ok(name), _) => Ok(name.into()),
            (Err(_), Ok(lower)) => {
                Err(quoted(format!("names are lower-case; write it as {lower}")))
            }
            (Err(why), Err(_)) => Err(quoted(why.to_string())),
        },
        "display_name" => DisplayName::parse(text)
            .map(Into::into)
            .map_err(|why| quoted(why.to_string())),
        "email" => Email::parse(text)
            .map(Into::into)
            .map_err(|why| quoted(why.to_string())),
        "role" => {
            let role = text.to_lowercase().parse::<RoleName>();
            role.map(|r| r.to_string())
                .map_err(|why| quoted(why.to_string()))
        }
        // A hash is a secret of a kind: it is not repeated.
        "password_hash" => {
            let hash = ImportedHash::parse(text);
            hash.map(|h| h.as_str().to_owned())
                .map_err(|why| why.to_string())
        }
        _ => {
            let status = text.to_lowercase().parse::<Status>().ok();
            status
                .filter(|status| *status != Status::Erased)
                .map(|status| status.to_string())
                .ok_or_else(|| quoted("one of: active, invited, disabled".into()))
        }
    }
}

/// As much of a text as is needed to find it again.
fn shorten(text: &str) -> String {
    const MOST: usize = 40;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn flaw(line: u64, column: Option<&str>, why: impl Into<String>) -> Flaw {
    Flaw {
        line,
        column: column.map(ToOwned::to_owned),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$05$7RQeBh2aBr6YjH9ofDhA.u05P10oMeOYOxMTP3vmwJ3up0mUZddNG";

    fn names(text: &[u8]) -> Vec<(u64, String)> {
        let rows = parse(text).expect("a good file");
        rows.into_iter()
            .map(|row| (row.line, row.account.name))
            .collect()
    }

    fn flaws(text: &[u8]) -> Vec<(u64, Option<String>, String)> {
        let flaws = parse(text).err().expect("a bad file");
        flaws
            .into_iter()
            .map(|f| (f.line, f.column, f.why))
            .collect()
    }

    #[test]
    fn good_files_are_read_as_they_come() {
        let ana = |line| vec![(line, "ana".to_owned())];
        assert_eq!(names(b"name\nana\n"), ana(2));
        assert_eq!(names(b"\xef\xbb\xbfname\r\nana\r\n"), ana(2));
        assert_eq!(names(b"name\n\n\nana"), ana(4));
        assert_eq!(names(b"\r\nname\r\n\r\n\r\nana\r\n\r\n"), ana(5));
        let two = [(2, "ana".to_owned()), (4, "bob".to_owned())];
        let several = b"name,display_name\r\nana,\"one\r\n line\"\r\nbob,\r\n";
        assert_eq!(parse(several).err().expect("of two lines")[0].line, 2);
        assert_eq!(names(b"name,role\nana,\"\n\"\nbob,\n"), two);
        assert_eq!(names(b" Name , EMAIL\n ana , \n"), ana(2));
        assert_eq!(names(b"name\n"), []);
        let text = format!(
            "role,name,password_hash,display_name\nAdmin,ana,{HASH},\"Ana, \"\"A\"\"\"\n,bob,,\n"
        );
        let rows = parse(text.as_bytes()).expect("a good file");
        let ana = &rows[0].account;
        assert_eq!(ana.display_name.as_deref(), Some("Ana, \"A\""));
        assert_eq!(ana.role.as_deref(), Some("admin"));
        assert_eq!(ana.password_hash.as_deref(), Some(HASH));
        let bob = &rows[1].account;
        assert_eq!(
            (rows[1].line, &bob.role, &bob.display_name),
            (3, &None, &None)
        );
    }

    #[test]
    fn every_flaw_is_named_with_its_place() {
        let text =
            b"name,email,role\nAna,ana@x.org,member\nbob,nonsense,the king\n,c@x.org,\ndora,d@x.org\n\
            eve,c@x.org,\neve,e@x.org,\n\xff\xfe,f@x.org,\nfay,c@x.org,guest\n";
        let found = flaws(text);
        let places: Vec<_> = found.iter().map(|(l, c, _)| (*l, c.as_deref())).collect();
        assert_eq!(
            places,
            [
                (2, Some("name")),
                (3, Some("email")),
                (3, Some("role")),
                (4, Some("name")),
                (5, None),
                (6, Some("email")),
                (7, Some("name")),
                (8, Some("name")),
                (9, Some("email")),
            ],
            "{found:#?}"
        );
        for (i, words) in [
            (0, "`Ana`: names are lower-case; write it as ana"),
            (2, "`the king`: a name is"),
            (4, "2 fields where the first line has 3"),
            (6, "`eve` is on line 6 already"),
            (7, "not UTF-8"),
        ] {
            assert!(found[i].2.contains(words), "{words}: {:?}", found[i]);
        }
    }

    #[test]
    fn a_bad_first_line_is_told_alone() {
        for (text, column, words) in [
            (&b""[..], None, "empty"),
            (b"\xff\xfen\0a\0", None, "UTF-16"),
            (
                b"name;email\nana;x\n",
                Some("name;email"),
                "separated by commas",
            ),
            (
                b"username\nana\n",
                Some("username"),
                "no such column; there are name,",
            ),
            (b"email\na@x.org\n", Some("name"), "has to be there"),
            (b"name,name\nana,ana\n", Some("name"), "twice"),
        ] {
            let found = flaws(text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].0, found[0].1.as_deref()),
                (1, column),
                "{found:?}"
            );
            assert!(found[0].2.contains(words), "{found:?}");
        }
    }

    #[test]
    fn a_status_and_a_hash_have_to_agree_and_a_hash_is_not_repeated() {
        let text = format!(
            "name,status,password_hash\nana,invited,{HASH}\nbob,gone,\ncarl,active,hunter2\n"
        );
        let found = flaws(text.as_bytes());
        assert_eq!(found.len(), 3, "{found:#?}");
        assert!(found[0].2.contains("has no password"), "{found:?}");
        assert!(found[1].2.contains("one of: active"), "{found:?}");
        assert!(!found[2].2.contains("hunter2"), "{found:?}");
    }

    #[test]
    fn a_quote_that_is_not_closed_is_an_error_and_not_a_silent_end() {
        let found = flaws(b"name,email\n\"ana,a@x.org\nbob,b@x.org\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, 2);
    }
}
