"""What a pool holds before its first client: a freshly installed host, or a pool of any size.

:func:`~xapi_async.inventory.pool.populate` fills a new database,
:func:`~xapi_async.inventory.start.refresh_pool` brings one up to date that was there before. Both are
plain functions over an open transaction; what they leave to chance comes from a seed.
"""
