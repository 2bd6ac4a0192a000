#!/usr/bin/env bash
# PostgreSQL on 127.0.0.1, with an empty database of its own.
#
#   postgres.sh install
#   postgres.sh start DIR [DATABASE]      prints postgresql://USER:PASSWORD@127.0.0.1:PORT/DATABASE (`catalog` unless given)
#   postgres.sh stop DIR                  the data goes too
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

user=frazil
password=secret

# Debian keeps the server's programs out of PATH.
find_programs() {
    local folder
    folder=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
    [ -z "$folder" ] || PATH=$folder:$PATH
}

install() {
    find_programs
    if ! command -v initdb >/dev/null; then
        # Debian's package would start a server of its own.
        need pg_createcluster postgresql-common
        sed -i -E 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
        install_package initdb postgresql
        find_programs
    fi
}

# The server refuses to run as root.
as_owner=()
if [ "$(id -u)" -eq 0 ]; then as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi

start() {
    local directory database=${2:-catalog} data
    install
    directory=$(folder "$1")
    # A folder that the server's user can reach, which those of root are not.
    data=$(mktemp -d "${TMPDIR:-/tmp}/frazil-postgres.XXXXXX")
    echo "$data" >"$directory/data"
    echo "$password" >"$data/password"
    [ ${#as_owner[@]} -eq 0 ] || chown -R postgres: "$data"
    (cd "$data" && "${as_owner[@]}" initdb -D "$data/db" -U "$user" -A scram-sha-256 --pwfile="$data/password" --no-sync) \
        >>"$directory/log" 2>&1 || {
        log_tail "$directory"
        fail "no database could be made; the log is $directory/log"
    }
    free_port
    launch "$directory" "${as_owner[@]}" "$(command -v postgres)" -D "$data/db" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories= -c fsync=off
    export PGPASSWORD=$password
    wait_until 60 "$directory" psql -h 127.0.0.1 -p "$port" -U "$user" -d postgres -c 'SELECT 1'
    psql -q -h 127.0.0.1 -p "$port" -U "$user" -d postgres -c "CREATE DATABASE \"$database\"" >&2
    echo "postgresql://$user:$password@127.0.0.1:$port/$database" | tee "$directory/address"
}

end() {
    # Without waiting for clients to leave.
    stop "$1" INT
    if [ -f "$1/data" ]; then
        rm -rf "$(cat "$1/data")"
        rm "$1/data"
    fi
}

case ${1:-}:$# in
    install:1) install ;;
    start:2 | start:3) start "${@:2}" ;;
    stop:2) end "$2" ;;
    *) usage ;;
esac
