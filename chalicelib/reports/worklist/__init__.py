"""The worklist: items that need a manager's attention."""
