#!/bin/bash
# Opens a pull request with the change that was made to the catalog: scripts/propose-kernel.sh LINE VERSION
#
# The branch is kernels/LINE-VERSION, made anew from what is checked out. Run again after a failure, it goes on:
# a branch without a pull request is replaced, an open pull request is kept.
set -euo pipefail

if [ $# != 2 ]; then
  echo "usage: scripts/propose-kernel.sh LINE VERSION" >&2
  exit 2
fi
line=$1
version=$2
cd "$(dirname "$0")/.."
branch=kernels/$line-$version
title="catalog: generic-$line is $version"

if [ -z "$(git status --porcelain -- catalog bundles)" ]; then
  echo "banger: error: cannot propose $branch: nothing in catalog/ or bundles/ was changed" >&2
  echo "hint: run first: make publish-kernel LINE=$line" >&2
  exit 1
fi
scripts/banger-maint check-catalog

base=$(gh repo view --json defaultBranchRef --jq .defaultBranchRef.name)
git switch --quiet --force-create "$branch"
git add -- catalog bundles
if [ -n "${CI:-}" ]; then
  export GIT_AUTHOR_NAME="github-actions[bot]" GIT_COMMITTER_NAME="github-actions[bot]"
  address="41898282+github-actions[bot]@users.noreply.github.com"
  export GIT_AUTHOR_EMAIL=$address GIT_COMMITTER_EMAIL=$address
fi
git commit --quiet --message "$title"
git push --quiet --force origin "HEAD:refs/heads/$branch"

signing=
if [ -e catalog/trust/root.json ]; then
  signing="Two people sign it on this branch before that: scripts/banger-maint catalog sign --key FILE"
fi
open=$(gh pr list --head "$branch" --state open --json url --jq '.[].url')
if [ -z "$open" ]; then
  gh pr create --base "$base" --head "$branch" --title "$title" --body-file - <<BODY
The catalog's generic-$line from Linux $version. The files are uploaded, under names that no other file will have;
nobody pulls them before this is merged.
${signing:+
$signing
}${GITHUB_RUN_ID:+
Run: $GITHUB_SERVER_URL/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID}
BODY
else
  echo "$open"
fi

# A pull request that was opened with a workflow's own token starts no workflows, so its tests are asked for.
[ -z "${CI:-}" ] || gh workflow run test.yml --ref "$branch"
