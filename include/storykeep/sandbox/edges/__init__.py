"""What the sandbox answers: one module for each kind of node and edge of the Graph API."""
