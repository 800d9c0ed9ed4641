#!/bin/sh
# Builds a kernel from a verified source, for the catalog: --help tells the options, docs/kernel-catalog.md the rest.
here=$(cd "$(dirname "$0")/.." && pwd) && exec "$here/scripts/banger-maint" build "$@"
