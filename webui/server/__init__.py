"""The server process: the app, its listening socket, its start and end."""
