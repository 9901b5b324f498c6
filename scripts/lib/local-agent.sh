# shellcheck shell=bash
# The agent of this machine as scripts/up runs it: configuration, start, stop. Where the systemd unit is installed, systemd runs it.
# Needs common.sh and libvirtd.sh.

readonly AGENT_CONFIG=/etc/berth/agent.yaml AGENT_PID=/run/berth/agent.pid AGENT_SOCKET=/run/berth/agent.sock
# scripts/up and scripts/down: one at a time.
# shellcheck disable=SC2034
readonly MACHINE_LOCK=/run/lock/berth-up.lock
readonly AGENT_LOG=/var/log/berth/agent.log

agent_answers() { curl -sf -m 5 -o /dev/null --unix-socket "$AGENT_SOCKET" http://localhost/readyz; }
agent_unit() { systemd_runs && systemctl cat berth-agent.service >/dev/null 2>&1; }

# configure_agent: writes the file once; later only adds what it lacks
configure_agent() {
  local wishes=("allow=$IMAGE_ADDRESS") answer code=0
  mkdir -p "$(dirname "$AGENT_CONFIG")"
  if [ ! -e "$AGENT_CONFIG" ]; then
    {
      echo '# The agent of this host. Every key and its default: docs/configuration.md. A key that is unknown is refused.'
      echo 'libvirt:'
      libvirt_sockets | sed 's/^/  /'
    } >"$AGENT_CONFIG.new"
    mv -f "$AGENT_CONFIG.new" "$AGENT_CONFIG"
  fi
  answer=$("$ROOT/bin/berth-agent" probe-kvm 2>&1) || code=$?
  case $code in
    0) ;;
    3)
      say "KVM is not usable here: $answer"
      say 'guests run by emulation, which is slow: allowEmulation is on (see berth host check)'
      wishes+=(emulation)
      ;;
    *) fail "berth-agent probe-kvm ended with $code: $answer" ;;
  esac
  code=0
  answer=$(node "$ROOT/scripts/lib/agent-yaml.mjs" "$AGENT_CONFIG" "${wishes[@]}") || code=$?
  case $code in
    0) [ -z "$answer" ] || say "$AGENT_CONFIG has what the first machine needs" ;;
    4) fail "$AGENT_CONFIG says allowEmulation: false and KVM is not usable: no guest can run. Set it to true, or make KVM work" ;;
    *) fail "$AGENT_CONFIG cannot be read as YAML" ;;
  esac
}

# agent_key: changes with the build and the configuration; another key means that the running agent is an old one
agent_key() { cat "$ROOT/dist/.built" "$AGENT_CONFIG" | sha256sum | cut -d' ' -f1; }

start_agent() {
  local key words
  key=$(agent_key)
  mkdir -p /run/berth "$(dirname "$AGENT_LOG")"
  if agent_answers && [ "$(cat /run/berth/agent.key 2>/dev/null)" = "$key" ]; then return; fi
  say 'starting the agent'
  if agent_unit; then
    systemctl restart berth-agent.service
  else
    end_recorded "$AGENT_PID" 30
    if agent_answers; then fail "another agent answers on $AGENT_SOCKET: end it first"; fi
    (
      become_daemon "$AGENT_PID"
      exec setsid "$ROOT/bin/berth-agent" --config "$AGENT_CONFIG"
    ) </dev/null >>"$AGENT_LOG" 2>&1 &
    daemon_recorded "$AGENT_PID" $!
  fi
  wait_until 60 agent_answers_or_ended || true
  agent_answers || {
    words=$(if agent_unit; then journalctl -u berth-agent -n 30 --no-pager; else tail -n 30 "$AGENT_LOG"; fi)
    printf '%s\n' "$words" >&2
    case $words in
      *EADDRINUSE*) fail "another program listens on the agent's port (the words above name it). Choose another one in $AGENT_CONFIG, such as: listen: [\"127.0.0.1:8760\"]" ;;
      *) fail 'the agent does not become ready; its last words are above' ;;
    esac
  }
  echo "$key" >/run/berth/agent.key
}

agent_answers_or_ended() { agent_answers || { ! agent_unit && ! recorded_pid "$AGENT_PID"; }; }

stop_agent() {
  if agent_unit; then
    systemctl stop berth-agent.service
  elif recorded_pid "$AGENT_PID" >/dev/null; then
    say 'stopping the agent'
    end_recorded "$AGENT_PID" 30
  fi
  rm -f /run/berth/agent.key
}
