"""VMs as files: exported as an archive of their records and disks, and imported from one."""
