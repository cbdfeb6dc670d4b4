//! What must not happen to a message on its way, and how often it did.

use serde::Serialize;

/// What was found wrong. All zero is as it has to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Checks {
    /// Deliveries that never came: a gap in a room's numbers, or what was still missing at the end.
    pub(super) lost: u64,
    /// Deliveries that came again.
    pub(super) repeated: u64,
    /// Deliveries that came after a later one.
    pub(super) out_of_order: u64,
    /// Messages that had another number for one listener than for another, or than the acknowledgement said.
    pub(super) misnumbered: u64,
    /// Texts that came otherwise than they were sent, or that nobody sent.
    pub(super) altered: u64,
    /// Messages that were neither acknowledged nor refused.
    pub(super) unanswered: u64,
    /// The first of these, in words.
    pub(super) first: Option<String>,
}

impl Checks {
    /// Whether nothing is wrong.
    pub(super) fn ok(&self) -> bool {
        self.faults() == 0
    }

    /// How much is wrong.
    pub(super) fn faults(&self) -> u64 {
        self.lost
            + self.repeated
            + self.out_of_order
            + self.misnumbered
            + self.altered
            + self.unanswered
    }

    /// Remembers what was the first.
    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        self.first.get_or_insert_with(what);
    }

    /// Adds what somebody else found.
    pub(super) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.out_of_order += other.out_of_order;
        self.misnumbered += other.misnumbered;
        self.altered += other.altered;
        self.unanswered += other.unanswered;
        if self.first.is_none() {
            self.first = other.first;
        }
    }

    /// All of it in one line.
    pub(super) fn words(&self) -> String {
        let kinds = [
            (self.lost, "lost"),
            (self.repeated, "repeated"),
            (self.out_of_order, "out of order"),
            (self.misnumbered, "under another number"),
            (self.altered, "altered"),
            (self.unanswered, "not answered"),
        ];
        let found = kinds.iter().filter(|(count, _)| *count > 0);
        let found = found.map(|(count, kind)| format!("{} {kind}", crate::output::number(*count)));
        found.collect::<Vec<_>>().join(", ")
    }
}

/// Where one connection stands in its room.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The last number it was told; none before it subscribed.
    pub(super) last: Option<u64>,
    /// Numbers below that which did not come.
    missing: Vec<u64>,
}

impl Place {
    /// An entry has come. Answers whether it is one that had not come before.
    #[inline]
    pub(super) fn take(&mut self, seq: u64, room: &str, checks: &mut Checks) -> bool {
        let last = self.last.unwrap_or(0);
        if seq == last + 1 {
            self.last = Some(seq);
            return true;
        }
        self.take_odd(seq, last, room, checks)
    }

    #[cold]
    fn take_odd(&mut self, seq: u64, last: u64, room: &str, checks: &mut Checks) -> bool {
        /// As many gaps are remembered; of more it is only known that they were.
        const MOST: u64 = 1 << 16;
        if seq > last {
            checks.lost += seq - last - 1;
            self.missing.extend((last + 1..seq).take(MOST as usize));
            self.last = Some(seq);
            checks.note(|| {
                format!("in room {room} one connection was told {seq} right after {last}")
            });
            return true;
        }
        if let Some(at) = self.missing.iter().position(|m| *m == seq) {
            self.missing.swap_remove(at);
            checks.lost -= 1;
            checks.out_of_order += 1;
            checks.note(|| format!("in room {room} one connection was told {seq} after {last}"));
            return true;
        }
        checks.repeated += 1;
        checks.note(|| format!("in room {room} one connection was told {seq} a second time"));
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(seqs: &[u64]) -> Checks {
        let mut checks = Checks::default();
        let mut place = Place::default();
        for seq in seqs {
            place.take(*seq, "r", &mut checks);
        }
        checks
    }

    #[test]
    fn order_is_checked() {
        assert!(told(&[1, 2, 3]).ok());
        let lost = told(&[1, 3, 4]);
        assert_eq!((lost.lost, lost.faults()), (1, 1));
        let swapped = told(&[1, 3, 2, 4]);
        assert_eq!((swapped.out_of_order, swapped.faults()), (1, 1));
        let again = told(&[1, 2, 2, 3]);
        assert_eq!((again.repeated, again.faults()), (1, 1));
        let late_and_again = told(&[1, 3, 2, 2]);
        assert_eq!(late_and_again.words(), "1 repeated, 1 out of order");
        assert!(
            late_and_again
                .first
                .unwrap()
                .contains("told 3 right after 1")
        );
    }
}
