#!/usr/bin/env bash
# Makes the image region-heads-base:local out of Debian's packages, where no registry is reachable: Debian with Python 3.11.
# Needs root, debootstrap and podman.
set -euo pipefail

MIRROR=${MIRROR:-http://deb.debian.org/debian}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$root" "$MIRROR" >&2
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/doc/* "$root"/usr/share/man/*
tar --create --directory "$root" . | podman import --change 'CMD ["bash"]' - "${1:-region-heads-base:local}"
