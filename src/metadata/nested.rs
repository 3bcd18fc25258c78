//! Values by key within something that is configured: of a resource, or of whom a quota is for.

use imbl::OrdMap;

/// Sets a value, or removes it, where it lies; what has none left is gone.
pub(super) fn set<K: Ord + Clone, V: Clone>(
    all: &mut OrdMap<K, OrdMap<String, V>>,
    of: K,
    key: &str,
    value: Option<V>,
) {
    if let Some(value) = value {
        let values = all.entry(of).or_default();
        values.insert(key.to_owned(), value);
    } else if let Some(values) = all.get_mut(&of) {
        values.remove(key);
        if values.is_empty() {
            all.remove(&of);
        }
    }
}
