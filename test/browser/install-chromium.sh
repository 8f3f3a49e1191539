#!/bin/sh
# The browser tests need Chromium. Installs Debian's if there is none; CHROMIUM says where another one is.
set -eu
[ -x "${CHROMIUM:-/usr/bin/chromium}" ] && exit 0
exec sh "$(dirname "$0")/../install-packages.sh" \
  "The browser tests need Chromium (or CHROMIUM=/path/to/chromium npm test)" chromium
