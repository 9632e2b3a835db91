#!/usr/bin/env bash
# One feature store by two or more machines that share this folder under the same name, over plain ssh:
#
#   configs/cluster/two-hosts.sh SOURCE STORE CONFIG HOST HOST...
#
# If it is stopped, the hosts go on with their parts. Run it again where something is missing: only that is done.
set -euo pipefail

store=$2
printf -v job '%q ' "$1" "$2" --config "$3"
printf -v here '%q' "$PWD"
shift 3

part=0
for host in "$@"; do
    part=$((part + 1))
    ssh -n "$host" "cd $here && exec audiofeat extract $job --part $part/$#" &
done
wait # for all: commit says whose shards are missing
audiofeat commit "$store"
