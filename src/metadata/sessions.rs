//! Who is alive, as the active controller knows it.

/// The leader's own, unreplicated knowledge of its brokers.
#[derive(Clone, Debug, Default)]
pub struct Sessions {}
