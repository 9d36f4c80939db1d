"""Ways to reach a printer. A transport moves bytes both ways and knows nothing of what they mean."""
