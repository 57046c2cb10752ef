#!/usr/bin/env bash
# A run on several nodes under Slurm, one task a rank. The arguments are the trainer's:
#   sbatch deploy/trainer/slurm.sh --stage 1 --config configs/FILE.toml --run-dir /shared/runs/NAME
# Choose the nodes, the ranks of each and their cores below, or on sbatch's command line, which comes first. The run's
# folder, the configuration, the model and the data lie on a file system that all nodes share. docs/guide/cluster.md
# says what the ranks need, when GLOO_SOCKET_IFNAME is to be set, and what the exit codes mean.
#
# Five minutes before the time limit Slurm signals every rank: the step is finished and saved, and the job goes back
# into the queue. sbatch(1): --signal reaches the steps and not this script. Give more time where a step takes longer.
#SBATCH --job-name=ponder
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=2
#SBATCH --cpus-per-task=8
#SBATCH --time=12:00:00
#SBATCH --signal=USR1@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log
set -euo pipefail

trainer=${PONDER_TRAINER:-trainer}

# The ranks meet at the first node, at a port that follows from the job's number: jobs that share a node differ.
mapfile -t hosts < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
export MASTER_ADDR=${hosts[0]}
export MASTER_PORT=${MASTER_PORT:-$((20000 + SLURM_JOB_ID % 10000))}
# libtorch's threads wait without spinning: the sandbox's programs share the cores with them.
export OMP_WAIT_POLICY=passive
# c10d's warnings come with its stack; what they are about stands in the trainer's own errors.

# Slurm may bind a rank to its cores, so it computes with as many threads, whatever the configuration says.
threads=()
if [ -n "${SLURM_CPUS_PER_TASK:-}" ] && [[ $* != *run.num_threads=* ]]; then
    threads=(--set "run.num_threads=$SLURM_CPUS_PER_TASK")
fi

# Each rank ends by itself; those that have not a minute after the first are killed. srun(1): since Slurm 22.05 a step
# does not take --cpus-per-task from the job.
code=0
srun --kill-on-bad-exit=0 --wait=60 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
    "$trainer" "$@" --resume auto "${threads[@]}" || code=$?

# 75: stopped and saved, start me again. The same job runs from the top of this file.
if [ "$code" -eq 75 ]; then
    echo "saved; job $SLURM_JOB_ID goes back into the queue"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
