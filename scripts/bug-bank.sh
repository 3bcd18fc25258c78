#!/bin/sh
# Builds the bugs of others into the simulation, one after the other, and says which seed finds each
# (docs/BUG-BANK.md).
set -eu
cd "$(dirname "$0")/.."
cargo test --release --locked --test simulation -- bank:: --nocapture --test-threads 1 2>&1 |
    grep -E "is found by seed|was not found|without|^test result|^error"
