"""The numbers in the README, each with its command."""
