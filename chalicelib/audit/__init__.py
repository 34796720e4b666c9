"""The audit trail: who did what to which thing of a program, and what it changed."""
