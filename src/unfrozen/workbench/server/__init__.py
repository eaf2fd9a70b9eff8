"""The application, the frame of its pages, and the socket that it listens on."""
