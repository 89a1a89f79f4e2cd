"""A PostgreSQL server of the tests' own, and what stands in front of one."""
