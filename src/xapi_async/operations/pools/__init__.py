"""The pool as a whole: its membership, high availability, updates, disaster recovery, and what is set for all hosts.

Rooms for others: ``protection`` has the checks that keep the failover plan whole, ``plan_fields`` computes what
the pool shows of its plan.
"""
