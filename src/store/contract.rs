//! The contract's tests.
