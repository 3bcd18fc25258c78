#!/bin/sh
# Builds the bugs of others in, one after the other, and writes which seed finds each into docs/BUG-BANK.md. Those within
# the core are patches, in a copy of the source: a thread that is named after one has it (gate.rs).
set -eu
cd "$(dirname "$0")/.."
page=$PWD/docs/BUG-BANK.md
bugs=$PWD/tests/simulation/core_bugs
copy=target/bug-bank
parts="bin config benches src tests Cargo.lock Cargo.toml rust-toolchain.toml"
mkdir -p $copy
(cd $copy && rm -rf $parts)
cp -R $parts $copy
cd $copy
# What the simulation does not run, and to optimise all the rest, takes longest to build.
sed -i '/^pub mod cli;/d' src/lib.rs
rm src/main.rs
cat "$bugs/gate.rs" >> src/lib.rs
for patch in "$bugs"/*.patch; do
    patch -p1 -s -F0 < "$patch"
done
export CARGO_TARGET_DIR=$PWD/target CARGO_INCREMENTAL=1 KRAFTD_CORE_BUGS=1
status=0
cargo test --release --locked --config profile.release.package.kraftd.opt-level=1 --test simulation -- \
    bank:: --nocapture --test-threads 1 > found.log 2>&1 || status=$?
grep -aE "is found by seed|was not found|fails without|^test result|^error" found.log
grep -aoE "^[A-Za-z0-9-]+ is found by seed [0-9]+" found.log | while read -r bug _ _ _ _ seed; do
    sed -i -E "s/^(\| \`$bug\`[^|]*\|[^|]*\|) [0-9]+ /\1 $seed /" "$page"
done
exit $status
