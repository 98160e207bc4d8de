#!/bin/bash
# A Gram matrix by several nodes into one store: sbatch docs/slurm_gram.sh, from the project's folder.
#
# Each process computes its share of the tiles; the folder of runs must be one that all nodes see. A job that is stopped
# (time limit, a node that fails) is made up for by submitting it again: tiles that are done stay. The store keeps the tile size
# it began with, so the number of nodes may change from one job to the next.
#
# Without communication between nodes, as a job array of 8 parts that may run at any time and in any order:
#   #SBATCH --array=0-7
#   python -m ntk_repro.gram ... --share $SLURM_ARRAY_TASK_ID 8
# then, when all have ended, the same command without --share: it checks every tile, computes what is missing and the
# eigenpairs (sbatch --dependency=afterany:<job id>).

#SBATCH --job-name=ntk-gram
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --mem=64G
#SBATCH --time=04:00:00
# --memory below is for each process: with several on a node, each may take its part of --mem.
# On nodes with 4 GPUs: --ntasks-per-node=4 and --gpus-per-node=4. In Slurm JAX gives each process one GPU.

set -euo pipefail

export NTK_REPRO_RUNS="${NTK_REPRO_RUNS:-$PWD/runs}"
# A folder that the job may write on a disk that all nodes see; programs compiled once serve the next job too.
export NTK_REPRO_CACHE="${NTK_REPRO_CACHE:-$NTK_REPRO_RUNS/cache}"

# jax.distributed reads from Slurm's environment who the processes are and where they meet. Process 0 goes on to the
# eigenpairs once all tiles are there.
srun .venv/bin/python -m ntk_repro.gram \
  --net resnet18 --residual-scale-init 1 \
  --data cifar10 --data-dir "${TFDS_DATA_DIR:?names the folder with CIFAR-10 prepared by TensorFlow Datasets}" \
  --k 1000 --distributed --memory "${NTK_REPRO_MEMORY:-60GB}"
