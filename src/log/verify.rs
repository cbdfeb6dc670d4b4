//! Walking the control log and checking it, row by row, without holding it: what `chatd audit verify` does.

use std::str::FromStr;

use serde_json::Value;

use super::chain::{digest_of, hash_of};
use crate::{
    clock::Millis,
    model::{Payload, entry::FORMAT},
    store::RawEntry,
};

/// A place of the chain that somebody wrote down elsewhere: `HASH` or `HASH@SEQ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The hash of an act.
    pub hash: String,
    /// Which act.
    pub seq: Option<u64>,
}

/// The text is no place of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write it as the 64 hexadecimal digits that `chatd audit verify` told, best with @SEQ")]
pub struct InvalidNoted;

impl FromStr for Noted {
    type Err = InvalidNoted;

    fn from_str(text: &str) -> Result<Self, InvalidNoted> {
        let (hash, seq) = match text.split_once('@') {
            Some((hash, seq)) => (hash, Some(seq.parse().map_err(|_| InvalidNoted)?)),
            None => (text, None),
        };
        if hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit()) || seq == Some(0) {
            return Err(InvalidNoted);
        }
        let hash = hash.to_ascii_lowercase();
        Ok(Self { hash, seq })
    }
}

/// What became of what had been noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    /// It is there.
    Found(u64),
    /// The act with that number has another hash: this one.
    Rewritten(String),
    /// The log ends before.
    CutOff,
    /// No act has that hash.
    Nowhere,
    /// A row before it is wrong, so it says nothing.
    NotReached,
}

/// The first row that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Its number.
    pub seq: u64,
    /// When, as far as that can be read.
    pub at: Option<Millis>,
    /// What was done, as far as that can be read.
    pub act: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// A row that was right: where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub seq: u64,
    /// When.
    pub at: Millis,
    /// Its hash.
    pub hash: String,
}

/// A walk along the control log, from its beginning.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    noted: Option<Noted>,
    met: Option<Compared>,
    /// The last row that was right.
    pub last: Option<Place>,
    /// How many rows were right.
    pub checked: u64,
    /// How many of them have had their particulars erased.
    pub erased: u64,
    /// The first one that was not.
    pub wrong: Option<Wrong>,
    /// How many rows come after that; they are not checked, as each is to be checked by the one before.
    pub following: u64,
}

impl Walk {
    /// A walk that looks for a noted place on its way.
    pub fn new(noted: Option<Noted>) -> Self {
        Self {
            noted,
            ..Self::default()
        }
    }

    /// Takes the next row of the log.
    pub fn step(&mut self, row: &RawEntry) {
        if self.wrong.is_some() {
            self.following += 1;
            return;
        }
        let (seq, hash) = match &self.last {
            Some(last) => (last.seq + 1, last.hash.as_str()),
            None => (1, ""),
        };
        if row.seq != seq {
            let found = row
                .at
                .map_or(String::new(), |at| format!(" of {}", Millis(at)));
            self.following = 1;
            self.wrong = Some(Wrong {
                seq,
                at: None,
                act: None,
                why: format!("it is missing: the next one there is {}{found}", row.seq),
            });
            return;
        }
        match check(row, hash) {
            Ok((place, erased)) => {
                self.checked += 1;
                self.erased += u64::from(erased);
                self.compare(&place);
                self.last = Some(place);
            }
            Err(why) => {
                let act = act_of(row);
                let name = act.as_ref().and_then(|act| act["act"].as_str());
                self.wrong = Some(Wrong {
                    seq,
                    at: row.at.map(Millis),
                    act: name.map(ToOwned::to_owned),
                    why,
                });
            }
        }
    }

    /// What became of what had been noted; none when nothing was.
    pub fn compared(&self) -> Option<Compared> {
        let noted = self.noted.as_ref()?;
        Some(match (&self.met, &self.wrong, noted.seq) {
            (Some(met), ..) => met.clone(),
            (None, Some(_), _) => Compared::NotReached,
            (None, None, Some(_)) => Compared::CutOff,
            (None, None, None) => Compared::Nowhere,
        })
    }

