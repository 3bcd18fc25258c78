#!/bin/sh
# Builds kraftd and runs three controllers on this machine; the arguments are those of
# `kraftd quickstart` (--with-kafka, --dir, --ports; --help tells more).
set -eu
cd "$(dirname "$0")/.."
case " $* " in
*" --with-kafka "*) scripts/setup.sh --java ;;
*) scripts/setup.sh ;;
esac
cargo build --release --locked
exec target/release/kraftd quickstart "$@"
