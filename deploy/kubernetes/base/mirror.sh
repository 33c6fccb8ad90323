#!/bin/sh
# Keeps a mirror of the town's repository: `mirror.sh once` clones it where it is not there yet and fetches, `mirror.sh` goes on.
# TOWN_URL says where the town is; a private one has its token in TOWN_TOKEN, which is written nowhere.
set -eu
# Below the volume: git takes only a folder of its own user for a repository, and a volume may be root's.
dir="${TOWN_DIR:-/town/mirror.git}"
every="${TOWN_FETCH_SECONDS:-15}"

git_asks() {
  if [ -n "${TOWN_TOKEN:-}" ]; then
    # shellcheck disable=SC2016 # git's shell shall read the variable, so that the token is in no list of processes.
    git -c credential.helper='!f() { echo username=x-access-token; echo "password=$TOWN_TOKEN"; }; f' "$@"
  else
    git "$@"
  fi
}

# A clone that was cut off has no HEAD that leads anywhere: it is filled again.
[ -f "$dir/HEAD" ] || git init --quiet --bare "$dir"
git -C "$dir" config remote.origin.url "$TOWN_URL"
git -C "$dir" config remote.origin.fetch '+refs/heads/*:refs/heads/*'
# Each step says by itself that it failed: after `||` and in `if` the shell does not end at the first failure.
fetch() {
  git_asks -C "$dir" fetch --quiet --prune origin || return
  # The default branch may have another name than the one that git began with.
  heads="$(git_asks -C "$dir" ls-remote --symref origin HEAD)" || return
  head="$(printf '%s\n' "$heads" | sed -n 's/^ref: \(.*\)\tHEAD$/\1/p')"
  [ -z "$head" ] || git -C "$dir" symbolic-ref HEAD "$head"
}
if [ "${1:-}" = once ]; then
  fetch
  exit
fi
trap 'exit 0' TERM INT
while :; do
  fetch || echo "the town cannot be fetched; trying again in $every s" >&2
  sleep "$every" &
  wait $!
done