    fn compare(&mut self, place: &Place) {
        let Some(noted) = &self.noted else { return };
        let same = noted.hash == place.hash;
        match noted.seq {
            Some(seq) if seq == place.seq && !same => {
                self.met = Some(Compared::Rewritten(place.hash.clone()));
            }
            Some(seq) if seq != place.seq => {}
            _ if same => self.met = Some(Compared::Found(place.seq)),
            _ => {}
        }
    }
}

/// The act of a row, as JSON.
pub fn act_of(row: &RawEntry) -> Option<Value> {
    let act: Value = serde_json::from_str(&row.data).ok()?;
    act.is_object().then_some(act)
}

/// Checks one row by the hash of the one before; says where it stands, and whether its particulars are gone.
fn check(row: &RawEntry, previous: &str) -> Result<(Place, bool), String> {
    let wrong = |why: &str| why.to_owned();
    if row.version.is_some_and(|v| v > i64::from(FORMAT)) {
        return Err(wrong("a newer chatd wrote it: check it with that one"));
    }
    if row.kind != "act" {
        return Err(format!("it is no act, but called {:?}", row.kind));
    }
    let act = act_of(row).ok_or_else(|| wrong("its content does not read"))?;
    let at = row
        .at
        .map(Millis)
        .ok_or_else(|| wrong("its time does not read"))?;
    let Some(hash) = act["hash"].as_str() else {
        return Err(wrong("it has no hash"));
    };
    if hash != hash_of(previous, row.seq, at, &act) {
        return Err(wrong("it does not have the hash that it should have"));
    }
    // Beside the content: what can be told from it is compared.
    if row.from.as_deref() != act["actor"]["user"].as_str() {
        return Err(wrong("its sender is not who acted"));
    }
    if row.n != Some(0) {
        return Err(wrong("it counts messages, of which this log has none"));
    }
    if !reads(&act) {
        return Err(wrong("its content is no act that chatd could have written"));
    }
    let erased = check_personal(&act)?;
    let hash = hash.to_owned();
    let seq = row.seq;
    Ok((Place { seq, at, hash }, erased))
}

/// Compares the particulars with their digest; says whether they are gone.
fn check_personal(act: &Value) -> Result<bool, String> {
    let digest = act["personal_digest"].as_str();
    let personal = act.get("personal").filter(|p| !p.is_null());
    let Some(personal) = personal else {
        return Ok(digest.is_some());
    };
    let salt = personal["salt"].as_str().unwrap_or_default();
    if digest == Some(&digest_of(salt, &personal["fields"])) {
        Ok(false)
    } else {
        Err("its particulars are not those whose digest it has".to_owned())
    }
}

