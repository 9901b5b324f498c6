#!/usr/bin/env bash
# libvirt-daemons.sh: starts libvirt's daemons by hand (no systemd) and becomes the main one. PID 1 above must reap.
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

start virtlogd virtlockd
if command -v libvirtd >/dev/null; then exec libvirtd; fi
start virtnetworkd virtnodedevd virtstoraged virtsecretd virtnwfilterd virtinterfaced virtproxyd
exec virtqemud
