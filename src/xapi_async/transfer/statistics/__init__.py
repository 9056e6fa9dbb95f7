"""What hosts and guests were measured to do: recorded, consolidated, and handed out over HTTP."""
