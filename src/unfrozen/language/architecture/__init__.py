"""What differs between architectures: where the parts are, and how to run from the middle."""
