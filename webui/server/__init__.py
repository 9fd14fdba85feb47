"""The server process: the application, the listening socket, start-up and shutdown."""
