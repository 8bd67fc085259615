"""How the starter's weights were made, from nothing."""
