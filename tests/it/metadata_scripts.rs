//! The scripts in `scripts/metadata`: what brokers and clients ask of a controller, what it answers and
//! writes. Each tells one story; read as Kafka's rules, with the classes that hold them named.

use crate::{metadata_world::World, script};

#[test]
fn metadata_scripts() {
    script::check("metadata", World::new, World::play);
}
