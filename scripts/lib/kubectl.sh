# shellcheck shell=bash
# kubectl for the tests: the machine's own, or Debian's unpacked into the cache. Debian's package is never installed: it refuses
# to live beside a kubectl from elsewhere. Needs common.sh and packages.sh.

provide_kubectl() {
  local folder
  if kubectl version --client >/dev/null 2>&1 || compgen -G '/usr/lib/google-cloud-sdk/bin/kubectl.1.*' >/dev/null; then return; fi
  folder=$(unpacked kubernetes-client)
  PATH=$folder/usr/bin:$PATH
  export PATH
}
