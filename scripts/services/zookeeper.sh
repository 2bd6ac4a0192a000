#!/usr/bin/env bash
# ZooKeeper, one server or an ensemble, on 127.0.0.1.
#
#   zookeeper.sh install                  downloads it (once)
#   zookeeper.sh start DIR [N]            N servers (1 unless given); prints the connect string
#   zookeeper.sh status DIR               a line for each server: what it is in the ensemble
#   zookeeper.sh kill DIR I               ends server I at once, as a crash would
#   zookeeper.sh pause DIR I              server I stops answering, and
#   zookeeper.sh resume DIR I             goes on
#   zookeeper.sh restart DIR I            starts server I on the data it had
#   zookeeper.sh stop DIR                 stops all; the data stays
#   zookeeper.sh contend CONNECT PATH MARKER N
#                                         takes a lock N times with Curator; MARKER is a file that is there meanwhile
#
# ZK_VERSION (3.9.4), ZK_TICK_MS (200): a session lives for at least two ticks. ZK_JAVA_OPTIONS: more of them, such as
# a login configuration.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=${ZK_VERSION:-3.9.4}
tick_ms=${ZK_TICK_MS:-200}
name=zookeeper-$version
curator=curator-5.8.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
read -r -a more_options <<<"${ZK_JAVA_OPTIONS:-}"

install() {
    need_java
    once "$name" maven_libraries "org.apache.zookeeper:zookeeper:$version" org.xerial.snappy:snappy-java:1.1.10.8 \
        io.dropwizard.metrics:metrics-core:4.2.30 org.slf4j:slf4j-simple:2.0.13
    once "$curator" maven_libraries "org.apache.curator:curator-recipes:${curator#curator-}" org.slf4j:slf4j-simple:1.7.36
}

launch_server() {
    launch "$1/server$2" java -Xmx192m "${java_options[@]}" -Dzookeeper.admin.enableServer=false \
        -Dzookeeper.jmx.log4j.disable=true -Dzookeeper.extendedTypesEnabled=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true "${more_options[@]}" -cp "$cache/$name/*" \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$1/server$2/zoo.cfg"
}

port_of() { sed -n 's/^clientPort=//p' "$1/zoo.cfg"; }

# What server DIR says it is: standalone, leader or follower. Fails if it does not serve.
mode() {
    exec 3<>"/dev/tcp/127.0.0.1/$(port_of "$1")"
    printf srvr >&3
    timeout 2 cat <&3 | sed -n 's/^Mode: //p' | grep .
}
serves() { (mode "$1"); }

start() {
    local directory n=${2:-1} i servers='' addresses=()
    install
    directory=$(folder "$1")
    for ((i = 1; i <= n; i++)); do
        mkdir -p "$directory/server$i/data"
        echo "$i" >"$directory/server$i/data/myid"
        free_port
        cat >"$directory/server$i/zoo.cfg" <<CFG
dataDir=$directory/server$i/data
clientPort=$port
clientPortAddress=127.0.0.1
tickTime=$tick_ms
initLimit=50
syncLimit=25
minSessionTimeout=$((tick_ms * 2))
maxSessionTimeout=60000
maxClientCnxns=0
4lw.commands.whitelist=*
admin.enableServer=false
CFG
        addresses+=("127.0.0.1:$port")
        if [ "$n" -gt 1 ]; then
            free_port
            servers+="server.$i=127.0.0.1:$port"
            free_port
            servers+=":$port"$'\n'
        fi
    done
    for ((i = 1; i <= n; i++)); do
        [ "$n" -eq 1 ] || printf '%sstandaloneEnabled=false\n' "$servers" >>"$directory/server$i/zoo.cfg"
        launch_server "$directory" "$i"
    done
    for ((i = 1; i <= n; i++)); do wait_until 60 "$directory/server$i" serves "$directory/server$i"; done
    (IFS=, && echo "${addresses[*]}") | tee "$directory/address"
}

contend() {
    install
    # The program is compiled as it starts.
    need javac openjdk-17-jdk-headless openjdk-21-jdk-headless
    java -Xmx192m "${java_options[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$cache/$curator/*" \
        "$here/CuratorContender.java" "$@"
}

status() {
    local server
    for server in "$1"/server*; do
        printf '%s\t127.0.0.1:%s\t%s\n' "${server##*/}" "$(port_of "$server")" "$(serves "$server" 2>/dev/null || echo down)"
    done
}

signal() {
    is_running "$2/server$3" || fail "server $3 of $2 does not run"
    local pid
    read -r pid _ <"$2/server$3/pid"
    kill "-$1" "$pid"
    while [ "$1" = KILL ] && is_running "$2/server$3"; do sleep 0.1; done
}

case ${1:-}:$# in
    install:1) install ;;
    start:2 | start:3) start "${@:2}" ;;
    status:2) status "$2" ;;
    kill:3) signal KILL "$2" "$3" ;;
    pause:3) signal STOP "$2" "$3" ;;
    resume:3) signal CONT "$2" "$3" ;;
    restart:3)
        launch_server "$(folder "$2")" "$3"
        wait_until 60 "$2/server$3" serves "$2/server$3"
        ;;
    contend:5) contend "${@:2}" ;;
    stop:2) for server in "$2"/server*; do stop "$server"; done ;;
    *) usage ;;
esac
