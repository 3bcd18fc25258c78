//! The clock that the core is told the time of. (Whoever waits for the network or the disk counts by itself.)

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::time::{Now, Time};

/// Tells the time since the process started, and the wall clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    pub fn start() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    pub fn time(&self) -> Time {
        Time(self.start.elapsed().as_micros() as u64)
    }

    pub fn now(&self) -> Now {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Now {
            time: self.time(),
            wall_clock_ms: since_epoch.as_millis() as i64,
        }
    }
}
