"""Members as managers manage them: invite, import, change roles, remove."""
