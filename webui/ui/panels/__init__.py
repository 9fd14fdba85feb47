"""Parts of the page that stand on every tab."""
