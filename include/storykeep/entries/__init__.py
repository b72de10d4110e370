"""Manual entries: stories captured by hand, numbers from screenshots, and what people decide about campaigns."""
