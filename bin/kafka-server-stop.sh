#!/bin/sh
# Kafka's command of this name: stops the kraftd servers of this machine, and the brokers that run with them.
exec "$(dirname "$(readlink -f "$0")")/kraftd.sh" stop "$@"
