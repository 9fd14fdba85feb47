"""Results that go out: run folders and the files in them."""
