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

# kvm_device_closed: QEMU's user may not open /dev/kvm. libvirt then gets contradictory answers and probes QEMU anew at every call.
kvm_device_closed() { [ -c /dev/kvm ] && id libvirt-qemu >/dev/null 2>&1 && ! runuser -u libvirt-qemu -- test -w /dev/kvm; }

# udev opens the device, so this is for containers. A libvirtd that is started here gets a device of its own (libvirt-daemons.sh).
check_kvm_device() {
  if ! recorded_pid "$LIBVIRTD_PID" >/dev/null && kvm_device_closed; then
    say "warning: libvirt-qemu may not open /dev/kvm, which makes every start of a guest take half a minute. Cure: chgrp kvm /dev/kvm; chmod 660 /dev/kvm"
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

# stop_libvirtd: only one that start_libvirtd has started here. Everything in its pid namespace ends with it, so all guests are shut
# down first.
stop_libvirtd() {
  local parent child name
  if ! parent=$(recorded_pid "$LIBVIRTD_PID"); then return 0; fi
  if libvirt_answers; then
    shut_down running_domains
    while read -r name; do virsh_quiet net-destroy "$name" >/dev/null; done < <(virsh_quiet net-list --name | sed '/^$/d')
  fi
  say 'stopping libvirtd'
  read -r child _ <"/proc/$parent/task/$parent/children" || true
  [ -z "${child:-}" ] || kill -9 "$child" 2>/dev/null || true
  end_recorded "$LIBVIRTD_PID" 10
}

# stop_guests: what is ours in a libvirtd that is not; other guests and networks are left alone
stop_guests() {
  local name
  # The next agent must not take this end for the guest's own wish and leave it stopped: with this action it counts as a reboot
  # (agent/controllers/virtualmachine/power.ts, stopCause).
  while read -r name; do
    virsh_quiet set-lifecycle-action "$name" reboot destroy --live --config >/dev/null || true
  done < <(our_domains)
  shut_down our_domains
  while read -r name; do virsh_quiet net-destroy "$name" >/dev/null; done < <(our_networks)
  say "the machine's own libvirtd stays"
}

# shut_down LIST: the guests that the function LIST names
shut_down() {
  local names
  names=$("$1" | paste -sd ' ')
  [ -n "$names" ] || return 0
  say "shutting down the guests: $names"
  wait_until 60 shut_down_guests "$1" || cut_off "$1"
}

# shut_down_guests LIST: presses every power button again and looks after 2 s. A guest that is still booting misses the first press.
shut_down_guests() {
  local name
  while read -r name; do virsh_quiet shutdown "$name" --mode acpi || true; done < <("$1")
  [ -z "$("$1")" ] || sleep 2
  [ -z "$("$1")" ]
}

cut_off() {
  local name
  say "cut off after 60 s: $("$1" | paste -sd ' ')"
  while read -r name; do virsh_quiet destroy "$name" >/dev/null || true; done < <("$1")
}

virsh_quiet() { virsh -q -c qemu:///system "$@" </dev/null; }
running_domains() { virsh_quiet list --name | sed '/^$/d'; }

# What the agent has made carries these in its metadata (lib/domain/metadata.ts, agent/network/network-xml.ts).
our_domains() {
  local name
  while read -r name; do
    # Newer versions of virsh say nothing, and succeed, where there is no such metadata.
    if [ -n "$(virsh_quiet metadata "$name" https://berth.dev/domain/1 2>/dev/null || true)" ]; then echo "$name"; fi
  done < <(running_domains)
}

our_networks() {
  local name xml
  while read -r name; do
    xml=$(virsh_quiet net-dumpxml "$name")
    case $xml in *https://berth.dev/network/1*) echo "$name" ;; esac
  done < <(virsh_quiet net-list --name | sed '/^$/d')
}
