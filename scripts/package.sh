#!/bin/sh
# Builds target/kraftd-VERSION.tgz: bin/, config/, docs/, the licence and one static binary (musl) that needs
# nothing from the machine it runs on. Unpack it anywhere and type Kafka's commands.
set -eu
cd "$(dirname "$0")/.."
scripts/setup.sh --musl
target=$(uname -m)-unknown-linux-musl
cargo build --release --locked --target "$target"

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
name=kraftd-$version
stage=target/package/$name
rm -rf "$stage"
mkdir -p "$stage/libexec"
cp -R bin config docs LICENSE README.md CHANGELOG.md "$stage"
cp "target/$target/release/kraftd" "$stage/libexec/kraftd"
strip "$stage/libexec/kraftd"
if readelf --dynamic "$stage/libexec/kraftd" | grep NEEDED; then
    echo "the binary is not static: it needs these libraries" >&2
    exit 1
fi
tar --sort=name --owner=0 --group=0 --numeric-owner -C target/package -czf "target/$name.tgz" "$name"
echo "target/$name.tgz ($(du -h "target/$name.tgz" | cut -f 1))"
