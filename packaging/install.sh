#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs OpenHB @VERSION@ for @MACHINE@ from the folder in which this script lies, or removes it.
#   ./install.sh [--prefix DIR] [--force]     DIR: /usr for root, ~/.local for others
#   ./install.sh --uninstall [--prefix DIR]
# Needs root rights only where DIR does. A version that is there already is replaced. --force: also replaces files that
# this script did not install. What belongs to OpenHB is listed in DIR/share/openhb/manifest.
set -eu
umask 022
machine=@MACHINE@
needs='@NEEDS@'
here=$(cd "$(dirname "$0")" && pwd)
list=share/openhb/manifest       # every file, relative to the prefix; part of the package
folders=share/openhb/directories # those that did not exist before, parents first; "." is the prefix
suffix=openhb-new

say() { echo "install.sh: $*"; }
fail() {
  echo "install.sh: $*" >&2
  exit 1
}
usage() {
  sed -n '4,7s/^# \{0,1\}//p' "$0"
  exit "$1"
}

prefix= uninstall= force=
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ $# -gt 1 ] || usage 2 >&2; prefix=$2; shift ;;
    --prefix=*) prefix=${1#--prefix=} ;;
    --uninstall) uninstall=yes ;;
    --force) force=yes ;;
    -h | --help) usage 0 ;;
    *) echo "install.sh: unknown argument $1" >&2; usage 2 >&2 ;;
  esac
  shift
done
if [ -n "$prefix" ]; then
  :
elif [ -f "$here/manifest" ]; then
  prefix=${here%/share/openhb} # this is the copy in an installed tree
elif [ "$(id -u)" = 0 ]; then
  prefix=/usr
else
  prefix=${HOME:?}/.local
fi
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac

# A manifest is only believed when every line stays inside the prefix.
check_list() {
  ! grep -qE '(^|/)\.\.(/|$)|^/|^$' "$1" || fail "$1 names files outside of $prefix; it is damaged, remove OpenHB by hand"
}
refresh_cache() {
  case $prefix in /usr | /usr/local) [ "$(id -u)" != 0 ] || ! command -v ldconfig >/dev/null || ldconfig ;; esac
}
place() { if [ "$1" = . ]; then echo "$prefix"; else echo "$prefix/$1"; fi; }
remove_folders() { # list of folders
  sed -n '1!G;h;$p' "$1" | while read -r folder; do rmdir "$(place "$folder")" 2>/dev/null || :; done
}

if [ -n "$uninstall" ]; then
  [ -f "$prefix/$list" ] || fail "OpenHB is not installed in $prefix (no $prefix/$list); give --prefix"
  check_list "$prefix/$list"
  [ -w "$prefix/share/openhb" ] || fail "no right to write in $prefix; run as root or give --prefix"
  kept=$(mktemp)
  trap 'rm -f "$kept"' EXIT
  [ ! -f "$prefix/$folders" ] || { check_list "$prefix/$folders"; cat "$prefix/$folders" >"$kept"; }
  # The manifest goes last, so that an interrupted removal can be repeated.
  while read -r file; do [ "$file" = "$list" ] || rm -f "$prefix/$file" "$prefix/$file.$suffix"; done <"$prefix/$list"
  rm -f "$prefix/$folders" "$prefix/$list"
  remove_folders "$kept"
  refresh_cache
  say "OpenHB is removed from $prefix"
  exit 0
fi

[ "$(uname -s)" = Linux ] && [ "$(uname -m)" = "$machine" ] ||
  fail "this package is for Linux on $machine, this machine is $(uname -s) on $(uname -m)"
[ -f "$here/$list" ] || fail "$here/$list is missing: unpack the whole package and run install.sh from its folder"
check_list "$here/$list"
while read -r file; do
  [ -f "$here/$file" ] || fail "$here/$file is missing: the package is incomplete, unpack it again"
done <"$here/$list"
answer=$("$here/bin/hrt_model_exec" --version 2>&1) ||
  fail "the programs do not run on this system: ${answer:-no loader}. They need $needs"

old=$prefix/$list
[ -f "$old" ] || old=/dev/null
check_list "$old"
if [ -z "$force" ]; then
  foreign=$(while read -r file; do
    if [ -e "$prefix/$file" ] || [ -L "$prefix/$file" ]; then grep -Fxq "$file" "$old" || echo "  $prefix/$file"; fi
  done <"$here/$list")
  [ -z "$foreign" ] || fail "these files are there and not from this script; choose another --prefix, or replace them with --force:
$foreign"
fi

# First every file under a temporary name beside its place, then all renames: a full disk or an interruption leaves what
# was there before.
made=$(mktemp)
undo() {
  while read -r file; do rm -f "$prefix/$file.$suffix"; done <"$here/$list"
  rm -f "$prefix/$folders.$suffix" "$prefix/$list.openhb-all"
  remove_folders "$made" # those that are still empty
  rm -f "$made"
}
trap undo EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_folder() { # relative to the prefix
  [ ! -d "$prefix/$1" ] || return 0
  case $1 in */*) make_folder "${1%/*}" ;; esac
  mkdir "$(place "$1")" || fail "cannot create $prefix/$1; run as root or give --prefix"
  echo "$1" >>"$made"
}
[ -d "${prefix%/*}/" ] || mkdir -p "${prefix%/*}" || fail "cannot create ${prefix%/*}"
make_folder .
while read -r file; do
  case $file in */*) make_folder "${file%/*}" ;; esac
  cp -P "$here/$file" "$prefix/$file.$suffix" || fail "cannot write $prefix/$file; nothing was changed"
done <"$here/$list"
previous=$(cat "$old")
{
  { [ "$old" = /dev/null ] || [ ! -f "$prefix/$folders" ] || cat "$prefix/$folders"; } && cat "$made"
} >"$prefix/$folders.$suffix" && { echo "$previous"; cat "$here/$list"; } | sed '/^$/d' >"$prefix/$list.openhb-all" ||
  fail "cannot write into $prefix/share/openhb; nothing was changed"

# Only renames and removals follow, which need no room. While they go on, the lists name all that may be there.
mv -f "$prefix/$folders.$suffix" "$prefix/$folders"
mv -f "$prefix/$list.openhb-all" "$prefix/$list"
while read -r file; do [ "$file" = "$list" ] || mv -f "$prefix/$file.$suffix" "$prefix/$file"; done <"$here/$list"
echo "$previous" | while read -r file; do
  [ -z "$file" ] || grep -Fxq "$file" "$here/$list" || rm -f "$prefix/$file"
done
mv -f "$prefix/$list.$suffix" "$prefix/$list"
refresh_cache
say "OpenHB @VERSION@ is installed in $prefix"
case :$PATH: in *":$prefix/bin:"*) ;; *) say "add $prefix/bin to PATH" ;; esac
