#!/bin/sh
# The browser tests need Chromium. Installs Debian's if there is none: as root, or with sudo where that asks nothing.
set -eu
chromium=${CHROMIUM:-/usr/bin/chromium}
[ -x "$chromium" ] && exit 0

if [ "$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root='sudo -n'; else as_root=none; fi
if [ "$as_root" = none ] || ! command -v apt-get >/dev/null; then
  echo "The browser tests need Chromium, and it can't be installed from here: there is no $chromium." >&2
  echo "Install it (Debian: apt-get install chromium), or say where it is: CHROMIUM=/path/to/chromium npm test" >&2
  exit 1
fi
echo "Installing Chromium for the browser tests …" >&2
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
$as_root apt-get install -y -qq --no-install-recommends chromium >/dev/null
