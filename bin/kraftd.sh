#!/bin/sh
# Finds the kraftd binary that belongs to this file, and runs it.
set -u
self=$(readlink -f "$0")
home=$(dirname "$(dirname "$self")")
for kraftd in "$home/libexec/kraftd" "$home/target/release/kraftd" "$home/target/debug/kraftd"; do
    [ -x "$kraftd" ] && exec "$kraftd" "$@"
done
kraftd=$(command -v kraftd || true)
[ -n "$kraftd" ] && [ "$(readlink -f "$kraftd")" != "$self" ] && exec "$kraftd" "$@"
echo "kraftd is not built: run cargo build --release in $home" >&2
exit 1
