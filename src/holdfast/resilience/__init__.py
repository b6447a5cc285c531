"""What keeps the service standing when load, disk or network go bad. Imports nothing of ours."""
