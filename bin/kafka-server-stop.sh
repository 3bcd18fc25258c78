#!/bin/sh
# Kafka's command of this name: stops the kraftd servers of this machine, and no Java broker.
exec "$(dirname "$(readlink -f "$0")")/kraftd.sh" stop "$@"
