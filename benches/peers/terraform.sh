#!/usr/bin/env bash
# Writes a Terraform configuration of N `terraform_data`, and the state that an apply of it leaves, so that a plan has nothing to do. The state is
# written and not applied: after four minutes, an apply of 10,000 of them has come to a quarter.
#
# Forms: `blocks`, a resource each in N/20 files, as a fleet of organizations is declared; `count`, one resource with `count = N`.
# Usage: terraform.sh DIR N blocks|count [nostate]
set -euo pipefail
dir=$1 n=$2 form=$3 state=${4:-state}
rm -rf "$dir"
mkdir -p "$dir"

case "$form" in
    blocks)
        awk -v n="$n" -v dir="$dir" 'BEGIN {
            for (i = 0; i < n; i++) {
                file = sprintf("%s/org-%05d.tf", dir, int(i / 20))
                if (i % 20 == 0 && i > 0) close(last)
                last = file
                printf "resource \"terraform_data\" \"user_%d\" {\n  input = \"user-%d@fleet.example\"\n}\n\n", i, i > file
            }
        }'
        ;;
    count)
        printf 'resource "terraform_data" "user" {\n  count = %d\n  input = "user-${count.index}@fleet.example"\n}\n' "$n" >"$dir/main.tf"
        ;;
    *) echo "unknown form \`$form\`" >&2; exit 64 ;;
esac

[[ $state == nostate ]] && exit
awk -v n="$n" -v form="$form" 'BEGIN {
    resource = "\"mode\":\"managed\",\"type\":\"terraform_data\",\"provider\":\"provider[\\\"terraform.io/builtin/terraform\\\"]\""
    printf "{\"version\":4,\"terraform_version\":\"1.11.0\",\"serial\":1,\"lineage\":\"3b0f2f4e-0000-4000-8000-000000000001\",\"outputs\":{},\"resources\":["
    if (form == "count") printf "{%s,\"name\":\"user\",\"instances\":[", resource
    for (i = 0; i < n; i++) {
        value = sprintf("{\"value\":\"user-%d@fleet.example\",\"type\":\"string\"}", i)
        key = form == "count" ? sprintf("\"index_key\":%d,", i) : ""
        instance = sprintf("{%s\"schema_version\":0,\"attributes\":{\"id\":\"00000000-0000-4000-8000-%012d\",\"input\":%s,\"output\":%s,\"triggers_replace\":null},\"sensitive_attributes\":[]}", key, i, value, value)
        if (i) printf ","
        if (form == "count") printf "%s", instance
        else printf "{%s,\"name\":\"user_%d\",\"instances\":[%s]}", resource, i, instance
    }
    if (form == "count") printf "]}"
    print "],\"check_results\":null}"
}' >"$dir/terraform.tfstate"
