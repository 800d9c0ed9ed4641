#!/bin/sh
# Publishes an installed kernel: scripts/publish-kernel.sh NAME[:ARCH] --description TEXT; --help tells the rest.
here=$(cd "$(dirname "$0")" && pwd) && exec "$here/banger-maint" publish "$@"
