"""Accounts and their connections: the registry, the token vault and the watch over tokens."""
