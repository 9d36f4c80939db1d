"""What payment services and marketplaces paid out, reconciled line by line with what they had taken."""
