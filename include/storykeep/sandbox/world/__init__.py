"""What is true in the sandbox: accounts, stories and campaigns, computed from a seed."""
