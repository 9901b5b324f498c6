# shellcheck shell=bash
# kubectl for the tests, two versions at least: the machine's own, and Debian's unpacked into the cache. Debian's packages are never
# installed: they refuse to live beside a kubectl from elsewhere. Needs common.sh and packages.sh.

# provide_kubectl: leaves the programs in BERTH_KUBECTLS, one per line
provide_kubectl() {
  local found=() path
  for path in /usr/lib/google-cloud-sdk/bin/kubectl.1.*; do [ ! -x "$path" ] || found+=("$path"); done
  # The one on PATH beside Google's is only a dispatcher to them.
  if [ ${#found[@]} = 0 ] && path=$(command -v kubectl); then found+=("$path"); fi
  # 1.20: the oldest that people still have, and the only one that asks for no validation by the server.
  found+=("$(unpacked_from bookworm kubernetes-client)/usr/bin/kubectl")
  # 1.32. On a machine with several of its own it says nothing new.
  if [ ${#found[@]} -lt 3 ]; then found+=("$(unpacked_from trixie kubectl)/usr/bin/kubectl"); fi
  BERTH_KUBECTLS=$(printf '%s\n' "${found[@]}")
  export BERTH_KUBECTLS
}
