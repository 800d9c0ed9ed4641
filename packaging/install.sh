#!/bin/sh
# Installs banger for the user who runs it, without sudo:
#
#   curl -fsSL ADDRESS/install.sh | sh
#   sh install.sh --completions
#
# The executable is compared with SHA256SUMS of the same release before it is put in its place; see docs/install.md
# for what that protects from, and what it does not. Needs a POSIX shell, curl or wget, sha256sum, and for signatures
# minisign.
#
# Nothing runs before the last line, so that a script that was cut off on its way does nothing at all.

# Written in by `make release`: where this release is, which one it is, and who signs SHA256SUMS.
built_in_releases=
built_in_version=
built_in_minisign_key=

# The exit codes are those of banger itself.
failed=1 usage=2 not_there=3 unverified=4 network=5

print_help() {
  cat <<'HELP'
usage: install.sh [--completions]

  --completions   also install the completions of bash, zsh and fish, of those that are here
  --help

  BANGER_INSTALL_DIR    where the executable goes; by default ~/.local/bin
  BANGER_RELEASES       where the files of a release are: an https:// address, or a folder
  BANGER_MINISIGN_KEY   the public key that SHA256SUMS must be signed by; needs minisign

exit codes: 0 installed; 1 failed; 2 wrong command line; 3 not in that release; 4 verification failed; 5 network
HELP
}

say() {
  printf '%s\n' "$*" >&2
}

# fail CODE MESSAGE [HINT]…
fail() {
  exit_code=$1
  say "install.sh: error: $2"
  shift 2
  for hint in "$@"; do say "hint: $hint"; done
  exit "$exit_code"
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# Prints which executable this machine needs.
platform() {
  system=$(uname -s)
  machine=$(uname -m)
  [ "$system" = Linux ] || fail "$failed" "banger is for Linux, and this is $system"
  case $machine in
    x86_64 | amd64) name=linux-x64 loader=/lib64/ld-linux-x86-64.so.2 ;;
    aarch64 | arm64) name=linux-arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
    *) fail "$failed" "there is no banger for $machine, only for x86_64 and aarch64" ;;
  esac
  if [ ! -e "$loader" ] && ls /lib/ld-musl-* >/dev/null 2>&1; then
    fail "$failed" "banger needs glibc, and this system has musl"
  fi
  echo "$name"
}

# With sudo, HOME is often still the user's: files of root in there are in the way later.
refuse_sudo() {
  [ "$(id -u)" = 0 ] && [ -n "${SUDO_UID:-}" ] && [ "$SUDO_UID" != 0 ] || return 0
  [ -z "${BANGER_INSTALL_DIR:-}" ] || [ "$completions" = yes ] || return 0
  # shellcheck disable=SC2012 # a folder's owner by number, as every ls prints it
  owner=$(ls -ldn "$HOME" 2>/dev/null | awk '{ print $3; exit }')
  [ "$owner" != 0 ] || return 0
  fail "$failed" "this is root by sudo, and HOME is $HOME, which belongs to somebody else" \
    "banger needs no root: run it without sudo" \
    "for all users of this machine: BANGER_INSTALL_DIR=/usr/local/bin, without --completions"
}

