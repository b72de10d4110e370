"""What `make soak` is made of: a world, its schedule of trouble, who drives through it, and the checks at the end."""
