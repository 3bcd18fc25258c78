
/// Whether this thread is to have the bug: the simulation names it after the bug.
pub fn has_bug(name: &str) -> bool {
    std::thread::current().name() == Some(name)
}
