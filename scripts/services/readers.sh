#!/usr/bin/env bash
# Other readers of Iceberg tables, which read a table from its metadata file and print a line of JSON for it.
#
#   readers.sh install
#   readers.sh pyiceberg METADATA_FILE...    {"rows": [{column: value}]}, sorted by `k`
#   readers.sh java METADATA_FILE...         and {"files": [...]}, as Iceberg's Java library plans them
#
# PYICEBERG_VERSION (>=0.11,<0.13), ICEBERG_VERSION of the Java library (1.10.1).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=pyiceberg
java=iceberg-rest-${ICEBERG_VERSION:-1.10.1}

# A virtual environment cannot be moved once it is made: what is moved is only the list of what is in it.
make_environment() {
    local environment=$cache/$python-environment
    python3 -m venv --clear "$environment" &&
        "$environment/bin/pip" --quiet --disable-pip-version-check install "pyiceberg[pyarrow]${PYICEBERG_VERSION:->=0.11,<0.13}" >&2 &&
        "$environment/bin/pip" freeze >"$1/packages"
}

install() {
    need python3 python3
    # Debian ships the module without what it needs to install packages.
    python3 -c 'import ensurepip' 2>/dev/null || install_package ensurepip python3-venv
    once "$python" make_environment
    # Its libraries are those of the REST catalog.
    "$here/iceberg-rest.sh" install
}

read_with_pyiceberg() {
    install
    exec "$cache/$python-environment/bin/python" "$here/read_table.py" "$@"
}

read_with_java() {
    install
    exec java -Xmx256m "${java_options[@]}" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
        -cp "$cache/$java/*" "$here/TableReader.java" "$@"
}

case ${1:-}:$# in
    install:1) install ;;
    *:0 | *:1) usage ;;
    pyiceberg:*) read_with_pyiceberg "${@:2}" ;;
    java:*) read_with_java "${@:2}" ;;
    *) usage ;;
esac
