# What the service scripts share; to be sourced.
#
# A service lives in a folder DIR of its own: `pid`, `log`, its address and its data. What is downloaded is kept in
# FRAZIL_SERVICES_CACHE, so that it is downloaded once.
set -euo pipefail

cache=${FRAZIL_SERVICES_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/frazil/services}
mkdir -p "$cache"

log() { printf '%s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

# The comment at the head of a script is its usage.
usage() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

# need COMMAND PACKAGE...: installs the first package that can be, if the command is missing.
need() {
    command -v "$1" >/dev/null || install_package "$@"
    command -v "$1" >/dev/null || fail "\`$1\` is missing, also with the package $2"
}

# install_package THING PACKAGE...: for the sake of THING.
install_package() {
    local thing=$1 package
    shift
    if ! command -v apt-get >/dev/null || [ "$(id -u)" -ne 0 ]; then
        fail "\`$thing\` is missing: install the package $1"
    fi
    log "installing the package $1"
    (
        export DEBIAN_FRONTEND=noninteractive
        # Two scripts may get here at the same time.
        exec 9>"$cache/apt.lock"
        flock 9
        [ -n "$(find /var/lib/apt/lists -name '*Packages*' -mmin -600 2>/dev/null | head -1)" ] || apt-get update -qq >&2
        for package in "$@"; do
            if apt-get install -y -qq --no-install-recommends -o DPkg::Lock::Timeout=300 "$package" >"$cache/apt.log" 2>&1; then
                exit 0
            fi
        done
        tail -5 "$cache/apt.log" >&2
        exit 1
    ) || fail "\`$thing\` is missing, and the package $1 could not be installed"
    hash -r
}

need_java() {
    need java openjdk-17-jre-headless openjdk-21-jre-headless
    local version
    version=$(java -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p')
    [ "${version:-0}" -ge 17 ] || fail "java is too old (version ${version:-unknown}): install the package openjdk-17-jre-headless"
}

# once NAME COMMAND...: runs the command with a new folder as its last argument, which becomes $cache/NAME if it
# succeeds. What is there already is kept, and two scripts that want the same wait for each other.
once() {
    local name=$1 folder
    shift
    folder=$cache/$name
    [ -d "$folder" ] && return
    (
        exec 9>"$cache/install.lock"
        flock 9
        [ -d "$folder" ] && exit 0
        log "installing $name"
        rm -rf "$folder.unfinished"
        # Where a failure is handled, `set -e` is off in all that is called: each step says && itself.
        mkdir -p "$folder.unfinished" && "$@" "$folder.unfinished" && mv "$folder.unfinished" "$folder"
    ) || fail "$name could not be installed into $cache"
}

# maven_libraries GROUP:ARTIFACT:VERSION[:TYPE[:CLASSIFIER]]... DIR: these and what they need at run time.
maven_libraries() {
    local directory=${!#} pom coordinates group artifact version type classifier
    need mvn maven
    pom=$directory/pom.xml
    {
        echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        echo '<groupId>services</groupId><artifactId>libraries</artifactId><version>1</version><packaging>pom</packaging><dependencies>'
        for coordinates in "${@:1:$#-1}"; do
            IFS=: read -r group artifact version type classifier <<<"$coordinates"
            echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version>"
            echo "<type>${type:-jar}</type>${classifier:+<classifier>$classifier</classifier>}</dependency>"
        done
        echo '</dependencies></project>'
    } >"$pom"
    maven -f "$pom" "$dependency_plugin:copy-dependencies" -DincludeScope=runtime -DoutputDirectory="$directory"
}

# maven_file GROUP:ARTIFACT:VERSION:TYPE[:CLASSIFIER] DIR: this one alone.
maven_file() {
    need mvn maven
    maven "$dependency_plugin:copy" -Dartifact="$1" -DoutputDirectory="$2"
}

dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.1
maven() {
    local output
    # Whatever it prints matters only if it fails.
    if ! output=$(mvn -B -q "$@" </dev/null 2>&1); then
        printf '%s\n' "$output" | grep -m 3 ERROR >&2 || printf '%s\n' "$output" | tail -5 >&2
        return 1
    fi
}

# Sets `port` to a port of 127.0.0.1 on which nothing listens. Scripts that run at the same time get different ones:
# each begins at a place of its own, below the range from which the system takes ports for outgoing connections.
n_ports=0
free_port() {
    while :; do
        port=$((12000 + ($$ * 21 + n_ports) % 20000))
        n_ports=$((n_ports + 1))
        answers "$port" || return 0
    done
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# launch DIR COMMAND...: runs it in DIR, in a session of its own, with its output in DIR/log and its id in DIR/pid.
launch() {
    local directory=$1
    shift
    if is_running "$directory"; then fail "it runs already in $directory: stop it first"; fi
    (
        cd "$directory"
        exec setsid "$@" >>log 2>&1 </dev/null
    ) &
    echo "$! $(started $!)" >"$directory/pid"
}

# When a process was started, in ticks since the machine was; nothing where that cannot be known.
started() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20 || true; }

# The process is there, and it is the one that was started in DIR: ids are used again.
is_running() {
    local pid start
    read -r pid start 2>/dev/null <"$1/pid" || return 1
    kill -0 "$pid" 2>/dev/null && [ "$(started "$pid")" = "$start" ]
}

# wait_until SECONDS DIR COMMAND...: until the command succeeds. Fails, with the end of the log, if the process ends or
# time is up.
wait_until() {
    local deadline=$((SECONDS + $1)) directory=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$directory"; then
            log_tail "$directory"
            fail "the process ended before it answered; its log is $directory/log"
        fi
        if [ "$SECONDS" -ge "$deadline" ]; then
            log_tail "$directory"
            stop "$directory"
            fail "no answer in time; its log is $directory/log"
        fi
        sleep 0.1
    done
}

log_tail() { tail -n 20 "$1/log" >&2 || true; }

# stop DIR [SIGNAL]: asks the process to end, and ends it if it has not after ten seconds. Nothing to stop is no error.
stop() {
    local pid i
    if is_running "$1"; then
        read -r pid _ <"$1/pid"
        kill -CONT "$pid" 2>/dev/null || true
        kill "-${2:-TERM}" "$pid" 2>/dev/null || true
        for ((i = 0; i < 100; i++)); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
    fi
    rm -f "$1/pid"
}

# folder DIR: makes it and prints its absolute path.
folder() {
    mkdir -p "$1"
    (cd "$1" && pwd -P)
}

# property NAME VALUE: one of a Hadoop configuration file.
property() { printf '<property><name>%s</name><value>%s</value></property>\n' "$1" "$2"; }

# For servers in tests: they start fast and use one thread where more would only wait for each other.
java_options=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData)
