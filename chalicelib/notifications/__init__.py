"""What members are told: notices in the app, and mails by their choice."""
