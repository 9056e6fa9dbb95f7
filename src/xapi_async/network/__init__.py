"""Who carries frames: the driver interface for hosts' cards, bridges and addresses, and the simulated driver.

It imports nothing of the project but the clock, so that the inventory can use its cards as well.
"""
