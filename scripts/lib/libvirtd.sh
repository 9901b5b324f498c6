# shellcheck shell=bash
# The libvirtd of this machine: found, started through systemd, or started here where systemd is not PID 1. Needs common.sh.

readonly LIBVIRTD_PID=/run/berth/libvirtd.pid

libvirt_answers() { timeout 10 virsh -q -c qemu:///system connect >/dev/null 2>&1; }

systemd_runs() { [ -d /run/systemd/system ]; }

# libvirt_sockets: the agent's configuration lines. With modular daemons alone, networks have a socket of their own.
libvirt_sockets() {
  if command -v libvirtd >/dev/null; then
    echo 'socket: /run/libvirt/libvirt-sock'
  else
    printf '%s\n' 'socket: /run/libvirt/virtqemud-sock' 'networkSocket: /run/libvirt/virtnetworkd-sock'
  fi
}

# libvirt looks its own host name up at each start of a guest; without an answer that costs 10 s and more.
check_host_name() {
  if ! timeout 3 getent hosts "$(hostname)" >/dev/null; then
    say "warning: the host name $(hostname) is not found in time, which makes every start of a guest slow. Cure: echo '127.0.1.1 $(hostname)' >> /etc/hosts"
  fi
}

start_libvirtd() {
  if libvirt_answers; then return; fi
  say 'starting libvirtd'
  if systemd_runs; then
    if systemctl cat libvirtd.service >/dev/null 2>&1; then
      systemctl start libvirtd.service
    else
      systemctl start virtlogd.socket virtlockd.socket virtqemud.socket virtnetworkd.socket virtstoraged.socket virtnodedevd.socket virtproxyd.socket
    fi
  else
    # Under an init of its own that reaps: libvirt's QEMU probe waits 30 s for each child that nobody reaps. The rest of the
    # machine (network, mounts made later) is shared.
    mkdir -p /run/berth /var/log/berth
    (
      become_daemon "$LIBVIRTD_PID"
      exec setsid unshare --fork --kill-child --pid --mount --propagation slave --mount-proc \
        tini -g -- "$ROOT/scripts/lib/libvirt-daemons.sh"
    ) </dev/null >>/var/log/berth/libvirtd.log 2>&1 &
    daemon_recorded "$LIBVIRTD_PID" $!
  fi
  wait_until 60 libvirt_answers || fail "libvirtd does not answer; see /var/log/berth/libvirtd.log or journalctl -u libvirtd"
}

# stop_libvirtd: only one that start_libvirtd has started here. Guests live in its pid namespace, so they are shut down first.
stop_libvirtd() {
  local parent child name
  if ! parent=$(recorded_pid "$LIBVIRTD_PID"); then return 0; fi
  if libvirt_answers; then
    say "shutting down the guests: $(running_domains | paste -sd ' ')"
    wait_until 60 shut_down_guests || say "cut off after 60 s: $(running_domains | paste -sd ' ')"
    for name in $(virsh -q -c qemu:///system net-list --name); do virsh -q -c qemu:///system net-destroy "$name" >/dev/null; done
  fi
  say 'stopping libvirtd'
  read -r child _ <"/proc/$parent/task/$parent/children" || true
  [ -z "${child:-}" ] || kill -9 "$child" 2>/dev/null || true
  end_recorded "$LIBVIRTD_PID" 10
}

# shut_down_guests: presses every power button again and looks after 2 s. A guest that is still booting misses the first press.
shut_down_guests() {
  local name
  for name in $(running_domains); do virsh -q -c qemu:///system shutdown "$name" --mode acpi || true; done
  no_domain_runs || sleep 2
  no_domain_runs
}

running_domains() { virsh -q -c qemu:///system list --name | sed '/^$/d'; }
no_domain_runs() { [ -z "$(running_domains)" ]; }
