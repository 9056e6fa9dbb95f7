"""VM: copies, snapshots, provisioning, migration and removal.

``messages`` gathers the handlers. The package itself imports nothing, so that it and the one for a VM's life can
use each other without a circle.
"""
