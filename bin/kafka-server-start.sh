#!/bin/sh
# Kafka's command of this name, served by kraftd: a node in the foreground, or with -daemon in the background,
# its output at the end of $LOG_DIR/kafkaServer.out (LOG_DIR: logs beside bin).
set -u
usage="USAGE: $0 [-daemon] server.properties [--override property=value]*"
if [ $# -lt 1 ] || [ "$*" = -daemon ]; then
    echo "$usage"
    exit 1
fi
bin=$(dirname "$(readlink -f "$0")")
kraftd=$bin/kraftd.sh
case "$1" in
-daemon) ;;
--version) exec "$kraftd" server --version ;;
-h | --help)
    # As Kafka has it, an error.
    "$kraftd" server --help >&2
    exit 1
    ;;
*)
    for word in "$@"; do
        case "$word" in
        # Typed in two words or with a slip, or copied from a page that made a dash of the hyphen.
        - | -daemon | --daemon | –daemon | —daemon | -deamon | --deamon)
            echo "\`$word\` is not understood here: -daemon is one word, with one hyphen, and comes first. $usage" >&2
            exit 1
            ;;
        esac
    done
    exec "$kraftd" server "$@"
    ;;
esac
shift
# What is wrong with the file or the directories is said here and now, not in a log that nobody reads.
"$kraftd" server --check "$@" || exit 1
logs=${LOG_DIR:-$(dirname "$bin")/logs}
mkdir -p "$logs" && true >>"$logs/kafkaServer.out" || exit 1
# What the last run said, and why it ended, stays.
setsid "$kraftd" server "$@" >>"$logs/kafkaServer.out" 2>&1 </dev/null &
