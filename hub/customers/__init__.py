"""Who customers are to the people who serve them: kept beside the record, never in a hashed event."""
