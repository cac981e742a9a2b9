#!/usr/bin/env bash
# Builds one target of the Dockerfile with the package index, the certificates and the local wheels that pip uses here.
# They are mounted for the build; nothing of them stays in the image. With Docker, `docker build` as the Dockerfile says.
#
#     container/build.sh cpu region-heads:cpu [BASE]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target=$1 tag=$2 base=${3:-}

settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
python3 - > "$settings" <<'PYTHON'
"""pip's settings here, from its files and environment, as one file."""
import subprocess
import sys

print("[global]")
listed = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
merged = {}
for line in listed.stdout.splitlines():
    name, _, value = line.partition("=")
    merged[name.rpartition(".")[2]] = value.strip("'\"")
for name, value in merged.items():
    print(f"{name} = {value}")
PYTHON

# One time for every file of a layer, always the same: a layer changes with what is in it.
options=(--file container/Dockerfile --target "$target" --tag "$tag" --secret "id=pip,src=$settings")
options+=(--timestamp 315619200 $(container/about.sh))
# Only Docker's form of an image has a health check; that form names the container that built it, so its digest differs.
[ "$target" != model-server ] || options+=(--format docker)
[ -z "$base" ] || options+=(--build-arg "BASE=$base")
# Folders and files that those settings name (an index with the files beside it), and the certificates of this machine.
for place in $(grep -o '\(file://\)\?/[^ ]*' "$settings" | sed 's|^file://||; s|/simple/*$||' | sort -u) /etc/ssl/certs; do
    [ ! -e "$place" ] || options+=(--volume "$place:$place:ro")
done
exec podman build "${options[@]}" ${BUILD_OPTIONS:-} .
