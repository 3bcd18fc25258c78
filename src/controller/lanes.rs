//! What waits for a controller waits in three lanes, so that an admin who creates ten thousand topics delays neither
//! the quorum nor the brokers' sessions.

use std::collections::VecDeque;

use super::apis;
use crate::protocol::api::ApiKey;

/// Served in this order; `apis.rs` says which request goes where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The quorum itself, and what keeps brokers alive.
    Quorum,
    /// Brokers at work.
    Broker,
    /// People and their tools.
    Admin,
}

impl Lane {
    /// Of a request; all else that happens to a controller goes by [`Lane::Quorum`].
    pub fn of_request(api_key: ApiKey) -> Lane {
        apis::find(api_key).map_or(Lane::Admin, |api| api.lane)
    }
}

/// What waits, in its lanes.
pub struct Lanes<T>([VecDeque<T>; 3]);

impl<T> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes(Default::default())
    }
}

impl<T> Lanes<T> {
    pub fn push(&mut self, lane: Lane, input: T) {
        self.0[lane as usize].push_back(input);
    }

    /// The first of the first lane that has any.
    pub fn pop(&mut self) -> Option<T> {
        self.0.iter_mut().find_map(VecDeque::pop_front)
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(VecDeque::is_empty)
    }

    pub fn len(&self) -> usize {
        self.0.iter().map(VecDeque::len).sum()
    }

    /// Drops what does not fit.
    pub fn retain(&mut self, mut fits: impl FnMut(&T) -> bool) {
        self.0.iter_mut().for_each(|lane| lane.retain(&mut fits));
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }
}
