"""Talk to people: arguments, progress, exit codes."""
