//! Where somebody wants to be in a room, and what several of those come to.

/// Where somebody wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Here, or where they are, if that is further.
    AtLeast(u64),
    /// Here.
    Just(u64),
}

impl Want {
    /// First this, then that.
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (_, Self::Just(_)) => next,
            (Self::AtLeast(a), Self::AtLeast(b)) => Self::AtLeast(a.max(b)),
            (Self::Just(a), Self::AtLeast(b)) => Self::Just(a.max(b)),
        }
    }

    pub(super) fn seq(self) -> u64 {
        match self {
            Self::AtLeast(seq) | Self::Just(seq) => seq,
        }
    }

    /// The same, for where that really is.
    pub(super) fn at(self, seq: u64) -> Self {
        match self {
            Self::AtLeast(_) => Self::AtLeast(seq),
            Self::Just(_) => Self::Just(seq),
        }
    }

    /// Whether somebody who is here has to go elsewhere.
    pub(super) fn moves(self, from: u64) -> bool {
        match self {
            Self::AtLeast(seq) => seq > from,
            Self::Just(seq) => seq != from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Want::{AtLeast, Just};

    #[test]
    fn the_last_of_what_is_said_counts_and_never_goes_back_unasked() {
        for (first, next, both) in [
            (AtLeast(5), AtLeast(3), AtLeast(5)),
            (AtLeast(3), AtLeast(5), AtLeast(5)),
            (AtLeast(5), Just(3), Just(3)),
            (Just(3), AtLeast(5), Just(5)),
            (Just(5), AtLeast(3), Just(5)),
            (Just(3), Just(4), Just(4)),
        ] {
            assert_eq!(first.then(next), both, "{first:?}, {next:?}");
        }
        assert!(AtLeast(5).moves(4) && !AtLeast(5).moves(5) && !AtLeast(5).moves(6));
        assert!(Just(5).moves(4) && !Just(5).moves(5) && Just(5).moves(6));
    }
}
