"""Holds a Dask cluster on SLURM open until Ctrl-C. Change: queue, account, sizes, wall time."""

import sys
import time

from dask_jobqueue import SLURMCluster

with SLURMCluster(
    queue="regular",
    account="my-account",
    walltime="04:00:00",
    cores=4,  # of a job; one notebook runs on each
    processes=1,
    memory="32GB",
    scheduler_options={"port": 8786},
) as cluster:
    cluster.adapt(minimum_jobs=1, maximum_jobs=20)
    sys.stdout.write(f"workbench run ab_test --executor {cluster.scheduler_address}\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)
