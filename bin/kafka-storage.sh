#!/bin/sh
# Kafka's command of this name, served by kraftd.
exec "$(dirname "$0")/kraftd.sh" storage "$@"
