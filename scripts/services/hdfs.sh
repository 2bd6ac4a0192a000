#!/usr/bin/env bash
# HDFS, one name node and one data node, on 127.0.0.1. Not among the services of `up`: few programs are built with it.
#
#   hdfs.sh install                  downloads it (once)
#   hdfs.sh start DIR                prints hdfs://127.0.0.1:PORT
#   hdfs.sh shell DIR ARGUMENT...    what `hadoop fs` does
#   hdfs.sh stop DIR
#
# HADOOP_VERSION (3.3.6).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

version=${HADOOP_VERSION:-3.3.6}
name=hdfs-$version

install() {
    need_java
    once "$name" maven_libraries "org.apache.hadoop:hadoop-common:$version" "org.apache.hadoop:hadoop-hdfs:$version" \
        "org.apache.hadoop:hadoop-hdfs-client:$version"
}

# configure DIR PORT
configure() {
    local web
    mkdir -p "$1/conf" "$1/name" "$1/data"
    {
        echo '<configuration>'
        property fs.defaultFS "hdfs://127.0.0.1:$2"
        echo '</configuration>'
    } >"$1/conf/core-site.xml"
    {
        echo '<configuration>'
        property dfs.replication 1
        property dfs.namenode.name.dir "file://$1/name"
        property dfs.datanode.data.dir "file://$1/data"
        property dfs.namenode.http-address 127.0.0.1:0
        property dfs.datanode.address 127.0.0.1:0
        property dfs.datanode.http.address 127.0.0.1:0
        property dfs.datanode.ipc.address 127.0.0.1:0
        property dfs.datanode.hostname 127.0.0.1
        property dfs.namenode.safemode.extension 0
        echo '</configuration>'
    } >"$1/conf/hdfs-site.xml"
    cat >"$1/conf/log4j.properties" <<'PROPERTIES'
log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %p %c{1}: %m%n
PROPERTIES
    # Their pages, which are not among the libraries and which nobody looks at.
    for web in hdfs datanode; do
        mkdir -p "$1/conf/webapps/$web/WEB-INF"
        echo '<web-app/>' >"$1/conf/webapps/$web/WEB-INF/web.xml"
    done
}

# hadoop DIR CLASS ARGUMENT...
hadoop() { java -Xmx256m "${java_options[@]}" -cp "$1/conf:$cache/$name/*" "${@:2}"; }

shell() { hadoop "$1" org.apache.hadoop.fs.FsShell "${@:2}" 2> >(grep -v -e ' INFO ' -e SLF4J -e NativeCodeLoader >&2); }

# Rows can be written: the data node has told the name node of itself.
serves() { shell "$1" -touchz /started 2>/dev/null && echo x | shell "$1" -appendToFile - /started 2>/dev/null; }

start() {
    local directory class
    install
    directory=$(folder "$1")
    free_port
    configure "$directory" "$port"
    hadoop "$directory" org.apache.hadoop.hdfs.server.namenode.NameNode -format -force -nonInteractive 2>"$directory/format.log" ||
        fail "HDFS could not be set up: see $directory/format.log"
    for class in namenode.NameNode datanode.DataNode; do
        mkdir -p "$directory/${class#*.}"
        launch "$directory/${class#*.}" java -Xmx256m "${java_options[@]}" -cp "$directory/conf:$cache/$name/*" \
            "org.apache.hadoop.hdfs.server.$class"
    done
    wait_until 60 "$directory/DataNode" serves "$directory"
    echo "hdfs://127.0.0.1:$port" | tee "$directory/address"
}

case ${1:-}:$# in
    install:1) install ;;
    start:2) start "$2" ;;
    shell:*) [ $# -gt 2 ] || usage; shell "${@:2}" ;;
    stop:2) for part in DataNode NameNode; do stop "$2/$part"; done ;;
    *) usage ;;
esac
