#!/bin/sh
# Kafka's command of this name, served by kraftd: a controller in the foreground, or with -daemon in the
# background, its output in $LOG_DIR/kafkaServer.out (LOG_DIR: logs beside bin).
set -u
if [ $# -lt 1 ]; then
    echo "USAGE: $0 [-daemon] server.properties [--override property=value]*" >&2
    exit 1
fi
kraftd=$(dirname "$0")/kraftd.sh
if [ "$1" != "-daemon" ]; then
    exec "$kraftd" server "$@"
fi
shift
# What is wrong with the file is said here and now, not in a log nobody reads.
"$kraftd" server --check "$@" || exit 1
logs=${LOG_DIR:-$(cd "$(dirname "$0")/.." && pwd)/logs}
mkdir -p "$logs" || exit 1
setsid "$kraftd" server "$@" >"$logs/kafkaServer.out" 2>&1 </dev/null &
