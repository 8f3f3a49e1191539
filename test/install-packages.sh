#!/bin/sh
# Installs what is missing of the Debian packages that tests need: as root, or with sudo where that asks nothing.
# Usage: install-packages.sh WHO-NEEDS-THEM PACKAGE…
set -eu
needed_by=$1
shift

missing=
for package; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; else as_root=none; fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
  echo "$needed_by, which can't be installed from here. On Debian: apt-get install$missing" >&2
  exit 1
fi
echo "Installing$missing …" >&2
export DEBIAN_FRONTEND=noninteractive
# Somebody else may be installing something.
apt_get="$as_root apt-get -qq -o DPkg::Lock::Timeout=300"
$apt_get update
# shellcheck disable=SC2086 # names of packages, one word each
$apt_get install -y --no-install-recommends $missing >/dev/null
