//! What is told only so often: one kind of event that others can make happen at will must not push all the rest
//! out of memory.

use parking_lot::Mutex;

use crate::clock::Millis;

/// How many events of a kind are told in a second.
const A_SECOND: u32 = 50;

/// How much of one kind was told lately.
#[derive(Debug, Default)]
pub(super) struct Flood(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    second: i64,
    told: u32,
    left_out: u64,
}

impl Flood {
    /// Whether one that happens at `at` is told: then how many were left out before it.
    pub(super) fn admit(&self, at: Millis) -> Option<u64> {
        let mut window = self.0.lock();
        if window.second != at.unix_seconds() {
            window.second = at.unix_seconds();
            window.told = 0;
        }
        if window.told == A_SECOND {
            window.left_out += 1;
            return None;
        }
        window.told += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_tells_fifty_and_the_next_one_says_how_many_were_left_out() {
        let flood = Flood::default();
        let told = (0..80).filter_map(|i| flood.admit(Millis(5_000 + i)));
        assert_eq!(told.collect::<Vec<_>>(), vec![0; 50]);
        assert_eq!(flood.admit(Millis(6_000)), Some(30));
        assert_eq!(flood.admit(Millis(6_001)), Some(0));
    }
}
