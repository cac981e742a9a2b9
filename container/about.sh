#!/usr/bin/env bash
# Prints the options of `docker build` and `podman build` that say what is built, from the commit alone: OCI's labels, and
# the revision that registered models name. Callers split the output at blanks. A login in the remote's address does not come
# along; an address that only this machine knows is none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

revision=${REGION_HEADS_REVISION:-$(git rev-parse HEAD)}
created=$(git log -1 --format=%cI 2>/dev/null || true) # none outside a clone
source=$(git remote get-url origin 2>/dev/null | sed 's|://[^/]*@|://|' || true)
[[ $source =~ ^(https?://|git@)[^[:space:]@]+$ ]] || source=
printf -- '--build-arg REGION_HEADS_REVISION=%s\n' "$revision"
printf -- '--label org.opencontainers.image.%s\n' "revision=$revision" ${created:+"created=$created"} \
    "version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" ${source:+"source=$source"}