# Nobody on the way can change what comes by https; by http, and by a wget that asks for no certificate, they can.
# Then only a signature says whose the files are.
require_sound_way() {
  case $releases in
    /*) return ;;
    *@*) fail "$usage" "the address of the releases has a name or password in it" ;;
    https://*)
      has curl && return
      has wget || fail "$failed" "there is neither curl nor wget" "install one of them"
      wget --version 2>/dev/null | grep -q '^GNU Wget' && return
      why="this wget looks at no certificates" hint="install curl"
      ;;
    http://127.0.0.1:* | http://localhost:* | 'http://[::1]:'*) return ;;
    http://*) why="by http anybody on the way can change them" hint="give an https:// address" ;;
    *) fail "$usage" "BANGER_RELEASES is \"$releases\", expected https://… or an absolute path" ;;
  esac
  [ -n "$minisign_key" ] && has minisign && return
  fail "$failed" "the files of $releases would come unprotected: $why" "$hint" \
    "or install minisign and set BANGER_MINISIGN_KEY to the public key of whoever made the release"
}

# fetch NAME LIMIT: brings a file of the release into the staging folder. LIMIT in bytes, which only curl holds to.
fetch() {
  from=$releases/$1 to=$staging/$1
  case $releases in
    /*)
      [ -f "$from" ] || fail "$not_there" "there is no $from"
      cp -- "$from" "$to" || fail "$failed" "cannot copy $from"
      return
      ;;
  esac
  if has curl; then
    case $releases in https://*) protocols='=https' ;; *) protocols='=http,https' ;; esac
    status=0
    http=$(curl -fsSL --proto "$protocols" --connect-timeout 20 --speed-limit 1000 --speed-time 30 --retry 2 \
      --max-filesize "$2" -w '%{http_code}' -o "$to" "$from") || status=$?
    case $status:$http in
      0:*) return ;;
      22:404 | 22:410) fail "$not_there" "there is no $from" ;;
      23:*) fail "$failed" "cannot write $to" "is the disk full?" ;;
      63:*) fail "$unverified" "$from is larger than $2 bytes" ;;
    esac
    fail "$network" "cannot download $from"
  fi
  # busybox and GNU have -q, -T and -O; GNU ends with 8 when the server says no, busybox always with 1.
  wget -q -T 30 -O "$to" "$from" || {
    [ $? != 8 ] || fail "$not_there" "the server does not give $from"
    fail "$network" "cannot download $from"
  }
}

verify_signature() {
  [ -n "$minisign_key" ] || return 0
  if ! has minisign; then
    [ -z "${BANGER_MINISIGN_KEY:-}" ] ||
      fail "$failed" "there is a BANGER_MINISIGN_KEY, and no minisign to verify by it" "install minisign"
    say "note: there is no minisign here, so the signature of SHA256SUMS is not looked at"
    return 0
  fi
  fetch SHA256SUMS.minisig 10000
  minisign -V -q -P "$minisign_key" -m "$staging/SHA256SUMS" -x "$staging/SHA256SUMS.minisig" </dev/null >&2 ||
    fail "$unverified" "SHA256SUMS is not signed by $minisign_key"
  say "SHA256SUMS is signed by $minisign_key"
}

# verify_sum NAME: compares it with the one line that SHA256SUMS must have for it.
verify_sum() {
  expected=$(awk -v name="$1" '$2 == name || $2 == "*" name { print $1 }' "$staging/SHA256SUMS")
  case $expected in
    *[!0-9a-f]* | '') fail "$unverified" "SHA256SUMS does not name one hash of $1" ;;
  esac
  found=$(sha256sum <"$staging/$1") || fail "$failed" "cannot read $staging/$1"
  found=${found%% *}
  [ "$found" = "$expected" ] ||
    fail "$unverified" "SHA-256 of $1 is $found, expected $expected" "nothing was installed; try again, or ask who made it"
}

# Runs what was verified, before it is put in its place.
try_out() {
  chmod 755 "$staging/$1" || fail "$failed" "cannot make $staging/$1 executable"
  answer=$("$staging/$1" --version 2>&1 </dev/null) ||
    fail "$failed" "the executable does not run on this machine: $answer" \
      "banger needs glibc and, on x86_64, a CPU with SSE4.2"
  version=${answer#banger }
  version=${version%% *}
  [ -z "$built_in_version" ] || [ "$version" = "$built_in_version" ] ||
    fail "$unverified" "the release has banger $version, and this script is of $built_in_version" \
      "take install.sh from the release that you want"
}

# The folder itself, or the nearest above that there is: it is on the same file system, so that a rename is atomic,
# and nothing has to be made before all is verified.
nearest_folder() {
  near=$1
  while [ ! -e "$near" ]; do near=$(dirname -- "$near"); done
  [ -d "$near" ] || fail "$failed" "$near is not a folder"
  if [ ! -w "$near" ] || [ ! -x "$near" ]; then
    fail "$failed" "$near is not yours to write to" "set BANGER_INSTALL_DIR to a folder that is"
  fi
  echo "$near"
}

# put FILE FOLDER NAME
put() {
  [ ! -d "$2/$3" ] || fail "$failed" "$2/$3 is a folder"
  { mkdir -p -- "$2" && mv -f -- "$1" "$2/$3"; } || fail "$failed" "cannot write $2/$3"
}

install_completions() {
  data=${XDG_DATA_HOME:-$HOME/.local/share}
  for shell in bash zsh fish; do
    has "$shell" || continue
    case $shell in
      bash) folder=$data/bash-completion/completions file=banger ;;
      zsh) folder=$data/zsh/site-functions file=_banger ;;
      fish) folder=$data/fish/vendor_completions.d file=banger.fish ;;
    esac
    # Beside its place, for a rename again.
    near=$(nearest_folder "$folder") || exit
    completion=$(mktemp "$near/.banger-completion.XXXXXX") || fail "$failed" "cannot write to $near"
    "$target/banger" completion "$shell" </dev/null >"$completion" || fail "$failed" "cannot write $completion"
    chmod 644 "$completion"
    put "$completion" "$folder" "$file"
    completion=
    say "completions for $shell: $folder/$file"
    [ "$shell" != zsh ] || say "  zsh finds them when its fpath has $folder"
  done
}

tell_about_path() {
  case :$PATH: in
    *:"$target":*)
      first=$(command -v banger) || first=
      [ "$first" = "$target/banger" ] || say "note: PATH has another banger before it: $first"
      ;;
    *) say "note: $target is not in your PATH; add to your shell's profile: export PATH=\"$target:\$PATH\"" ;;
  esac
}

clean_up() {
  [ -z "$staging" ] || rm -rf -- "$staging"
  [ -z "$completion" ] || rm -f -- "$completion"
}

main() {
  set -u
  umask 022
  completions=no staging='' completion=''
  while [ $# -gt 0 ]; do
    case $1 in
      --completions) completions=yes ;;
      -h | --help)
        print_help
        exit 0
        ;;
      *) fail "$usage" "\"$1\" is not known" "install.sh --help lists what is" ;;
    esac
    shift
  done
  for tool in awk chmod cp dirname grep id ls mkdir mktemp mv rm sha256sum sync uname; do
    has "$tool" || fail "$failed" "there is no $tool" "install it: coreutils, grep and awk, or busybox, have all that is needed"
  done

  executable=banger-$(platform) || exit
  releases=${BANGER_RELEASES:-$built_in_releases}
  [ -n "$releases" ] || fail "$usage" "this script is of no release" \
    "set BANGER_RELEASES to where the files of one are: an https:// address, or a folder"
  releases=${releases%/}
  minisign_key=${BANGER_MINISIGN_KEY:-$built_in_minisign_key}
  if [ -z "${BANGER_INSTALL_DIR:-}" ] && [ -z "${HOME:-}" ]; then
    fail "$usage" "there is no HOME" "set BANGER_INSTALL_DIR"
  fi
  target=${BANGER_INSTALL_DIR:-$HOME/.local/bin}
  case $target in
    /*) ;;
    *) fail "$usage" "BANGER_INSTALL_DIR is \"$target\", expected an absolute path" ;;
  esac
  refuse_sudo
  require_sound_way
  near=$(nearest_folder "$target") || exit

  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  staging=$(mktemp -d "$near/.banger-install.XXXXXX") || fail "$failed" "cannot write to $near"

  say "downloading $executable from $releases"
  fetch SHA256SUMS 1000000
  verify_signature
  fetch "$executable" 500000000
  verify_sum "$executable"
  try_out "$executable"
  # Before the rename, lest a power cut leaves a name without its bytes; not every sync takes a file.
  sync "$staging/$executable" 2>/dev/null || sync
  put "$staging/$executable" "$target" banger
  say "banger $version is installed: $target/banger"
  [ "$completions" = no ] || install_completions
  tell_about_path
}

main "$@"
