"""How a server lets those who run it see how it is: metrics, health, traces, and word to systemd."""
