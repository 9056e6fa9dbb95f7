"""host and host_crashdump: what hosts are told to do, and what becomes of them by themselves.

All hosts are served by one process, so a call is run at once where it is received; ``reaching`` makes sure
that the host it is about would have answered. ``rules`` says which operation goes with which;
``life`` has hosts go down and come back.
"""
