//! The `kraftd` binary.

fn main() {}
