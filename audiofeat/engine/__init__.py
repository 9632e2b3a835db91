"""Engines run the shards of a plan somewhere: ``local`` in supervised processes on this machine."""
