"""Hardware that VMs get: graphics cards, USB devices, consoles; one module per class, and what they share.

Rooms for others: ``placement`` has what starting, stopping and moving VMs needs of devices, ``console``
makes and deletes the consoles of VMs. ``messages`` gathers the handlers. The package itself imports
nothing, so that the VM's and these can use each other without a circle.
"""
