#!/usr/bin/env bash
# libvirt-daemons.sh: starts libvirt's daemons by hand (no systemd) and keeps the main one running. PID 1 above must reap.
# Debian has one libvirtd; where only the modular daemons are installed those are started, each with its own socket.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
mkdir -p /run/libvirt /run/lock

# Where udev runs, /dev/kvm belongs to the group of QEMU's user. Where nobody arranged that, libvirt gets contradictory answers and
# probes QEMU anew at every call (a start then takes half a minute). So this mount namespace gets a device node as udev makes it.
if [ -c /dev/kvm ] && id libvirt-qemu >/dev/null 2>&1 && ! runuser -u libvirt-qemu -- test -w /dev/kvm; then
  rm -f /run/libvirt/kvm
  if mknod -m 660 /run/libvirt/kvm c 10 232; then
    chgrp kvm /run/libvirt/kvm
    mount --bind /run/libvirt/kvm /dev/kvm
  fi
fi

# Which of these exist differs between Debian 12 and 13.
start() { for daemon; do if command -v "$daemon" >/dev/null; then "$daemon" -d; fi; done; }

readonly START_LIMIT=5 START_LIMIT_SECONDS=30

# keep DAEMON: as systemd would. Guests live without it, but not without this script: PID 1 ends with it, and they with PID 1.
keep() {
  local failures=0 first=$SECONDS code
  while :; do
    code=0
    "$1" || code=$?
    echo "$(date -Is) $1 ended with code $code"
    # A signal is what somebody did to it; one that gives up by itself again and again will not get better.
    if [ "$code" -lt 128 ]; then
      if [ $((SECONDS - first)) -gt $START_LIMIT_SECONDS ]; then first=$SECONDS failures=0; fi
      failures=$((failures + 1))
      [ $failures -lt $START_LIMIT ] || exit 1
    fi
    sleep 1
  done
}

start virtlogd virtlockd
if command -v libvirtd >/dev/null; then keep libvirtd; fi
start virtnetworkd virtnodedevd virtstoraged virtsecretd virtnwfilterd virtinterfaced virtproxyd
keep virtqemud
