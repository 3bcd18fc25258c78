#!/bin/sh
# Every test there is, from a fresh checkout: formatting, lints, unit and property tests, the
# simulation, and the tests against real Kafka. Under half an hour on two cores.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --java
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
cargo test --release --locked
