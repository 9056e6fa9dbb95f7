"""xapi-async: an open server for the XenServer Management API."""

from __future__ import annotations

__version__ = "0.1.0"
