#!/bin/sh
# What scripts/bare-debian.sh types on the bare Debian. Every line is shown; the first that fails ends it.
set -eu
refused() { # refused COMMAND...
    if "$@"; then exit 1; fi
}
cd /opt/kraftd-*
set -x
bin/kraftd --version
id=$(bin/kafka-storage.sh random-uuid)

# The file for both roles wants a Java Kafka too, which is not here.
refused bin/kafka-server-start.sh -daemon config/kraft/server.properties
bin/kraftd split config/kraft/server.properties
file=config/kraft/controller.properties
bin/kafka-storage.sh format -t "$id" -c $file
bin/kafka-storage.sh info -c $file
bin/kafka-server-start.sh -daemon $file
leads="Becoming the active controller"
timeout 20 sh -c "until grep '$leads' logs/kafkaServer.out; do sleep 0.1; done"
grep VmRSS "/proc/$(pidof kraftd)/status"
bin/kafka-server-stop.sh
timeout 20 sh -c 'while pidof kraftd; do sleep 0.1; done' >/dev/null
tail -n 1 logs/kafkaServer.out

# By the names without .sh, on what the first start left.
rm logs/kafkaServer.out
bin/kafka-server-start -daemon $file
timeout 20 sh -c "until grep -s '$leads' logs/kafkaServer.out; do sleep 0.1; done"
bin/kraftd dump --records /tmp/kraft-combined-logs | head -n 3
bin/kafka-server-stop
timeout 20 sh -c 'while pidof kraftd; do sleep 0.1; done' >/dev/null
refused bin/kafka-server-stop
