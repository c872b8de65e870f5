#!/usr/bin/env bash
# Keeps a chapter in step with the program: what stands in it below "$ norma VERB ..." is what that prints, and every number
# with four decimals in its prose is one of those printed. docs.sh PATH-OF-NORMA CHAPTER.md 'VERB ...'
set -eu
norma=$1 chapter=$2 verb=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

read -ra arguments <<<"$verb"
"$norma" "${arguments[@]}" >"$work/printed"
awk -v first="\$ norma $verb" '/^```/ { inside = 0 } inside; $0 == first { inside = 1 }' "$chapter" >"$work/chapter"
if [ ! -s "$work/chapter" ]; then
  echo "$chapter: has no block that begins with '$ norma $verb'"
  exit 1
fi
status=0
if ! diff -u --label "$chapter" --label "norma $verb" "$work/chapter" "$work/printed"; then
  echo "$chapter: differs from what norma $verb prints; copy the new output into it, and read the prose again"
  status=1
fi
awk '/^```/ { inside = !inside; next } !inside' "$chapter" | grep -oE -- '-?[0-9]+\.[0-9]{4}\b' | sort -u >"$work/quoted"
while read -r number; do
  if ! grep -qE -- "(^|[^0-9.-])$number( |\$)" "$work/printed"; then
    echo "$chapter: quotes $number, which norma $verb does not print"
    status=1
  fi
done <"$work/quoted"
if [ $status = 0 ]; then
  echo "$chapter: $(wc -l <"$work/chapter") lines and $(wc -l <"$work/quoted") numbers are what norma $verb prints"
fi
exit $status
