"""Schedules: a notebook that is run again and again, as text for a scheduler that the machine has already.

We run no scheduler of our own. A schedule is checked, written as a line for cron, a timer for systemd or a
CronJob for Kubernetes, and noted in the workspace.
"""
