"""Runs every line of a file as a task of HyperQueue, on a server and two workers of its own."""

import sys

from hyperqueue import Job, LocalCluster
from hyperqueue.cluster import WorkerConfig

with open(sys.argv[1]) as file:
    lines = file.read().splitlines()
with LocalCluster() as cluster:
    for _ in range(2):
        cluster.start_worker(WorkerConfig(cores=1))
    client = cluster.client()
    job = Job(max_fails=len(lines))
    for line in lines:
        job.program(["sh", "-c", line], stdout=None, stderr=None)
    submitted = client.submit(job)
    client.wait_for_jobs([submitted], raise_on_error=False)
