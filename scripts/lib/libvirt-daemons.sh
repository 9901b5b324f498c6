#!/usr/bin/env bash
# libvirt-daemons.sh: starts libvirt's daemons by hand (no systemd) and becomes the main one. PID 1 above must reap.
# Debian has one libvirtd; where only the modular daemons are installed those are started, each with its own socket.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
mkdir -p /run/libvirt /run/lock

# Which of these exist differs between Debian 12 and 13.
start() { for daemon; do if command -v "$daemon" >/dev/null; then "$daemon" -d; fi; done; }

start virtlogd virtlockd
if command -v libvirtd >/dev/null; then exec libvirtd; fi
start virtnetworkd virtnodedevd virtstoraged virtsecretd virtnwfilterd virtinterfaced virtproxyd
exec virtqemud
