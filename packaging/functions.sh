# SPDX-License-Identifier: Apache-2.0
# Parts of scripts/package.
version=$(sed -n 's/^project(OpenHB VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
# The date of every packaged file.
: "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct 2>/dev/null || echo 1577836800)}"
export SOURCE_DATE_EPOCH
export LC_ALL=C
made=() # file names in $work/done

# Debian packages whose code becomes part of the programs; their notices go with them.
board_libraries=(libfmt-dev libflatbuffers-dev libstb-dev libxxhash-dev nlohmann-json3-dev libstdc++-12-dev-arm64-cross
  libc6-dev-arm64-cross)
host_libraries=(libfmt-dev libflatbuffers-dev libstb-dev libxxhash-dev nlohmann-json3-dev libcli11-dev)

fail() {
  echo "package: $1" >&2
  exit 1
}

install_tree() { # preset, folder
  local file
  cmake --install "build/$1" --prefix "$2" --strip >"$work/install.log" 2>&1 || {
    tail -5 "$work/install.log" >&2
    fail "preset $1 is not built; run scripts/package without --no-build"
  }
}

add_notices() { # tree, library package...
  local notices=$1/share/doc/openhb/third-party library
  shift
  mkdir -p "$notices"
  for library in "$@"; do
    install -m 644 "/usr/share/doc/$library/copyright" "$notices/$library.txt"
  done
}

# The programs' libraries as Debian dependencies, with the versions that their symbols need.
shared_libraries() { # tree
  local folder=$work/shlibs
  mkdir -p "$folder/debian"
  printf 'Source: openhb\n\nPackage: openhb\nArchitecture: amd64\n' >"$folder/debian/control"
  (cd "$folder" && dpkg-shlibdeps -O "-l$1/lib" -xopenhb "$1"/bin/* "$1"/lib/libdnn.so 2>"$work/shlibs.log" |
    sed 's/^shlibs:Depends=//') || { cat "$work/shlibs.log" >&2; fail 'dpkg-shlibdeps failed'; }
}

make_deb() { # tree, package, architecture, dependencies, title, description
  local tree=$1 root=$work/$2 file=$2_${version}_$3.deb
  mkdir -p "$root/DEBIAN"
  cp -a "$tree" "$root/usr"
  (cd "$root" && find usr -type f | sort | xargs -d '\n' md5sum >DEBIAN/md5sums)
  cat >"$root/DEBIAN/control" <<CONTROL
Package: $2
Version: $version
Architecture: $3
Maintainer: OpenHB <openhb@localhost>
Section: science
Priority: optional
Installed-Size: $(du -sk --apparent-size "$root/usr" | cut -f 1)
Depends: $4
Description: $5
 $6
CONTROL
  echo 'activate-noawait ldconfig' >"$root/DEBIAN/triggers"
  stamp "$root"
  dpkg-deb --root-owner-group -Zxz -z3 --threads-max=1 --build "$root" "$work/done/$file" >/dev/null
  made+=("$file")
}

make_tarball() { # tree, machine, what the programs need
  local tree=$1 name
  name=$(basename "$1")
  mkdir -p "$tree/share/openhb"
  sed -e "s|@VERSION@|$version|g; s|@MACHINE@|$2|g; s|@NEEDS@|$3|g" packaging/install.sh >"$tree/share/openhb/install.sh"
  chmod 755 "$tree/share/openhb/install.sh"
  : >"$tree/share/openhb/manifest"
  (cd "$tree" && find . \( -type f -o -type l \) -printf '%P\n' | sort) >"$work/manifest"
  mv "$work/manifest" "$tree/share/openhb/manifest"
  ln -s share/openhb/install.sh "$tree/install.sh"
  stamp "$tree"
  tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --format=gnu -cf - "$name" | gzip -6n >"$work/done/$name.tar.gz"
  made+=("$name.tar.gz")
}

stamp() { # tree: every date is the commit's, rights do not depend on the umask
  chmod -R u=rwX,go=rX "$1"
  find "$1" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
}
