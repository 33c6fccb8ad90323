#!/usr/bin/env bash
# What action.yml does, step by step: `plan`, then `install`, then `run`.
#
# Everything comes in by the environment and nothing is evaluated. `plan` and `install` never see a token. It keeps to
# the bash 3.2 of macOS. Exit codes: 1 what was downloaded is not what was released, 2 usage, 3 try again later.
set -euo pipefail

# Says what is wrong and what to do, as the runner shows errors, and ends.
fail() {
  local code="$1"
  shift
  # What was given from outside may not begin another command of the runner.
  printf '::error title=monkeytown::%s\n' "$(printf '%s' "$*" | tr -d '\r' | tr '\n' ' ' | sed 's/%/%25/g')" >&2
  exit "$code"
}

output() { printf '%s=%s\n' "$1" "$2" >>"$GITHUB_OUTPUT"; }

is_version() { [[ "$1" =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.]+)?$ ]]; }

# By standard input: a name with a backslash in it, as Windows has them, would be written in another way.
sha256() {
  { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; } <"$1" | cut -d ' ' -f 1
}

# What the program is called here.
program=monkeytown
[ "${RUNNER_OS:-}" != Windows ] || program=monkeytown.exe

# --- plan ---

# The platform as Rust calls it.
target() {
  case "${RUNNER_OS:-$(uname -s)}/${RUNNER_ARCH:-$(uname -m)}" in
    Linux/X64 | Linux/x86_64) echo x86_64-unknown-linux-musl ;;
    Linux/ARM64 | Linux/aarch64) echo aarch64-unknown-linux-musl ;;
    macOS/X64 | Darwin/x86_64) echo x86_64-apple-darwin ;;
    macOS/ARM64 | Darwin/arm64) echo aarch64-apple-darwin ;;
    Windows/X64) echo x86_64-pc-windows-msvc ;;
    *) fail 2 "there is no monkeytown for ${RUNNER_OS:-$(uname -s)} on ${RUNNER_ARCH:-$(uname -m)}; let the job run on Linux or macOS, x86_64 or ARM64, or on Windows, x86_64" ;;
  esac
}

# Fetches `$1` into the file `$2` and prints what the server answered: 200, 404, or what else.
fetch() {
  local scheme=https
  case "$1" in http://127.0.0.1:*) scheme=http ;; esac
  curl --silent --location --proto "=$scheme" --proto-redir "=$scheme" --retry 3 --max-time 300 --max-filesize 200000000 \
    --output "$2" --write-out '%{http_code}' -- "$1" || true
}

# A hash of all that a build depends on: what is left out is never compiled in.
source_hash() {
  (
    cd -- "$GITHUB_ACTION_PATH"
    find . \( -name .git -o -name target -o -name node_modules -o -path ./.monkeytown -o -path ./.github \
      -o -path ./docs -o -path ./deploy -o -path ./tests -o -path ./benches -o -path ./openspec -o -path ./agents/memories \) -prune \
      -o -type f -print | LC_ALL=C sort | while IFS= read -r file; do
      printf '%s  %s\n' "$(sha256 "$file")" "$file"
    done >"$RUNNER_TEMP/monkeytown-source"
  )
  sha256 "$RUNNER_TEMP/monkeytown-source"
}

# Says that there is no release to take, and why.
from_source() {
  echo "monkeytown is built from source: $1"
  output how source
  output key "monkeytown-build.$target.$(source_hash)"
}

plan() {
  local target releases tag sums answer commit
  target="$(target)"
  # A mirror of the releases may stand in for GitHub's page of them.
  releases="${MONKEYTOWN_RELEASES:-$GITHUB_SERVER_URL/${ACTION_REPOSITORY:-$GITHUB_REPOSITORY}/releases/download}"
  output target "$target"
  output folder "$RUNNER_TEMP/monkeytown-bin"
  case "$VERSION" in
    "") ;;
    source) from_source "that is what was asked for"; return ;;
    *)
      tag="v${VERSION#v}"
      is_version "$tag" || fail 2 "the version $VERSION is no release; write for example v0.1.0, or source"
      ;;
  esac
  if [ -z "${tag:-}" ]; then
    # Used as `./` there is no other repository, and no release of what stands here.
    [ -n "$ACTION_REPOSITORY" ] || { from_source "the action is used from its own repository"; return; }
    if is_version "$ACTION_REF"; then
      tag="$ACTION_REF"
    elif [[ "$ACTION_REF" =~ ^[0-9a-f]{40}$ ]]; then
      tag="v$(sed -n 's/^version = "\(.*\)"/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)"
    else
      from_source "$ACTION_REF is no release"
      return
    fi
  fi
  sums="$RUNNER_TEMP/monkeytown-sums"
  answer="$(fetch "$releases/$tag/SHA256SUMS" "$sums")"
  case "$answer" in
    200) ;;
    404)
      [ -z "$VERSION" ] || fail 2 "there is no release $tag; write a version that was released, or source"
      from_source "there is no release $tag"
      return
      ;;
    *) fail 3 "the checksums of $tag could not be fetched (HTTP $answer); run the job again later" ;;
  esac
  if [ -z "$VERSION" ] && ! is_version "$ACTION_REF"; then
    # A commit between two releases has the version of the one before it.
    commit="$RUNNER_TEMP/monkeytown-commit"
    answer="$(fetch "$releases/$tag/COMMIT" "$commit")"
    [ "$answer" = 200 ] || fail 3 "the commit of $tag could not be fetched (HTTP $answer); run the job again later"
    verify "$commit" COMMIT
    [ "$(cat "$commit")" = "$ACTION_REF" ] || { from_source "$tag was made from another commit"; return; }
  fi
  echo "monkeytown is $tag as it was released"
  output how release
  output tag "$tag"
  output releases "$releases"
}

