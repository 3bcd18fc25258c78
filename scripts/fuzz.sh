#!/bin/sh
# Fuzzes one target after the other (fuzz/fuzz_targets), each for so many seconds, on all cores: scripts/fuzz.sh [SECONDS]
# Begins with the inputs in fuzz/corpus, and with what earlier runs have found (target/fuzz). The first crash
# ends it, and leaves its input in fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
scripts/setup.sh --fuzz
command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked cargo-fuzz
# cargo-fuzz wants flags that only a nightly compiler takes; the one that is pinned takes them with this. The
# sanitizers look for what safe Rust has not.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --sanitizer none
for target in $(cargo fuzz list); do
    echo "== $target"
    found=target/fuzz/$target
    mkdir -p "$found"
    cargo fuzz run --sanitizer none --jobs "$(nproc)" "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1
done
