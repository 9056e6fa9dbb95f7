"""Copies of the pool's database on disks: kept up to date in the background, found, and read.

``copy_writer`` and ``copy_reader`` know how a copy lies on a disk, ``replica`` keeps one copy up to date, and
``replicas`` has all of them; ``targets`` says which disks are to have one, ``foreign`` finds those of other pools.
"""
