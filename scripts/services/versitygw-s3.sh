#!/usr/bin/env bash
# An S3-compatible server (versitygw, over a folder) on 127.0.0.1. Objects outlive a restart. It is compiled when it is
# installed, which takes some minutes, so the tests do not start it by themselves.
#
#   versitygw-s3.sh install
#   versitygw-s3.sh start DIR      prints the endpoint
#   versitygw-s3.sh stop DIR
#
# S3_KEY (test), S3_SECRET (testsecret), VERSITYGW_VERSION (v1.8.0).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=${VERSITYGW_VERSION:-v1.8.0}
name=versitygw-$version

compile() { GOBIN=$1 GOTOOLCHAIN=local go install "github.com/versity/versitygw/cmd/versitygw@$version" >&2; }

install() {
    need go golang-go
    once "$name" compile
}

start() {
    local directory
    install
    directory=$(folder "$1")
    mkdir -p "$directory/data" "$directory/sidecar"
    free_port
    ROOT_ACCESS_KEY=${S3_KEY:-test} ROOT_SECRET_KEY=${S3_SECRET:-testsecret} launch "$directory" "$cache/$name/versitygw" \
        --port "127.0.0.1:$port" --quiet posix --sidecar "$directory/sidecar" "$directory/data"
    wait_until 30 "$directory" answers "$port"
    echo "http://127.0.0.1:$port" | tee "$directory/address"
}

case ${1:-}:$# in
    install:1) install ;;
    start:2) start "$2" ;;
    stop:2) stop "$2" ;;
    *) usage ;;
esac
