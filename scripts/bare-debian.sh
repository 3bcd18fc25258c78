#!/bin/sh
# Unpacks the tarball on a bare Debian and types there what its users type: nothing else is installed, and it has
# a network and processes of its own. Debian comes from where apt gets it; needs root, and takes a minute.
set -eu
cd "$(dirname "$0")/.."
if [ "$(id -u)" != 0 ]; then
    echo "only root can make a Debian and enter it: run this as root" >&2
    exit 1
fi
scripts/setup.sh --debian
scripts/package.sh
tarball=$(ls target/kraftd-*.tgz)
. /etc/os-release

root=$(mktemp -d)
trap 'rm -rf --one-file-system "$root"' EXIT
debootstrap --variant=minbase "$VERSION_CODENAME" "$root" >"$root.log" 2>&1 || {
    tail "$root.log" >&2
    exit 1
}
rm "$root.log"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
echo "Debian $(cat "$root/etc/debian_version"), $(ls "$root"/var/lib/dpkg/info/*.list | wc -l) packages"
tar -xzf "$tarball" -C "$root/opt"
cp scripts/bare-debian-session.sh "$root/session.sh"

# Everything that was started there ends with the session.
unshare --mount --net --pid --fork --kill-child sh -eu -c '
    ip link set lo up
    mount -t proc proc "$1/proc"
    exec chroot "$1" /bin/sh /session.sh
' sh "$root"
