#!/usr/bin/env bash
# lab-agent-loop.sh PID DIR PROGRAM PAUSE: keeps the agent of one lab host running, as systemd would with Restart=always and
# RestartSec=PAUSE.
# It stays outside of the host's pid namespace (PID is the host's tini), so that DIR/agent.pid is a pid that the caller can use.
set -euo pipefail
. "$(dirname "$(readlink -f "$0")")/common.sh"
host=$1 dir=$2 program=$3 pause=$4
readonly START_LIMIT=5 START_LIMIT_SECONDS=30

# agent_of PID: the process that nsenter forked into the host
agent_of() { read -r child _ <"/proc/$1/task/$1/children" || [ -n "${child:-}" ]; }

failures=0
while [ -e "/proc/$host" ]; do
  begun=$SECONDS
  nsenter -t "$host" -m -u -n -p -C -r -- "$program" --config "$dir/agent.yaml" &
  enter=$!
  child=
  if wait_until 5 agent_of "$enter"; then
    agent_of "$enter" || true
    record_pid "$dir/agent.pid" "$child"
  fi
  code=0
  wait "$enter" || code=$?
  rm -f "$dir/agent.pid" "$dir/agent.pid.start"
  echo "$(date -Is) the agent ended with code $code"
  # A killed agent is what tests do to it; one that gives up by itself again and again will not get better.
  if [ "$code" -lt 128 ]; then
    if [ $((SECONDS - begun)) -gt $START_LIMIT_SECONDS ]; then failures=0; fi
    failures=$((failures + 1))
    if [ $failures -ge $START_LIMIT ]; then
      echo "the agent failed $failures times in a row, each within $START_LIMIT_SECONDS seconds: not started again"
      exit 1
    fi
  fi
  sleep "$pause"
done
