//! How much of the log and of snapshots is on its way. An answer is kept until the other side has taken it, and many
//! may ask for much and take it slowly, or not at all: together they get so much, and each of them little then.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Of all answers together, unless very many ask.
const MOST_BYTES: usize = 64 << 20;
/// Nobody gets less at once, so that everyone comes on.
const LEAST_BYTES: usize = 64 << 10;

/// Shared by those who make answers and those who send them.
#[derive(Clone, Debug, Default)]
pub struct Underway(Arc<AtomicUsize>);

/// A part of it, given back when this is dropped.
#[derive(Debug)]
pub struct Share {
    bytes: usize,
    all: Underway,
}

impl Underway {
    /// Room for an answer of up to `max_bytes`, or less.
    pub fn share(&self, max_bytes: usize) -> Share {
        let left = MOST_BYTES.saturating_sub(self.0.load(Ordering::Relaxed));
        let bytes = max_bytes.min(left.max(LEAST_BYTES));
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Share {
            bytes,
            all: self.clone(),
        }
    }
}

impl Share {
    /// What the answer may have.
    pub fn max_bytes(&self) -> usize {
        self.bytes
    }

    /// What it has: less, or one batch that is larger.
    pub fn settle(&mut self, bytes: usize) {
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_get_little_each_and_few_get_all_they_ask_for() {
        let underway = Underway::default();
        let mut first = underway.share(8 << 20);
        assert_eq!(first.max_bytes(), 8 << 20);
        first.settle(1_000);
        let others: Vec<Share> = (0..100).map(|_| underway.share(8 << 20)).collect();
        let all: usize = others.iter().map(Share::max_bytes).sum();
        assert!(all <= MOST_BYTES + 100 * LEAST_BYTES, "{all}");
        assert_eq!(others[99].max_bytes(), LEAST_BYTES);
        drop((first, others));
        assert_eq!(underway.share(usize::MAX).max_bytes(), MOST_BYTES);
    }
}
