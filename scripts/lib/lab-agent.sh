# shellcheck shell=bash
# The agent of a lab host: its configuration, its supervisor, its readiness. Needs common.sh, libvirtd.sh, lab-names.sh and lab-host.sh.

# What `scripts/lab up` was told: ALLOW (host:port list, "gateway:PORT" is the lab's own address), ACCELERATOR, and whether
# hosts get AGENTS; which AGENT that is, and how many seconds after its end the next one (or the next scheduler) starts (AGENT_PAUSE).
# shellcheck disable=SC2034
AGENTS=1
ALLOW=()
ACCELERATOR=emulation
# shellcheck disable=SC2034
AGENT=$ROOT/bin/berth-agent AGENT_PAUSE=1
# Whether there is a SCHEDULER that the hosts join.
# shellcheck disable=SC2034
SCHEDULER=''

# agent_config NAME: the configuration file's text
agent_config() {
  local name=$1 dir entry
  dir=$(host_dir "$name")
  cat <<Y
# Made by scripts/lab.
nodeName: $name
stateDir: $(if [ -n "$SCHEDULER" ]; then echo /var/lib/berth; else yaml "$dir/state"; fi)
socketPath: /run/berth/agent.sock
listen: ["127.0.0.1:8750", "$(host_address "$name"):8750"]
libvirt:
$(libvirt_sockets | sed 's/^/  /')
accelerator: $ACCELERATOR
allowEmulation: true
capacity: {cpuOvercommit: 100}
importer:
  allow:
Y
  for entry in "${ALLOW[@]}"; do echo "    - $(yaml "${entry/#gateway:/$(gateway_address):}")"; done
  [ ${#ALLOW[@]} != 0 ] || echo '    []'
}

# yaml TEXT: a quoted YAML scalar
yaml() { printf "'%s'" "${1//\'/\'\'}"; }

agent_start() {
  local name=$1 dir
  dir=$(host_dir "$name")
  agent_config "$name" >"$dir/agent.yaml.new"
  if recorded_pid "$dir/agent-loop.pid" >/dev/null; then
    cmp -s "$dir/agent.yaml.new" "$dir/agent.yaml" && {
      rm "$dir/agent.yaml.new"
      return
    }
    end_recorded "$dir/agent-loop.pid" 5
  fi
  # Also one whose loop was killed: a second agent would only fail beside it.
  end_recorded "$dir/agent.pid" 20
  mv "$dir/agent.yaml.new" "$dir/agent.yaml"
  mkdir -p "$dir/state"
  (
    cgroup_join "$(host_cgroup "$name")"
    become_daemon "$dir/agent-loop.pid"
    exec setsid "$ROOT/scripts/lib/lab-loop.sh" "$(host_init_pid "$name")" "$dir" agent "$AGENT" "$AGENT_PAUSE"
  ) </dev/null >>"$dir/agent.log" 2>&1 &
  daemon_recorded "$dir/agent-loop.pid" $!
}

agent_ready() {
  curl -sf -m 5 -o /dev/null --unix-socket "$SOCKETS/$1/berth/agent.sock" http://localhost/readyz
}

agent_ready_or_dead() { agent_ready "$1" || ! recorded_pid "$(host_dir "$1")/agent-loop.pid"; }

agent_wait() {
  local name=$1 dir
  dir=$(host_dir "$name")
  # One that was ready and died since is started again.
  { wait_until 60 agent_ready_or_dead "$name" && recorded_pid "$dir/agent-loop.pid" >/dev/null; } || {
    tail -n 30 "$dir/agent.log" >&2
    fail "the agent of host $name is not ready; its log is $dir/agent.log"
  }
  [ -e "$dir/state/kubeconfig" ] || fail "the agent of host $name has written no kubeconfig to $dir/state; its log is $dir/agent.log"
  # Same credentials, but the address that can be reached from outside of the host.
  (umask 077 && sed "s#https://[^/]*:8750#https://$(host_address "$name"):8750#" "$dir/state/kubeconfig" >"$dir/kubeconfig.new")
  mv "$dir/kubeconfig.new" "$dir/kubeconfig"
}
