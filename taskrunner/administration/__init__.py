"""What an administrator changes: each function refuses or changes, leaves a row of it, and prints nothing."""
