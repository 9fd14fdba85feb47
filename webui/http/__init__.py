"""HTTP middleware and access rules. They guard the page and the API alike."""
