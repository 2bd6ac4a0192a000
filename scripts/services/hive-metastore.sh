#!/usr/bin/env bash
# Apache Hive's standalone metastore (thrift) on 127.0.0.1.
#
#   hive-metastore.sh install
#   hive-metastore.sh start DIR [WAREHOUSE]      prints thrift://127.0.0.1:PORT; WAREHOUSE: DIR/warehouse unless given
#   hive-metastore.sh restart DIR                after `stop`, with the data and the port it had
#   hive-metastore.sh stop DIR
#
# HMS_VERSION (4.0.1): 4.0 has no call `get_table` any more, 3.1.3 has. HMS_DB (derby): with `postgres` it keeps its data
# in a PostgreSQL of its own, which `alter_table` with an expected parameter needs: Derby cannot compare that column.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=${HMS_VERSION:-4.0.1}
name=hive-metastore-$version
hadoop=hadoop-client-3.3.6
home=$cache/$name/apache-hive-metastore-$version-bin
case $version in
    3.*)
        artifact=hive-standalone-metastore
        schema_tool=org.apache.hadoop.hive.metastore.tools.MetastoreSchemaTool
        task=org.apache.hadoop.hive.metastore.events.EventCleanerTask
        ;;
    *)
        artifact=hive-standalone-metastore-server
        schema_tool=org.apache.hadoop.hive.metastore.tools.schematool.MetastoreSchemaTool
        task=org.apache.hadoop.hive.metastore.txn.service.AcidHouseKeeperService
        ;;
esac

# configure DIR PORT WAREHOUSE JDBC_URI DRIVER USER PASSWORD
configure() {
    mkdir -p "$1/conf"
    {
        echo '<configuration>'
        property javax.jdo.option.ConnectionURL "$4"
        property javax.jdo.option.ConnectionDriverName "$5"
        property javax.jdo.option.ConnectionUserName "$6"
        property javax.jdo.option.ConnectionPassword "$7"
        property metastore.thrift.uris ''
        property metastore.thrift.bind.host 127.0.0.1
        property metastore.thrift.port "$2"
        property metastore.warehouse.dir "file://$1/managed"
        property metastore.warehouse.external.dir "$3"
        property metastore.schema.verification true
        # Housekeeping that would need Hive itself is left out.
        property metastore.task.threads.always "$task"
        property metastore.task.threads.remote ''
        property metastore.expression.proxy org.apache.hadoop.hive.metastore.DefaultPartitionExpressionProxy
        property metastore.event.db.notification.api.auth false
        property metastore.server.min.threads 8
        echo '</configuration>'
    } >"$1/conf/metastore-site.xml"
    cat >"$1/conf/log4j2.properties" <<'PROPERTIES'
rootLogger.level=INFO
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
PROPERTIES
}

# Sets `command` to what runs a class of the metastore with the configuration of DIR.
java_command() {
    local package
    command=(env METASTORE_HOME="$home" java -Xmx384m "${java_options[@]}")
    for package in java.lang java.net java.util java.util.concurrent sun.nio.ch; do
        command+=("--add-opens=java.base/$package=ALL-UNNAMED")
    done
    command+=("-Dderby.stream.error.file=$1/derby.log" -Dderby.system.durability=test "-Dmetastore.home=$home"
        "-Dlog4j.configurationFile=$1/conf/log4j2.properties" "-Dlog4j2.configurationFile=$1/conf/log4j2.properties"
        -cp "$1/conf:$home/lib/*:$cache/$hadoop/*")
}

# make_schema DIR TYPE
make_schema() {
    local command
    java_command "$1"
    if ! "${command[@]}" "$schema_tool" -dbType "$2" -initSchema >"$1/schema.log" 2>&1 </dev/null; then
        tail -20 "$1/schema.log" >&2
        return 1
    fi
}

derby() { echo "jdbc:derby:;databaseName=$1;create=true"; }

unpack() {
    maven_file "org.apache.hive:$artifact:$version:tar.gz:bin" "$1" &&
        tar -xzf "$1/$artifact-$version-bin.tar.gz" -C "$1" &&
        rm "$1/$artifact-$version-bin.tar.gz"
}

# An empty database, to be copied at each start: making one takes longer than all the rest.
make_template() {
    configure "$1" 0 /tmp "$(derby "$1/db")" org.apache.derby.jdbc.EmbeddedDriver APP mine &&
        make_schema "$1" derby
}

install() {
    need_java
    once "$hadoop" maven_libraries org.apache.hadoop:hadoop-client-api:3.3.6 org.apache.hadoop:hadoop-client-runtime:3.3.6 \
        org.apache.hadoop:hadoop-hdfs:3.3.6 commons-io:commons-io:2.15.1 commons-collections:commons-collections:3.2.2 \
        javax.servlet:javax.servlet-api:3.1.0 org.apache.httpcomponents:httpclient:4.5.14 com.google.code.gson:gson:2.10.1 \
        commons-lang:commons-lang:2.6 commons-cli:commons-cli:1.5.0
    once "$name" unpack
    once "$name-template" make_template
}

run() {
    local command
    java_command "$1"
    launch "$1" "${command[@]}" org.apache.hadoop.hive.metastore.HiveMetaStore -p "$2"
    wait_until 120 "$1" answers "$2"
    echo "thrift://127.0.0.1:$2" | tee "$1/address"
}

start() {
    local directory warehouse uri
    install
    directory=$(folder "$1")
    warehouse=${2:-file://$(folder "$directory/warehouse")}
    mkdir -p "$directory/managed"
    free_port
    if [ "${HMS_DB:-derby}" = postgres ]; then
        # postgresql://USER:PASSWORD@HOST:PORT/DATABASE
        uri=$("$here/postgres.sh" start "$directory/postgres" metastore)
        configure "$directory" "$port" "$warehouse" "jdbc:postgresql://${uri#*@}" org.postgresql.Driver frazil secret
        make_schema "$directory" postgres || fail "no schema could be made in $uri"
    else
        [ -d "$directory/db" ] || cp -R "$cache/$name-template/db" "$directory/db"
        rm -f "$directory"/db/*.lck
        configure "$directory" "$port" "$warehouse" "$(derby "$directory/db")" org.apache.derby.jdbc.EmbeddedDriver APP mine
    fi
    run "$directory" "$port"
}

case ${1:-}:$# in
    install:1) install ;;
    start:2 | start:3) start "${@:2}" ;;
    restart:2)
        [ -f "$2/address" ] || fail "nothing was started in $2"
        rm -f "$2"/db/*.lck
        run "$(folder "$2")" "$(sed 's/.*://' "$2/address")"
        ;;
    stop:2)
        stop "$2"
        [ ! -d "$2/postgres" ] || "$here/postgres.sh" stop "$2/postgres"
        ;;
    *) usage ;;
esac
