//! Time as the pure core sees it: handed in with every call, never read.

use std::ops::{Add, Sub};

/// A moment on one process' monotonic clock, in microseconds since a start of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The moment `ms` milliseconds later.
    pub fn plus_ms(self, ms: u64) -> Time {
        Time(self.0.saturating_add(ms.saturating_mul(1000)))
    }

    /// Milliseconds since `earlier`; 0 when that lies ahead.
    pub fn ms_since(self, earlier: Time) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }
}

impl Add<std::time::Duration> for Time {
    type Output = Time;
    fn add(self, duration: std::time::Duration) -> Time {
        Time(self.0.saturating_add(duration.as_micros() as u64))
    }
}

impl Sub for Time {
    type Output = std::time::Duration;
    fn sub(self, earlier: Time) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// The two clocks of a node at one moment. Timers go by `time`; `wall_clock_ms` (milliseconds since
/// 1970) is only ever written into records and answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub time: Time,
    pub wall_clock_ms: i64,
}
