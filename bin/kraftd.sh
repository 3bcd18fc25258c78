#!/bin/sh
# Finds the kraftd binary for the wrappers beside this file, and runs it.
set -u
home=$(cd "$(dirname "$0")/.." && pwd)
for kraftd in "$home/libexec/kraftd" "$home/target/release/kraftd" "$home/target/debug/kraftd"; do
    [ -x "$kraftd" ] && exec "$kraftd" "$@"
done
command -v kraftd >/dev/null 2>&1 && exec kraftd "$@"
echo "kraftd is not built: run cargo build --release in $home" >&2
exit 1
