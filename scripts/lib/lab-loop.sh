#!/usr/bin/env bash
# lab-loop.sh WHERE DIR NAME PROGRAM PAUSE: keeps the agent of one lab host (or the lab's scheduler) running with DIR/NAME.yaml, as systemd
# would with Restart=always and RestartSec=PAUSE. WHERE is the pid of the host's tini, or netns:NAME.
# It stays outside of the host's pid namespace, so that DIR/NAME.pid is a pid that the caller can use.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/common.sh"
where=$1 dir=$2 name=$3 program=$4 pause=$5
readonly START_LIMIT=5 START_LIMIT_SECONDS=30

# child_of PID: the process that nsenter forked into the host
child_of() { read -r child _ <"/proc/$1/task/$1/children" || [ -n "${child:-}" ]; }

case $where in
  netns:*) alive=/run/netns/${where#netns:} enter=(ip netns exec "${where#netns:}") forks='' ;;
  *) alive=/proc/$where enter=(nsenter -t "$where" -m -u -n -p -C -r --) forks=1 ;;
esac

failures=0
while [ -e "$alive" ]; do
  begun=$SECONDS
  "${enter[@]}" "$program" --config "$dir/$name.yaml" &
  entered=$! child=
  if [ -z "$forks" ]; then
    record_pid "$dir/$name.pid" "$entered"
  elif wait_until 5 child_of "$entered"; then
    child_of "$entered" || true
    record_pid "$dir/$name.pid" "$child"
  fi
  code=0
  wait "$entered" || code=$?
  rm -f "$dir/$name.pid" "$dir/$name.pid.start"
  echo "$(date -Is) the $name ended with code $code"
  # A killed one is what tests do to it; one that gives up by itself again and again will not get better.
  if [ "$code" -lt 128 ]; then
    if [ $((SECONDS - begun)) -gt $START_LIMIT_SECONDS ]; then failures=0; fi
    failures=$((failures + 1))
    if [ $failures -ge $START_LIMIT ]; then
      echo "the $name failed $failures times in a row, each within $START_LIMIT_SECONDS seconds: not started again"
      exit 1
    fi
  fi
  sleep "$pause"
done
