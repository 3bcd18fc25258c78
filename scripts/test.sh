#!/bin/sh
# The tests, from a fresh checkout: formatting, lints, unit and property tests, the simulation, and the
# tests against real Kafka. Under half an hour on two cores. docs/TESTING.md says what else there is: the
# bank of bugs, fuzzing, the bare Debian, and tests that are ignored because they take long.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --java
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
cargo test --release --locked
