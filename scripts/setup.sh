#!/bin/sh
# Makes sure that the tools the build and the tests need are here: a C compiler and cargo for kraftd,
# with `--java` also a JDK and Maven for the tests against real Kafka, with `--musl` what a static binary
# needs, with `--debian` what makes a bare Debian, with `--fuzz` what libFuzzer is built with. Installs what is
# missing where that needs no questions (root on Debian); says what to install elsewhere.
set -eu

need() { # need COMMAND PACKAGE...
    command -v "$1" >/dev/null 2>&1 && return
    missing="$missing $1"
    shift
    packages="$packages $*"
}

# Where Debian keeps what concerns networks, whoever asks.
PATH=$PATH:/usr/sbin:/sbin
missing=""
packages=""
need cc gcc libc6-dev
if [ "${1:-}" = "--java" ]; then
    need javac openjdk-17-jdk-headless
    need mvn maven
    need unzip unzip
    # Several hosts on one machine, for tests/java/lesson.rs and tests/faults.
    need ip iproute2
    need unshare util-linux
    # Records what the log writes, for tests/crash_lab.
    need strace strace
    # Networks that fail, and the judge of what clients saw, for tests/faults.
    need nft nftables
    need go golang-go
fi
if [ "${1:-}" = "--musl" ]; then
    need musl-gcc musl-tools
    need strip binutils
fi
if [ "${1:-}" = "--debian" ]; then
    need debootstrap debootstrap
    need ip iproute2
fi
if [ "${1:-}" = "--fuzz" ]; then
    need c++ g++
fi
if [ -n "$packages" ]; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing$packages"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # shellcheck disable=SC2086 # a list of packages
        apt-get install -y -qq $packages >/dev/null
    else
        echo "missing:$missing. Install$packages (Debian's names) and run this again." >&2
        exit 1
    fi
fi
if ! command -v cargo >/dev/null 2>&1; then
    echo "missing: cargo. Install Rust with rustup (https://rustup.rs) and run this again." >&2
    exit 1
fi
if [ "${1:-}" = "--musl" ]; then
    rustup target add "$(uname -m)-unknown-linux-musl"
fi