# --- install ---

# Refuses a file that is not the one whose name and checksum were released.
verify() {
  local file="$1" name="$2" expected found
  expected="$(awk -v name="$name" '$2 == name { print $1 }' "$RUNNER_TEMP/monkeytown-sums")"
  [[ "$expected" =~ ^[0-9a-f]{64}$ ]] || { rm -f -- "$file"; fail 1 "the release has no one checksum for $name"; }
  found="$(sha256 "$file")"
  [ "$found" = "$expected" ] && return
  rm -f -- "$file"
  fail 1 "$name is not what was released: its SHA-256 is $found, and $expected was expected; do not use it, and tell the maintainers"
}

install() {
  mkdir -p -- "$FOLDER"
  case "$HOW" in
    release) install_release ;;
    source) [ -x "$FOLDER/$program" ] || build ;;
    *) fail 2 "nothing is planned" ;;
  esac
  "$FOLDER/$program" --version
  echo "$FOLDER" >>"$GITHUB_PATH"
}

install_release() {
  local name="monkeytown-$TAG-$TARGET.tar.gz" archive answer
  archive="$RUNNER_TEMP/$name"
  answer="$(fetch "$RELEASES/$TAG/$name" "$archive")"
  [ "$answer" = 200 ] || fail 3 "$name could not be fetched (HTTP $answer); run the job again later"
  verify "$archive" "$name"
  # No name for tar to read: to it the colon of a drive ends the name of a host, and a backslash begins an escape.
  (cd -- "$FOLDER" && tar -xzf - "./$program") <"$archive"
  rm -f -- "$archive"
  [ "$("$FOLDER/$program" --version)" = "monkeytown ${TAG#v}" ] || fail 1 "$name holds another version; tell the maintainers"
}

build() {
  local rust
  command -v cargo >/dev/null || fail 2 "there is no release to take, and no cargo to build one; install Rust in a step before"
  rust="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$GITHUB_ACTION_PATH/Cargo.toml" | head -n 1)"
  # A runner that has the right one needs no network for it.
  if [[ "$(rustc --version 2>/dev/null)" != "rustc $rust."* ]] && command -v rustup >/dev/null; then
    rustup toolchain install "$rust" --profile minimal --no-self-update
    export RUSTUP_TOOLCHAIN="$rust"
  fi
  # From its own folder: what the repository has in .cargo/config.toml is about its own builds.
  (cd -- "$GITHUB_ACTION_PATH" && CARGO_BUILD_TARGET="" cargo build --release --locked --target-dir "$RUNNER_TEMP/monkeytown-build")
  cp -- "$RUNNER_TEMP/monkeytown-build/release/$program" "$FOLDER/$program"
}

# --- run ---

run() {
  local args line
  [[ "$COMMAND" =~ ^[a-z]+$ ]] || fail 2 "the command $COMMAND is none; write for example run or sync"
  args=("$COMMAND")
  if [ "$COMMAND" = run ]; then
    [[ "$AGENT" =~ ^[a-z0-9][a-z0-9-]*$ ]] || fail 2 "the agent is ${AGENT:-not named}; write its name as in agents/NAME.md"
    args+=("$AGENT")
    [ -z "$BRAIN" ] || args+=("--brain=$BRAIN")
    [ -z "$TASK" ] || args+=("--task=$TASK")
    case "$DRY_RUN" in
      true) args+=(--dry-run) ;;
      false | "") ;;
      *) fail 2 "dry-run is $DRY_RUN; write true or false" ;;
    esac
  fi
  while IFS= read -r line; do
    [ -z "$line" ] || args+=("$line")
  done <<<"$ARGS"
  if [ -n "$TOKEN" ]; then
    [[ "$TOKEN_ENV" =~ ^[A-Z_][A-Z0-9_]*$ ]] || fail 2 "token-env is no name of a variable; write for example GITHUB_TOKEN"
    export "$TOKEN_ENV=$TOKEN"
  fi
  while IFS= read -r line; do
    [ -n "$line" ] || continue
    [[ "$line" =~ ^[A-Z_][A-Z0-9_]*= ]] || fail 2 "a line of keys is not of the form NAME=KEY; a key has one line"
    # A secret that is not set is empty, and then the variable is not set either.
    [ "${line#*=}" = "" ] || export "${line?}"
  done <<<"${KEYS:-}"
  unset KEYS
  # One copy of the token is enough, and the rest says nothing to monkeytown.
  [ "$TOKEN_ENV" = TOKEN ] || unset TOKEN
  # The bash of Windows would make a path of Windows out of an argument that begins with a slash.
  [ "$program" = monkeytown ] || export MSYS_NO_PATHCONV=1 MSYS2_ARG_CONV_EXCL='*'
  exec "$FOLDER/$program" "${args[@]}"
}

case "${1:-}" in
  plan) plan ;;
  install) install ;;
  run) run ;;
  *) fail 2 "write plan, install or run" ;;
esac
