#!/usr/bin/env bash
# One feature store by a Ray cluster of this machine and others that share this folder, over ssh:
#
#   configs/cluster/ray-two-hosts.sh SOURCE STORE CONFIG HOST...
#
# In the end, however it comes, nothing of the cluster is left. HEAD: this machine's address, as the others see it.
set -euo pipefail

source=$1 store=$2 config=$3
shift 3
head=${HEAD:-$(hostname --ip-address)} port=${PORT:-6379}
token=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
node="RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0 ray start --block --object-store-memory 80000000"

# Each host has the token from its standard input, whose end is the end of its node.
start_node() {
    exec {lifeline}> >(exec "$@")
    echo "$token" >&"$lifeline"
}
until_end='read -r RAY_AUTH_TOKEN; export RAY_AUTH_TOKEN; %s & cat >/dev/null; kill $!; wait'

# shellcheck disable=SC2059
start_node bash -c "$(printf "$until_end" "$node --head --node-ip-address $head --port $port --include-dashboard false")"
for host in "$@"; do
    # shellcheck disable=SC2059
    start_node ssh "$host" "$(printf "$until_end" "$node --address $head:$port")"
done

RAY_AUTH_MODE=token RAY_AUTH_TOKEN=$token \
    audiofeat extract "$source" "$store" --config "$config" --engine ray --address "$head:$port"
