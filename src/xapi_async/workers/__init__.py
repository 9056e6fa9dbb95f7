"""The server on several cores: one process that writes, and others that answer what only reads.

The *writer* is the whole server as it is with one process. Each *reader* holds a copy of all objects,
filled from a snapshot and kept up to date by the stream of all that lands in the writer's store. All
of them take connections on the same addresses, and the system spreads clients over them. A reader
answers reading messages itself and hands every other call to the writer; connections that carry
something else than calls it passes on as they are.

What makes this one server to its clients is a single rule: no reader answers before it has every change
that anybody may have been told of (:mod:`xapi_async.workers.freshness`). So nobody, on whatever
connection, sees a state older than one that somebody has been told of.
"""