fn reads(act: &Value) -> bool {
    let mut act = act.clone();
    act["kind"] = "act".into();
    serde_json::from_value::<Payload>(act).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        log::chain::{chain_hash, personal_digest},
        model::{Act, Actor, Head, Personal},
    };

    fn rows(count: u64) -> Vec<RawEntry> {
        let mut previous = String::new();
        let row = |seq: u64| {
            let personal = Personal {
                salt: format!("{seq:032x}"),
                fields: [("username".to_owned(), format!("user-{seq}"))].into(),
            };
            let mut act = Act {
                act: "user.create".into(),
                actor: Actor::server(),
                target: Some(seq.to_string()),
                detail: serde_json::json!({"role": "member"}),
                personal_digest: Some(personal_digest(&personal)),
                personal: Some(personal),
                hash: String::new(),
            };
            let at = Millis(1000 + i64::try_from(seq).unwrap());
            act.hash = chain_hash(&previous, Head { seq, n: 0, at }, &act);
            previous.clone_from(&act.hash);
            RawEntry {
                seq,
                n: Some(0),
                at: Some(at.0),
                from: None,
                version: Some(1),
                kind: "act".into(),
                data: serde_json::to_string(&act).unwrap(),
            }
        };
        (1..=count).map(row).collect()
    }

    fn walk(rows: &[RawEntry], noted: Option<&str>) -> Walk {
        let mut walk = Walk::new(noted.map(|text| text.parse().unwrap()));
        for row in rows {
            walk.step(row);
        }
        walk
    }

    fn hash(row: &RawEntry) -> String {
        act_of(row).unwrap()["hash"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_whole_log_is_whole() {
        let rows = rows(5);
        let walk = walk(&rows, None);
        assert_eq!((walk.checked, walk.erased, &walk.wrong), (5, 0, &None));
        assert_eq!(walk.last.unwrap().hash, hash(&rows[4]));
    }

    #[test]
    fn whatever_is_changed_is_found_at_its_row() {
        type Change = fn(&mut Vec<RawEntry>);
        let cases: [(u64, &str, Change); 14] = [
            (3, "hash", |r| {
                r[2].data = r[2].data.replace("member", "admin");
            }),
            (3, "hash", |r| {
                r[2].data = r[2].data.replace("\"target\"", "\"x\":1,\"target\"");
            }),
            (3, "particulars", |r| {
                r[2].data = r[2].data.replace("user-3", "user-4");
            }),
            (3, "hash", |r| r[2].at = Some(1)),
            (3, "time", |r| r[2].at = None),
            (3, "sender", |r| r[2].from = Some("x".into())),
            (3, "counts", |r| r[2].n = Some(1)),
            (3, "no act", |r| r[2].kind = "note".into()),
            (3, "newer", |r| r[2].version = Some(99)),
            (3, "does not read", |r| r[2].data.truncate(9)),
            (3, "missing: the next one there is 4", |r| drop(r.remove(2))),
            (1, "missing: the next one there is 3", |r| {
                drop(r.drain(..2));
            }),
            (2, "hash", |r| {
                let data = r[1].data.clone();
                r[1].data = std::mem::replace(&mut r[2].data, data);
            }),
            (3, "no hash", |r| {
                r[2].data = r[2].data.replace("\"hash\"", "\"hush\"");
            }),
        ];
        for (seq, why, change) in cases {
            let mut rows = rows(5);
            change(&mut rows);
            let walk = walk(&rows, None);
            let wrong = walk.wrong.expect(why);
            assert_eq!(wrong.seq, seq, "{why}: {wrong:?}");
            assert!(wrong.why.contains(why), "{why}: {wrong:?}");
            assert_eq!(walk.checked, seq - 1, "{why}");
            let missing = u64::from(wrong.act.is_none() && wrong.at.is_none());
            let rest = rows.iter().filter(|r| r.seq > seq - missing).count() as u64;
            assert_eq!(walk.following, rest, "{why}");
        }
    }

    #[test]
    fn particulars_may_be_erased() {
        let mut rows = rows(3);
        let mut act = act_of(&rows[1]).unwrap();
        act.as_object_mut().unwrap().remove("personal");
        rows[1].data = act.to_string();
        let walk = walk(&rows, None);
        assert_eq!((walk.checked, walk.erased, walk.wrong), (3, 1, None));
    }

    #[test]
    fn what_was_noted_is_compared() {
        let (rows, other) = (rows(4), "0".repeat(64));
        let third = hash(&rows[2]);
        for (noted, upto, expected) in [
            (format!("{third}@3"), 4, Compared::Found(3)),
            (third.to_uppercase(), 4, Compared::Found(3)),
            (format!("{third}@3"), 2, Compared::CutOff),
            (third.clone(), 2, Compared::Nowhere),
            (format!("{other}@3"), 4, Compared::Rewritten(third.clone())),
            (format!("{third}@2"), 4, Compared::Rewritten(hash(&rows[1]))),
        ] {
            let walk = walk(&rows[..upto], Some(&noted));
            assert_eq!(walk.compared(), Some(expected), "{noted}");
        }
        let walk = walk(&rows[1..], Some(&third));
        assert_eq!(walk.compared(), Some(Compared::NotReached));
        for bad in [
            "",
            "x",
            &third[1..],
            &format!("{third}@"),
            &format!("{third}@0"),
        ] {
            assert_eq!(bad.parse::<Noted>(), Err(InvalidNoted), "{bad}");
        }
    }
}
