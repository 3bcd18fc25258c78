//! What the tests against real Kafka have built already.

#![allow(dead_code, reason = "those tests use the rest")]

macro_rules! harness {
    ($($module:ident $path:literal)*) => { $(
        #[path = $path]
        pub mod $module;
    )* };
}

harness! {
    client "../java/client.rs"
    cluster "../java/cluster.rs"
    helpers "../java/helpers.rs"
    kafka "../java/kafka.rs"
    load "../java/load.rs"
    metadata_log "../java/metadata_log.rs"
    process "../java/process.rs"
    requests "../java/requests.rs"
}
