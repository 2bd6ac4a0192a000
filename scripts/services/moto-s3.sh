#!/usr/bin/env bash
# An S3-compatible server (moto, in memory) on 127.0.0.1. Any access key is right; a bucket is made with PUT /BUCKET.
#
#   moto-s3.sh install
#   moto-s3.sh start DIR      prints the endpoint
#   moto-s3.sh stop DIR
#
# MOTO_VERSION (>=5.1,<6).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

name=moto

# A virtual environment cannot be moved once it is made: what is moved is only the list of what is in it.
make_environment() {
    local environment=$cache/$name-environment
    python3 -m venv --clear "$environment" &&
        "$environment/bin/pip" --quiet --disable-pip-version-check install "moto[server,s3]${MOTO_VERSION:->=5.1,<6}" >&2 &&
        "$environment/bin/pip" freeze >"$1/packages"
}

install() {
    need curl curl
    need python3 python3
    # Debian ships the module without what it needs to install packages.
    python3 -c 'import ensurepip' 2>/dev/null || install_package ensurepip python3-venv
    once "$name" make_environment
}

start() {
    local directory
    install
    directory=$(folder "$1")
    free_port
    launch "$directory" "$cache/$name-environment/bin/python" -m moto.server -H 127.0.0.1 -p "$port"
    wait_until 60 "$directory" curl -fsS -m 5 "http://127.0.0.1:$port/"
    echo "http://127.0.0.1:$port" | tee "$directory/address"
}

case ${1:-}:$# in
    install:1) install ;;
    start:2) start "$2" ;;
    stop:2) stop "$2" ;;
    *) usage ;;
esac
