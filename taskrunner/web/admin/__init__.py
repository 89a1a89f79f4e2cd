"""The administration of a site in a browser."""
