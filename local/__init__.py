"""Greenroom on this machine: package, local cloud, deployment, seed, demo."""
