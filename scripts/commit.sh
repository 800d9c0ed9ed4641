#!/bin/sh
# Prints the short commit of this checkout, with -dirty when what goes into the executable differs from it;
# "unknown" without git.
cd "$(dirname "$0")/.." || exit 1
# A source tree that was unpacked inside somebody else's checkout has no commit of ours.
[ -e .git ] && commit=$(git rev-parse --short=12 HEAD 2>/dev/null) || { echo unknown; exit 0; }
changed=$(git status --porcelain -- bin src catalog guest package.json package-lock.json 2>/dev/null)
echo "$commit${changed:+-dirty}"
