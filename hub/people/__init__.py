"""Who may use the hub: people with passwords, programs with tokens, and their roles."""
