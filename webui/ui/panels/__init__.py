"""Parts of the page outside of the tabs."""
