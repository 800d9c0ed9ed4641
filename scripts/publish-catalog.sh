#!/bin/bash
# What CI does for a signed catalog: scripts/publish-catalog.sh [--published]
# Signs timestamp and snapshot with the keys in BANGER_SNAPSHOT_KEY and BANGER_TIMESTAMP_KEY, and makes them live: of
# the catalog of this checkout, or, with --published, of what is published. Without a root of trust it does nothing.
set -euo pipefail

cd "$(dirname "$0")/.."
if [ ! -e catalog/trust/root.json ]; then
  echo "there is no root of trust: docs/key-ceremony.md" >&2
  exit 0
fi
scripts/require.sh minisign rclone
scripts/banger-maint trust renew "$@"
if [ "${1:-}" = --published ]; then
  scripts/banger-maint push --metadata-only
else
  scripts/banger-maint push
fi
