//! Any bytes as a `server.properties`: a configuration, or what is wrong with it.
#![no_main]

use kraftd::config::{Config, Identity};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let file = dir.path().join("server.properties");
    std::fs::write(&file, bytes).expect("writes");
    for refused in [
        Identity::load(&file, &[]).err(),
        Config::load(&file, &[]).err(),
        Config::load(&file, &["process.roles=controller".to_owned()]).err(),
    ] {
        let _told = refused.map(|error| error.to_string());
    }
});
