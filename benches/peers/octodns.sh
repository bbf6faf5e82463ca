#!/usr/bin/env bash
# Writes an octoDNS configuration of N records in N/20 zones, with a source and a target that hold the same, so that a plan has nothing to do.
# Both are YAML folders: no server is asked, as the embedded portal asks none.
# The folders are relative: run octodns-sync in DIR.
# Usage: octodns.sh DIR N
set -euo pipefail
dir=$1 n=$2
rm -rf "$dir"
mkdir -p "$dir/source" "$dir/target"

awk -v n="$n" -v dir="$dir" 'BEGIN {
    config = dir "/config.yaml"
    for (side = 0; side < 2; side++) {
        name = side ? "target" : "source"
        printf "%s  %s:\n    class: octodns.provider.yaml.YamlProvider\n    directory: %s\n    enforce_order: false\n    default_ttl: 3600\n", (side ? "" : "providers:\n"), name, name > config
    }
    printf "zones:\n" > config
    for (i = 0; i < n; i++) {
        zone = sprintf("org-%05d.example.", int(i / 20))
        if (i % 20 == 0) {
            printf "  %s:\n    sources: [source]\n    targets: [target]\n", zone > config
            close(a); close(b)
            a = sprintf("%s/source/%syaml", dir, zone)
            b = sprintf("%s/target/%syaml", dir, zone)
            printf "---\n" > a; printf "---\n" > b
        }
        record = sprintf("user-%d:\n  type: A\n  value: 192.0.%d.%d\n", i, int(i / 250) % 250, i % 250)
        printf "%s", record > a; printf "%s", record > b
    }
}'
