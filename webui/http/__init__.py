"""HTTP middleware and access rules, for the page and the API alike."""
