#!/usr/bin/env bash
# Apache Iceberg's reference REST catalog on 127.0.0.1. It remembers its tables in an SQLite file below DIR.
#
#   iceberg-rest.sh install
#   iceberg-rest.sh start DIR [WAREHOUSE]     prints the URI; WAREHOUSE: file:///… (DIR/warehouse unless given) or s3://…
#   iceberg-rest.sh stop DIR
#
# For a warehouse in S3: S3_ENDPOINT, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. ICEBERG_VERSION (1.10.1).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=${ICEBERG_VERSION:-1.10.1}
name=iceberg-rest-$version
aws=iceberg-aws-$version

install() {
    need curl curl
    need_java
    # The server is compiled as it starts.
    need javac openjdk-17-jdk-headless openjdk-21-jdk-headless
    once "$name" maven_libraries "org.apache.iceberg:iceberg-open-api:$version:jar:test-fixtures" \
        "org.apache.iceberg:iceberg-core:$version:jar:tests" "org.apache.iceberg:iceberg-core:$version" \
        "org.apache.iceberg:iceberg-data:$version" "org.apache.iceberg:iceberg-parquet:$version" \
        org.apache.hadoop:hadoop-client-api:3.4.1 org.apache.hadoop:hadoop-client-runtime:3.4.1 \
        org.eclipse.jetty:jetty-servlet:11.0.26 org.xerial:sqlite-jdbc:3.50.3.0 org.slf4j:slf4j-simple:2.0.17
    once "$aws" maven_libraries "org.apache.iceberg:iceberg-aws-bundle:$version" "org.apache.iceberg:iceberg-aws:$version"
}

start() {
    local directory warehouse
    install
    directory=$(folder "$1")
    warehouse=${2:-file://$(folder "$directory/warehouse")}
    local properties=("warehouse=$warehouse" "uri=jdbc:sqlite:$directory/catalog.sqlite")
    case $warehouse in
        s3://*)
            properties+=(io-impl=org.apache.iceberg.aws.s3.S3FileIO "s3.endpoint=$S3_ENDPOINT" s3.path-style-access=true
                client.region=us-east-1 "s3.access-key-id=$AWS_ACCESS_KEY_ID" "s3.secret-access-key=$AWS_SECRET_ACCESS_KEY")
            ;;
    esac
    free_port
    launch "$directory" java -Xmx256m "${java_options[@]}" -Dorg.slf4j.simpleLogger.showDateTime=true \
        -cp "$cache/$name/*:$cache/$aws/*" "$here/RestServer.java" 127.0.0.1 "$port" "${properties[@]}"
    wait_until 90 "$directory" curl -fsS -m 5 "http://127.0.0.1:$port/v1/config"
    echo "http://127.0.0.1:$port" | tee "$directory/address"
}

case ${1:-}:$# in
    install:1) install ;;
    start:2 | start:3) start "${@:2}" ;;
    stop:2) stop "$2" ;;
    *) usage ;;
esac
