#!/usr/bin/env bash
# Writes a Terraform configuration of N `terraform_data` in N/20 files, and the state that an apply of it leaves, so that a plan has nothing
# to do. The state is written and not applied: applying 10,000 of them takes the better part of an hour.
# Usage: terraform.sh DIR N [nostate]
set -euo pipefail
dir=$1 n=$2 state=${3:-state}
rm -rf "$dir"
mkdir -p "$dir"

awk -v n="$n" -v dir="$dir" 'BEGIN {
    for (i = 0; i < n; i++) {
        file = sprintf("%s/org-%05d.tf", dir, int(i / 20))
        if (i % 20 == 0 && i > 0) close(last)
        last = file
        printf "resource \"terraform_data\" \"user_%d\" {\n  input = \"user-%d@org-%05d.example\"\n}\n\n", i, i, int(i / 20) > file
    }
}'

[[ $state == nostate ]] && exit
awk -v n="$n" 'BEGIN {
    printf "{\"version\":4,\"terraform_version\":\"1.11.0\",\"serial\":1,\"lineage\":\"3b0f2f4e-0000-4000-8000-000000000001\",\"outputs\":{},\"resources\":["
    for (i = 0; i < n; i++) {
        value = sprintf("{\"value\":\"user-%d@org-%05d.example\",\"type\":\"string\"}", i, int(i / 20))
        printf "%s{\"mode\":\"managed\",\"type\":\"terraform_data\",\"name\":\"user_%d\",\"provider\":\"provider[\\\"terraform.io/builtin/terraform\\\"]\",", (i ? "," : ""), i
        printf "\"instances\":[{\"schema_version\":0,\"attributes\":{\"id\":\"00000000-0000-4000-8000-%012d\",\"input\":%s,\"output\":%s,\"triggers_replace\":null},\"sensitive_attributes\":[]}]}", i, value, value
    }
    print "],\"check_results\":null}"
}' >"$dir/terraform.tfstate"
