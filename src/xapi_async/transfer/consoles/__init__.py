"""The consoles of VMs: a screen that speaks RFB, and a terminal."""
