"""Storage repositories, the hosts' connections to them, disks, and the block devices of VMs.

Rooms for others: ``vbd_records`` and ``plugging`` have what VMs do with their disks as they start, stop
and are copied, ``loopback`` opens a disk for the server's own use, ``facts`` says who sees what.
"""
