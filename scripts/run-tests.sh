#!/bin/bash
# Runs all of bun's tests, or those of the given paths, and ends with one plain line:
#   N passed, N failed, N skipped
# With CI=true a skipped test is a failure: it would be a test that nobody runs. Some tests compare with inputs
# that stand beside the checkout, in ../shared; where those are not, their tests may skip.
set -euo pipefail

cd "$(dirname "$0")/.."
bun=$(scripts/bun-path.sh)
mkdir -p build/test
log=build/test/output.txt
junit=build/test/junit.xml
rm -f "$junit"

# What takes long has a make target of its own.
if [ $# = 0 ]; then
  for folder in ./test/*/; do [ "$folder" = ./test/long/ ] || set -- "$@" "$folder"; done
fi
status=0
"$bun" test --parallel=2 --timeout 30000 --reporter=junit --reporter-outfile="$junit" "$@" 2>&1 | tee "$log" || status=$?

# Bun's own summary is the last that it prints: " 12 pass", " 1 skip", " 1 todo", " 0 fail", " 1 error".
count() {
  tail -n 12 "$log" | sed -nE "s/^ *([0-9]+) $1s?\$/\\1/p" | tail -n 1 | grep . || echo 0
}
passed=$(count pass)
failed=$(count fail)
errors=$(count error)
skipped=$(($(count skip) + $(count todo)))

# Errors outside of tests, and a runner that died without a summary, must not look like success.
[ "$failed" -ge "$errors" ] || failed=$errors
if [ "$status" != 0 ] && [ "$failed" = 0 ]; then
  echo "bun test ended with $status and without a failed test: see above" >&2
  failed=1
fi

if [ "$skipped" != 0 ]; then
  echo
  echo "skipped tests:"
  # Names are attributes of the line before <skipped />.
  sed -nE '/<testcase /{h;};/<skipped/{x;s/.*<testcase name="([^"]*)".* file="([^"]*)".*/  \2: \1/p;}' "$junit" |
    sed -e 's/&lt;/</g;s/&gt;/>/g;s/&quot;/"/g;s/&apos;/'"'"'/g;s/&amp;/\&/g'
fi

exit_code=0
if [ "$passed" = 0 ] || [ "$failed" != 0 ]; then exit_code=1; fi
if [ "${CI:-}" = true ] && [ "$skipped" != 0 ] && [ -d ../shared ]; then
  echo "error: CI skips no test" >&2
  exit_code=1
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
exit "$exit_code"
