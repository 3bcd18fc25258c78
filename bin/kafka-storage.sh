#!/bin/sh
# Kafka's command of this name, served by kraftd.
exec "$(dirname "$(readlink -f "$0")")/kraftd.sh" storage "$@"
