#!/bin/sh
# The tests of interoperability need the libraries that Debian has, and what runs a program on them: no compiler, for CZMQ
# is called from Python, and JeroMQ from BeanShell.
set -eu
java=
command -v java >/dev/null || java=default-jre-headless
exec sh "$(dirname "$0")/../install-packages.sh" "The tests of interoperability need libraries of ZeroMQ" \
  python3-zmq libczmq4 php-cli php-zmq libzmq-ffi-perl libjeromq-java libbsh-java $java
