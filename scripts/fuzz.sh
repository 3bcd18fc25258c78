#!/bin/sh
# Fuzzes one target after the other (fuzz/fuzz_targets), each for so many seconds, on all cores:
# scripts/fuzz.sh [SECONDS] [TARGET...]
# Begins with the inputs in fuzz/corpus, and with what earlier runs have found (target/fuzz). The first crash, hang or
# excess of memory ends it, and leaves its input in fuzz/artifacts.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
scripts/setup.sh --fuzz
command -v cargo-fuzz >/dev/null 2>&1 || cargo install --locked cargo-fuzz
# cargo-fuzz wants flags that only a nightly compiler takes; the one that is pinned takes them with this. The
# sanitizers look for what safe Rust has not. It is optimised, with the checks of a debug build.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --sanitizer none
# shellcheck disable=SC2046 # a list of targets
[ $# -gt 0 ] || set -- $(cargo fuzz list)
for target; do
    echo "== $target"
    found=${CARGO_TARGET_DIR:-target}/fuzz/$target
    mkdir -p "$found"
    cargo fuzz run --sanitizer none --jobs "$(nproc)" "$target" "$found" "fuzz/corpus/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -ignore_timeouts=0 -ignore_ooms=0
done
