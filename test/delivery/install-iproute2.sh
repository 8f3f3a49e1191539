#!/bin/sh
# Tests of broken networks need `ip` and `ss`. Installs Debian's iproute2 if they are not there: as root, or with sudo where
# that asks nothing.
set -eu
# Debian keeps them where only root looks.
PATH=$PATH:/usr/sbin:/sbin
command -v ip >/dev/null && command -v ss >/dev/null && exit 0

if [ "$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; else as_root=none; fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
  echo "The tests of broken networks need ip and ss, and they can't be installed from here." >&2
  echo "Install them (Debian: apt-get install iproute2)." >&2
  exit 1
fi
echo "Installing iproute2 for the tests of broken networks …" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends iproute2 >/dev/null
