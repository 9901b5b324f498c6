#!/usr/bin/env bash
# libvirt-daemons.sh: starts libvirt's daemons by hand (no systemd) and becomes the main one. PID 1 above must reap.
# Debian 12 has one libvirtd; where only the modular daemons are installed those are started, each with its own socket.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
mkdir -p /run/libvirt /run/lock
virtlogd -d
virtlockd -d
if command -v libvirtd >/dev/null; then exec libvirtd; fi
for daemon in virtnetworkd virtnodedevd virtstoraged virtsecretd virtnwfilterd virtinterfaced virtproxyd; do
  if command -v "$daemon" >/dev/null; then "$daemon" -d; fi
done
exec virtqemud
