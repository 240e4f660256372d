#!/bin/sh
# A stack for each proposed change, from any CI system:
#   deploy.sh up 42      when change 42 is opened or updated; prints the page's URL
#   deploy.sh down 42    when it is closed
# Needs webrtc-aws on PATH, and AWS credentials and a region in the environment. There is no state to keep between the two.
set -eu

usage() {
  echo "usage: $0 up|down CHANGE" >&2
  exit 2
}

[ $# -eq 2 ] || usage
stack="pr-$2"

case $1 in
  up)
    # stdout is the result, one line each; progress and problems are on stderr.
    outputs=$(webrtc-aws up "$stack")
    printf '%s\n' "$outputs" | awk '$1 == "page" { print $2 }'
    ;;
  down) webrtc-aws teardown "$stack" --yes ;;
  *) usage ;;
esac
