#!/usr/bin/env bash
# A run under torchrun, on one host or several: start this on each of them. The arguments are the trainer's:
#   deploy/trainer/torchrun.sh --stage 1 --config configs/FILE.toml --run-dir /shared/runs/NAME
# On several hosts, with the same values on all:
#   HOSTS=2 FIRST_HOST=node-a JOB=a-name deploy/trainer/torchrun.sh …
#
#   RANKS         ranks of this host; 1 for each GPU or NUMA node, 2 where nothing is said
#   RESTARTS      times that torchrun starts all ranks anew after one has failed; 3
#   FIRST_HOST    host on which torchrun keeps its store, by a name or address that this host knows as its own
#   PORT          port of that store; 29400
#   JOB           name of the job, another one for every job that meets at one host and port
#
# torchrun comes with PyTorch: it starts the ranks and computes nothing, so it need not be the libtorch that the trainer
# links. docs/guide/cluster.md says when GLOO_SOCKET_IFNAME is to be set, and what torchrun makes of exit codes.
set -euo pipefail

trainer=${PONDER_TRAINER:-trainer}
hosts=${HOSTS:-1}

place=(--standalone)
if [ "$hosts" -gt 1 ]; then
    : "${FIRST_HOST:?name the host that keeps the store, the same on all hosts}"
    : "${JOB:?name the job, the same on all hosts}"
    place=(--nnodes "$hosts" --rdzv-backend c10d --rdzv-endpoint "$FIRST_HOST:${PORT:-29400}" --rdzv-id "$JOB")
fi

# libtorch's threads wait without spinning: the sandbox's programs share the cores with them.
export OMP_WAIT_POLICY=passive
# c10d's warnings come with its stack; what they are about stands in the trainer's own errors.

exec torchrun "${place[@]}" --no-python --nproc-per-node "${RANKS:-2}" --max-restarts "${RESTARTS:-3}" \
    "$trainer" "$@" --resume auto
