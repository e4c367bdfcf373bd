#!/bin/sh
# Installs what the tests use beside Go: podman with an OCI runtime and its
# networking, and a browser that opens the report. Debian and Ubuntu only, as
# root; anywhere else it changes nothing, says so, and succeeds, because the
# tests skip what is missing.
set -eu

say() { echo "install-test-deps: $*" >&2; }

if ! command -v apt-get >/dev/null 2>&1; then
	say "NOTHING INSTALLED: no apt-get here; install podman, runc, iptables and chromium yourself"
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	say "NOTHING INSTALLED: not root; run: sudo $0"
	exit 0
fi

# Executable and package that brings it. runc rather than crun, because crun
# refuses the hybrid of cgroup versions 1 and 2.
missing=""
need() {
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need podman podman
need runc runc
need iptables iptables

# One of podman's two network stacks; apt's choice for podman differs between
# releases, and neither is more than recommended. A podman that has run before
# has noted which one it uses and stays with it, even where it is gone.
note=/var/lib/containers/storage/defaultNetworkBackend
if [ -f "$note" ] && [ "$(cat "$note")" = cni ]; then
	[ -x /usr/lib/cni/bridge ] || missing="$missing containernetworking-plugins"
elif [ -f "$note" ] && [ "$(cat "$note")" = netavark ]; then
	[ -x /usr/lib/podman/netavark ] || missing="$missing netavark"
elif [ ! -x /usr/lib/podman/netavark ] && [ ! -x /usr/lib/cni/bridge ]; then
	missing="$missing netavark|containernetworking-plugins"
fi
# Ubuntu's chromium package is a wrapper round a snap, of no use in containers.
if ! command -v chromium >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then
	if grep -q '^ID=ubuntu' /etc/os-release; then
		say "chromium left out: Ubuntu has it as a snap only"
	else
		missing="$missing chromium"
	fi
fi
if [ -z "$missing" ]; then
	say "all there"
	exit 0
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
packages=""
for choice in $missing; do
	for package in $(echo "$choice" | tr '|' ' '); do
		if apt-cache show "$package" >/dev/null 2>&1; then
			packages="$packages $package"
			break
		fi
	done
done
say "installing$packages"
# shellcheck disable=SC2086 # a list of words
apt-get install -y -qq --no-install-recommends $packages >/dev/null
