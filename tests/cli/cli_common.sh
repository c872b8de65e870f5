# shellcheck shell=bash
# Sourced by the cli*.sh scripts, which are called with the path of norma: an empty working folder, and checks that count.
# A script may set `tolerated`, a pattern of lines on stderr that refuses() passes over.
set -u
norma=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
unset NORMA_DATA
failures=0 checks=0 tolerated=

fail() {
  echo "FAILED: $*"
  failures=$((failures + 1))
}

# refuses CODE PATTERN ARGUMENTS...: the command ends with CODE and exactly one line on stderr, which matches PATTERN.
refuses() {
  local code=$1 pattern=$2
  shift 2
  checks=$((checks + 1))
  "$norma" "$@" >out 2>err </dev/null
  local got=$?
  [ "$got" = "$code" ] || fail "norma $*: exit code $got, expected $code: $(cat err)"
  [ -z "$tolerated" ] || sed -i "/$tolerated/d" err
  [ "$(wc -l <err)" = 1 ] || fail "norma $*: $(wc -l <err) lines on stderr: $(cat err)"
  grep -Eq -- "$pattern" err || fail "norma $*: '$(cat err)' does not match '$pattern'"
}

# holds DESCRIPTION COMMAND...: the command succeeds. The files out and err stay as they are.
holds() {
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" >/dev/null 2>&1 || fail "$what"
}

# The last line of a script: how many checks there were, and the exit code.
finish() {
  echo "$checks checks passed or failed, $failures failed"
  [ "$failures" = 0 ]
  exit
}
